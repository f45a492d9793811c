"""The command group, its lazy table of commands, and the one boundary that turns errors into exit codes."""

import importlib
import io
import sys
from pathlib import Path

import click

import golfctl
from golfctl.cli.reply import Reply, complain
from golfctl.cli.views.terminal import let_go, spell_out_what_encodings_lack, tell
from golfctl.core.files import FULL
from golfctl.core.machine.refusals import refusal
from golfctl.core.machine.variables import check_variables
from golfctl.errors import GolfError, InterruptedRun

# command: (module in this package, one-line help). The help stands here so that `golfctl --help` imports no command.
COMMANDS: dict[str, tuple[str, str]] = {
    "quickstart": ("commands.quickstart", "Train, pack, inspect, evaluate and audit a small model in minutes."),
    "data": ("commands.data", "Build, fetch and verify token shards; train tokenizers."),
    "recipe": ("commands.recipe", "List, print and copy the recipes that come with golfctl."),
    "train": ("commands.train", "Train a model from a TOML recipe."),
    "plot": ("commands.plot", "Draw loss, rate and schedule curves of runs."),
    "pack": ("commands.pack", "Quantise and compress a checkpoint into one .golf artifact."),
    "import": ("commands.import_", "Read checkpoints and artifacts of the reference programs; runs no code."),
    "inspect": ("commands.inspect", "Show, verify and budget an artifact, to the last byte."),
    "schema": ("commands.schema", "List, print and apply the JSON Schemas of golfctl's documents."),
    "eval": ("commands.eval", "Score held-out text with an artifact: bits per byte."),
    "audit": ("commands.audit", "Check by test whether a score is what it says."),
    "compress": ("commands.compress", "Compress a text with an artifact's predictions."),
    "decompress": ("commands.decompress", "Give back the text of a compressed file."),
    "generate": ("commands.generate", "Write text with an artifact."),
    "compare": ("commands.compare", "Test whether one set of runs beats another."),
    "submission": ("commands.submission", "Check record folders of the challenge's form."),
    "doctor": ("commands.doctor", "Show what this machine has and what golfctl will use."),
}


class _LazyGroup(click.Group):
    """Imports a command's module only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"golfctl.cli.{COMMANDS[name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(golfctl.__version__, prog_name="golfctl")
def group() -> None:
    """Byte-budgeted language models: train, pack, inspect, eval, audit over one documented artifact file.

    Exit codes: 0 done; 1 a bug of ours; 2 usage; 3 bad or missing input; 4 artifact damaged or unsupported;
    5 over a budget; 6 an audit or comparison said no; 130 interrupted.
    """
    Path.cwd()  # where the folder is gone, libraries end the process over it
    check_variables()


def exit_code_of(arguments: list[str] | None = None) -> int:
    """Run golfctl and return its exit code; the only place where an error becomes a line on stderr and a code."""
    spell_out_what_encodings_lack()
    reply = Reply(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(arguments, reply)
    except Exception as error:
        reply.fail(f"a bug of golfctl: {type(error).__name__}: {error}", 1)
        raise


def _run(arguments: list[str] | None, reply: Reply) -> int:
    try:
        result = group.main(args=arguments, prog_name="golfctl", standalone_mode=False, obj=reply)
        return result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        return _fail(reply, InterruptedRun("interrupted"))
    except click.ClickException as error:
        _show(error)
        reply.fail(error.format_message(), error.exit_code)
        return error.exit_code
    except GolfError as error:
        return _fail(reply, error)
    except KeyboardInterrupt:
        return _fail(reply, InterruptedRun("interrupted"))
    except BrokenPipeError:  # `golfctl inspect | head`: the reader has seen enough
        let_go(sys.stdout)
        return 0
    except Exception as error:
        refused = refusal(error)
        if refused is None:
            raise
        if isinstance(error, OSError) and error.errno in FULL:  # of standard output: other writes say which file
            let_go(sys.stdout)
        return _fail(reply, refused)


def _show(error: click.ClickException) -> None:
    """click's own words about a command line, which they quote."""
    words = io.StringIO()
    error.show(words)
    for line in words.getvalue().rstrip("\n").split("\n"):
        tell(line)


def _fail(reply: Reply, error: GolfError) -> int:
    complain(str(error))
    reply.fail(str(error), error.exit_code, error.details)
    return error.exit_code
