"""`golfctl submission`: record folders of the challenge's form."""

from pathlib import Path

import click

from golfctl.cli.options import json_option, writes
from golfctl.errors import UsageError

_EPILOG = "Exit 6 when a lint fails, or when a required one is not covered."


@click.group("submission")
def command() -> None:
    """Check record folders: files, sizes, clocks, seeds, and the claim against its logs."""


@command.command("check", epilog=_EPILOG)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--rules", "rules_name", default="parameter-golf", show_default=True, help="Rules: a name or a file.")
@click.option("--require", multiple=True, metavar="ID,…", help="Also fail when these are not covered.")
@click.option("--details", is_flag=True, help="Say also why lints were not covered, and what each cannot see.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the findings as JSON.")
@json_option
@writes("report")
def check(
    folder: Path, rules_name: str, require: tuple[str, ...], details: bool, report: Path | None, as_json: bool
) -> None:
    """Lint a record FOLDER. Nothing in it is run."""
    if report is not None and report.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"--report {report}: that is in the folder which is checked; name a file elsewhere")
    from golfctl.auditing.rules import load_rules
    from golfctl.cli.auditing.audit_flow import show_report, split_ids
    from golfctl.submission.check import check_submission

    found = check_submission(folder, load_rules(rules_name), split_ids(require))
    show_report(found, report, as_json, details)
