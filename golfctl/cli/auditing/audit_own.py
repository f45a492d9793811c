"""`golfctl audit M.GOLF`: settle artifact, data and stack as `golfctl eval` does, then run the checks."""

from pathlib import Path
from typing import TYPE_CHECKING

from golfctl.cli.auditing.audit_plan import AuditFlags, make_plan
from golfctl.cli.evaluating.eval_paths import check_outputs, resolve_paths
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


def audit_own(flags: AuditFlags) -> "tuple[AuditReport, Path | None]":
    """The report, and the run whose journal gets the receipt.

    Raises:
        UsageError: a checkpoint, which is no artifact.
    """
    run, artifact, data = resolve_paths(flags.source, flags.data)
    check_outputs(artifact, {"--report": flags.report})
    if artifact.suffix != ".golf":
        raise UsageError(f"{artifact}: an audit needs a packed artifact (.golf); make one with `golfctl pack`")
    stack = stack_config(run, flags, reporter(flags.quiet))
    config = stack.config
    if config.lanes > 1:
        raise UsageError(
            f"eval.lanes {config.lanes}: an audit asks what rows know of later text, which lanes read side by side; "
            "--set eval.lanes=1 audits the same stack"
        )

    from golfctl.auditing.ahead import Ahead
    from golfctl.auditing.own.subject_of_artifact import Own, few_threads, own_subject
    from golfctl.auditing.rules import load_rules
    from golfctl.auditing.run import run_audit
    from golfctl.auditing.subject import AuditContext
    from golfctl.cli.devices import pick_device
    from golfctl.core.journal import read_journal

    journal = run / "journal.jsonl" if run is not None else None
    records = read_journal(journal).records if journal is not None and journal.exists() else []
    own = Own(
        artifact, data, config, pick_device(flags.device), records, flags.code, flags.exact_geometry,
        flags.seconds_per_run, flags.fresh, flags.reference, stack.layers,
    )  # fmt: skip
    phased = config.ttt is not None or config.slot is not None or config.adapt_then_score
    plan = make_plan(flags, {**_PLAN, "cuts": _CUTS_WHERE_PHASE_MATTERS} if phased else _PLAN)
    if config.leaks:
        tell(f"audited although it is no valid score: {'; '.join(config.leaks)}")
    context = AuditContext(plan, load_rules(flags.rules_name), reporter(flags.quiet))
    evidence = _evidence(flags, run)
    with few_threads(artifact), Ahead() as ahead:
        subject = own_subject(own, plan, ahead)
        return run_audit(subject, context, flags.require, flags.only, evidence), run


def _evidence(flags: AuditFlags, run: Path | None) -> Path | None:
    if flags.evidence is not None:
        return flags.evidence
    return run / "audit" if run is not None else None
