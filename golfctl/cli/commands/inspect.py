"""`golfctl inspect`: size per tensor, group and section to the last byte; no torch."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from golfctl.cli.artifacts import find_artifact
from golfctl.cli.options import json_option, quiet_option, writes
from golfctl.cli.reply import complain
from golfctl.cli.views.render import emit, emit_json
from golfctl.cli.views.terminal import echo_bytes, tell
from golfctl.core.canonical import canonical_json
from golfctl.core.files import atomic_write, storage_errors
from golfctl.errors import UsageError

if TYPE_CHECKING:
    from golfctl.cli.inspect_flow import Outcome

FORMS = ("text", "short", "json", "markdown", "github")
_ALONE = ("as_json", "form", "budget", "counted", "verify", "entropy", "older", "since", "report", "summary")
_FIGURES = ("budget", "counted", "entropy")
_FLAGS = {"as_json": "--json", "form": "--format", "counted": "--count", "older": "--diff"}


@click.command("inspect")
@click.argument("artifacts", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMS), default="text", show_default=True,
              help="text: all of it; short: one line each; json: for machines; markdown: for a step summary; "
              "github: annotations.")  # fmt: skip
@json_option
@click.option("--budget", metavar="N|PROFILE", help="Exit 5 when the counted bytes exceed N or the profile's limit.")
@click.option("--count", "counted", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
              help="Count a file beside the artifact, such as its code; may be repeated.")  # fmt: skip
@click.option("--verify", is_flag=True, help="Decode every payload and rebuild every tensor.")
@click.option("--entropy", is_flag=True, help="Entropy of the stored symbols beside the bytes spent.")
@click.option(
    "--diff", "older", type=click.Path(path_type=Path), metavar="OLD", help="What changed from OLD to ARTIFACT."
)
@click.option("--since", metavar="REF", help="What changed from git's commit, branch or tag REF to ARTIFACT.")
@click.option("--source", is_flag=True, help="Print the embedded code and nothing else.")
@click.option("--source-file", metavar="PATH", help="Print one embedded file and nothing else.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE", help="Write the JSON document to FILE too.")
@click.option("--summary", type=click.Path(path_type=Path), metavar="FILE",
              help="Append the Markdown to FILE too, such as $GITHUB_STEP_SUMMARY.")  # fmt: skip
@quiet_option
@writes("report")
def command(artifacts: tuple[Path, ...], source: bool, source_file: str | None, **options: Any) -> int:
    """Show what ARTIFACTS hold, to the last byte.

    An ARTIFACT may be a run folder; without any: model.golf of the run under runs/ that was written to last. Structure
    and digests are always checked; a damaged artifact ends with exit code 4 and the rule that is broken. Of several
    artifacts every one is looked at, and the highest exit code is the answer.
    """
    _check(artifacts, source or bool(source_file), options)
    paths = [find_artifact(artifact, "inspecting") for artifact in artifacts or (None,)]
    if source or source_file:
        _print_source(paths[0], source_file)
        return 0
    _check_outputs(paths, options)
    outcomes = _look(paths, options)
    return _give(outcomes, "json" if options["as_json"] else options["form"], options)


def _check(artifacts: tuple[Path, ...], source: bool, options: dict[str, Any]) -> None:
    """Raise UsageError for options that contradict each other."""
    if options["as_json"] and _given("form") and options["form"] != "json":
        raise UsageError(f"--json and --format {options['form']} contradict each other: name one")
    if source:
        _refuse(_ALONE, "--source prints code alone")
    if (source or options["older"]) and len(artifacts) > 1:
        raise UsageError(f"{'--source' if source else '--diff'} takes one artifact, not {len(artifacts)}")
    if options["older"] and options["since"]:
        raise UsageError("--diff and --since contradict each other: compare with a file or with a commit")
    if options["older"] or options["since"]:
        _refuse(_FIGURES, f"{'--diff' if options['older'] else '--since'} compares two artifacts")


def _given(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT


def _refuse(names: Sequence[str], why: str) -> None:
    for name in names:
        if _given(name):
            raise UsageError(f"{_FLAGS.get(name, f'--{name}')} does not go here: {why}")


def _check_outputs(paths: Sequence[Path], options: dict[str, Any]) -> None:
    taken = {path.resolve() for path in paths}
    for name in ("report", "summary"):
        path = options[name]
        if path is not None and path.resolve() in taken:
            raise UsageError(f"--{name} {path}: that file is in use already; name another")
        taken |= set() if path is None else {path.resolve()}


def _look(paths: Sequence[Path], options: dict[str, Any]) -> "list[Outcome]":
    from golfctl.artifact import find_budget, open_artifact
    from golfctl.cli.inspect_flow import Look, compared, inspected

    budget = find_budget(options["budget"]) if options["budget"] else None
    look = Look(budget, options["counted"], options["verify"], options["entropy"], options["quiet"])
    if options["older"]:
        return [compared(paths[0], partial(open_artifact, find_artifact(options["older"], "inspecting")), look)]
    if options["since"]:
        from golfctl.inspection.at_commit import artifact_at

        return [compared(path, partial(artifact_at, options["since"], path), look) for path in paths]
    return [inspected(path, look) for path in paths]


def _give(outcomes: "Sequence[Outcome]", form: str, options: dict[str, Any]) -> int:
    """Print the outcomes in their form, a line on stderr for each failure; the highest exit code."""
    from golfctl.cli import inspect_flow as flow

    if form == "json":
        emit_json(flow.as_document(outcomes))
    else:
        text = flow.FORMS[form](outcomes)
        if text:
            emit(text)
    if options["report"]:
        atomic_write(options["report"], canonical_json(flow.as_document(outcomes)) + b"\n")
    if options["summary"]:
        with storage_errors(options["summary"]), options["summary"].open("ab") as stream:
            stream.write(f"{flow.as_markdown(outcomes)}\n\n".encode())
    for outcome in outcomes:
        if outcome.error is not None:
            complain(outcome.message)
        elif form in ("json", "markdown"):
            tell(f"golfctl: {flow.size_of(outcome)}")
    return flow.worst(outcomes)


def _print_source(path: Path, wanted: str | None) -> None:
    from golfctl.artifact import open_artifact
    from golfctl.core.table import suggestion
    from golfctl.inspection.decoding import source_files

    files = source_files(open_artifact(path))
    if wanted is not None and wanted not in files:
        raise UsageError(f"{path} embeds no file {wanted!r}{suggestion(wanted, list(files))}")
    for name, data in files.items():
        if wanted in (None, name):
            tell(f"{path}: {name}, {len(data):,} bytes")
            echo_bytes(data)
