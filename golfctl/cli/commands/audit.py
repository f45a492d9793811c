"""`golfctl audit`: checks on an artifact and its evaluation stack, or on anyone's scorer behind a command."""

from pathlib import Path
from typing import Any

import click

from golfctl.cli.options import device_option, json_option, needs, quiet_option, set_option, writes
from golfctl.cli.stack_options import stack_options

_EPILOG = "Exit 6 when a check fails, or when a required one is not covered or inconclusive."


@click.command("audit", epilog=_EPILOG)
@click.argument("source", required=False, type=click.Path(path_type=Path), metavar="[M.GOLF]")
@click.option("--data", type=click.Path(path_type=Path), help="Dataset folder. Default: what the run was trained on.")
@stack_options
@set_option
@click.option("--code", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help="Code that counts (T6).")
@click.option("--exact-geometry", is_flag=True, help="Probe with the windows and chunks of the evaluation: slow.")
@click.option("--scorer-cmd", metavar="CMD", help="Audit a foreign scorer: CMD with {tokens} {ledger}, or {folder}.")
@click.option("--variant-cmd", multiple=True, metavar="CMD", help="The same scorer at another batch size (T10).")
@click.option("--source-model", type=click.Path(path_type=Path), metavar="M.GOLF", help="Draw T12-i's text from it.")
@click.option("--tokens", type=click.Path(path_type=Path), help="Text for --scorer-cmd: a shard or bare uint16.")
@click.option("--step-cmd", metavar="CMD", help="The foreign scorer fed a token at a time (T13).")
@click.option("--bos", type=click.IntRange(min=0), help="Token that begins documents, for --scorer-cmd (T1b).")
@click.option("--vocab", type=click.IntRange(2, 65536), help="Vocabulary of a foreign scorer.")
@click.option(
    "--seconds-per-run",
    type=click.IntRange(1, 10**6),
    default=600,
    show_default=True,
    help="Limit for one run of another process.",
)
@click.option("--fresh", type=click.Path(path_type=Path), help="Text that nobody has seen: tokens or dataset (T12-iv).")
@click.option("--reference", type=click.Path(path_type=Path), metavar="M.GOLF", help="Clean model to compare with.")
@click.option("--self-test", is_flag=True, help="Audit the fourteen toy scorers whose verdicts are known.")
@click.option("--require", multiple=True, metavar="ID,…", help="Also fail when these are not covered or inconclusive.")
@click.option("--only", multiple=True, metavar="ID,…", help="Run these checks alone.")
@click.option("--rules", "rules_name", default="parameter-golf", show_default=True, help="Rules: a name or a file.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the probes. Default: fresh, and in the report.")
@click.option("--cuts", type=click.IntRange(min=1), help="Suffix cuts (T1).")
@click.option("--positions", type=click.IntRange(min=1), help="Positions whose mass is probed (T3).")
@click.option("--answers", type=click.IntRange(min=0), help="Answers tried at each; 0 is the whole vocabulary.")
@click.option("--tokens-per-text", type=click.IntRange(min=16), help="Length of the text that is probed.")
@click.option("--evidence", type=click.Path(path_type=Path), help="Folder for reproducers of failing rows.")
@click.option("--limits", is_flag=True, help="Print what each check cannot see, and run nothing.")
@click.option("--details", is_flag=True, help="Say also why checks were not covered, and what each cannot see.")
@click.option("--report", type=click.Path(path_type=Path), help="Write audit.json.")
@device_option
@json_option
@quiet_option
@needs("torch", "sentencepiece", "numba")
@writes("evidence", "report")
def command(**options: Any) -> None:
    """Check by test whether a score is what it says: causal, normalised, single-pass, of the right text and size.

    M.GOLF defaults to the latest run's model.golf. A row says pass, fail, warn, not covered or inconclusive, what it
    rests on, and (--details, --json) what it cannot see.
    """
    from golfctl.cli.auditing.audit_flow import audit_command
    from golfctl.cli.auditing.audit_plan import AuditFlags

    audit_command(AuditFlags(**options))
