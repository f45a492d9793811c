"""`golfctl audit M.GOLF`: settle artifact, data and stack as `golfctl eval` does, then run the checks."""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golfctl.cli.audit_plan import make_plan
from golfctl.cli.eval_flow import check_outputs, resolve_paths
from golfctl.cli.stack_config import stack_config
from golfctl.cli.views.bars import reporter
from golfctl.cli.views.terminal import tell
from golfctl.errors import UsageError

if TYPE_CHECKING:
    from golfctl.auditing.report import AuditReport

_PLAN = {
    "text_tokens": 640, "cuts": 24, "mass_tokens": 160, "mass_positions": 4, "mass_answers": 12, "source_tokens": 768,
    "fed_tokens": 96,
}  # fmt: skip
_CUTS_WHERE_PHASE_MATTERS = 60  # chunks and shared offsets: a slip may show in one cut of ten


def audit_own(options: dict[str, Any]) -> "tuple[AuditReport, Path | None]":
    """The report, and the run whose journal gets the receipt.

    Raises:
        UsageError: a checkpoint, which is no artifact.
    """
    run, artifact, data = resolve_paths(options["source"], options["data"])
    check_outputs(artifact, {"--report": options["report"]})
    if artifact.suffix != ".golf":
        raise UsageError(f"{artifact}: an audit needs a packed artifact (.golf); make one with `golfctl pack`")
    stack = stack_config(run, defaultdict(lambda: None, options))
    config = stack.config

    from golfctl.auditing.ahead import Ahead
    from golfctl.auditing.own.subject_of_artifact import Own, few_threads, own_subject
    from golfctl.auditing.rules import load_rules
    from golfctl.auditing.run import run_audit
    from golfctl.auditing.subject import Context
    from golfctl.cli.devices import pick_device
    from golfctl.core.journal import read_journal

    journal = run / "journal.jsonl" if run is not None else None
    records = read_journal(journal).records if journal is not None and journal.exists() else []
    own = Own(
        artifact, data, config, pick_device(options["device"]), records, options["code"], options["exact_geometry"],
        options["seconds_per_run"], options["fresh"], options["reference"], stack.layers,
    )  # fmt: skip
    phased = config.ttt is not None or config.slot is not None or config.adapt_then_score
    plan = make_plan(options, {**_PLAN, "cuts": _CUTS_WHERE_PHASE_MATTERS} if phased else _PLAN)
    if config.leaks:
        tell(f"audited although it is no valid score: {'; '.join(config.leaks)}")
    context = Context(plan, load_rules(options["rules_name"]), reporter(options["quiet"]))
    evidence = _evidence(options, run)
    with few_threads(artifact), Ahead() as ahead:
        subject = own_subject(own, plan, ahead)
        return run_audit(subject, context, options["require"], options["only"], evidence), run


def _evidence(options: dict[str, Any], run: Path | None) -> Path | None:
    if options["evidence"] is not None:
        return Path(options["evidence"])
    return run / "audit" if run is not None else None
