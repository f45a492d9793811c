"""`golfctl inspect`: size per tensor, group and section to the last byte; no torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from golfctl.cli.options import json_option, quiet_option
from golfctl.cli.views.bars import reporter
from golfctl.cli.views.render import emit_json
from golfctl.errors import InputError, UsageError

if TYPE_CHECKING:
    from golfctl.artifact import Artifact, LedgerRow


@click.command("inspect")
@click.argument("artifact", required=False, type=click.Path(path_type=Path))
@json_option
@click.option("--budget", metavar="N|PROFILE", help="Exit 5 when the counted bytes exceed N or the profile's limit.")
@click.option("--count", "counted", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
              help="Count a file beside the artifact, such as its code; may be repeated.")  # fmt: skip
@click.option("--verify", is_flag=True, help="Decode every payload and rebuild every tensor.")
@click.option("--entropy", is_flag=True, help="Entropy of the stored symbols beside the bytes spent.")
@click.option(
    "--diff", "older", type=click.Path(path_type=Path), metavar="OLD", help="What changed from OLD to ARTIFACT."
)
@click.option("--source", is_flag=True, help="Print the embedded code and nothing else.")
@click.option("--source-file", metavar="PATH", help="Print one embedded file and nothing else.")
@quiet_option
def command(
    artifact: Path | None, as_json: bool, budget: str | None, counted: tuple[Path, ...], verify: bool, entropy: bool,
    older: Path | None, source: bool, source_file: str | None, quiet: bool,
) -> None:  # fmt: skip
    """Show what ARTIFACT holds, to the last byte.

    ARTIFACT may be a run folder; without it: model.golf of the run under runs/ that was written to last. Structure and
    digests are always checked; a damaged artifact ends with exit code 4 and the rule that is broken.
    """
    figures = bool(budget or counted or entropy)
    if (source or source_file) and (as_json or verify or older or figures):
        raise UsageError("--source prints code alone: it does not go with --json, --verify, --diff or figures")
    if older is not None and figures:
        raise UsageError("--diff compares two artifacts: it does not go with --budget, --count or --entropy")
    path = _resolve(artifact)
    if source or source_file:
        _print_source(path, source_file)
    elif older is not None:
        _print_diff(_resolve(older), path, as_json, verify, quiet)
    else:
        _print_report(path, budget, counted, as_json, verify, entropy, quiet)


def _resolve(artifact: Path | None) -> Path:
    """The file to inspect: as given, or the artifact of the run folder given, or of the latest run."""
    if artifact is not None and not artifact.is_dir():
        return artifact
    from golfctl.training.run.run_folders import RunFolder, latest_run

    path = RunFolder(artifact if artifact is not None else latest_run()).artifact
    click.echo(f"inspecting {path}{', the artifact of the latest run' if artifact is None else ''}", err=True)
    if not path.is_file():
        raise InputError(f"{path} is not there yet: `golfctl pack` makes it")
    return path


def _open(path: Path, verify: bool, quiet: bool) -> "tuple[Artifact, dict[str, Any]]":
    """The artifact and what was verified."""
    from golfctl.artifact import open_artifact

    artifact = open_artifact(path)
    decoded = None
    if verify:
        from golfctl.inspection.verify import verify_payloads

        decoded = verify_payloads(artifact, reporter(quiet))
    return artifact, {"digests": True, "payloads": True if verify else None, "decoded_bytes": decoded}


def _print_report(
    path: Path,
    budget_text: str | None,
    counted: tuple[Path, ...],
    as_json: bool,
    verify: bool,
    entropy: bool,
    quiet: bool,
) -> None:
    from golfctl.artifact import check_budget, find_budget
    from golfctl.inspection.report import build_report

    budget = find_budget(budget_text) if budget_text else None
    artifact, verified = _open(path, verify, quiet)
    ledger = _ledger(artifact, counted)
    report = build_report(artifact, ledger, budget) | {"verified": verified}
    if entropy:
        from golfctl.inspection.entropy import add_entropy, tensor_entropies

        add_entropy(report, tensor_entropies(artifact, reporter(quiet)))
    if as_json:
        emit_json(report)
    else:
        from golfctl.cli.views.inspect_text import report_text

        click.echo(report_text(report))
    if budget is not None:
        check_budget(ledger, budget)


def _ledger(artifact: "Artifact", counted: tuple[Path, ...]) -> "list[LedgerRow]":
    from golfctl.artifact import ledger_of
    from golfctl.inspection.external import count_files

    return count_files(ledger_of(artifact), artifact.manifest.external, counted)


def _print_diff(older: Path, newer: Path, as_json: bool, verify: bool, quiet: bool) -> None:
    from golfctl.artifact import ledger_of
    from golfctl.inspection.difference import diff_reports
    from golfctl.inspection.report import build_report

    reports = []
    for one in (older, newer):
        artifact, verified = _open(one, verify, quiet)
        reports.append(build_report(artifact, ledger_of(artifact), None) | {"verified": verified})
    difference = diff_reports(*reports)
    if as_json:
        emit_json(difference)
    else:
        from golfctl.cli.views.inspect_text import diff_text

        click.echo(diff_text(difference))


def _print_source(path: Path, wanted: str | None) -> None:
    from golfctl.artifact import open_artifact
    from golfctl.core.table import suggestion
    from golfctl.inspection.decoding import source_files

    files = source_files(open_artifact(path))
    if wanted is not None and wanted not in files:
        raise UsageError(f"{path} embeds no file {wanted!r}{suggestion(wanted, list(files))}")
    for name, data in files.items():
        if wanted in (None, name):
            click.echo(f"{path}: {name}, {len(data):,} bytes", err=True)
            click.echo(data, nl=False)
