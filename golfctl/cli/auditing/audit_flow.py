"""What `golfctl audit` does: settle what is audited and how hard, run, report, and say no with exit code 6."""

import json
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
from click.core import ParameterSource

from golfctl.cli.auditing.audit_own import audit_own
from golfctl.cli.auditing.audit_plan import AuditFlags, make_plan
from golfctl.cli.evaluating.eval_paths import check_outputs
from golfctl.cli.stack_options import STACK
from golfctl.cli.views.audit_text import audit_text, limits_lines, self_test_text
from golfctl.cli.views.bars import reporter
from golfctl.cli.views.render import emit_json
from golfctl.cli.views.terminal import columns, echo, tell
from golfctl.core.files import atomic_write
from golfctl.core.machine.places import check_place
from golfctl.errors import UsageError, VerdictError

if TYPE_CHECKING:
    from golfctl.auditing.report import AuditReport
    from golfctl.auditing.subject import TextSource

_FOREIGN_ONLY = ("scorer_cmd", "variant_cmd", "source_model", "tokens", "vocab", "step_cmd", "bos")
_OWN_ONLY = ("source", "code", "exact_geometry", "reference", *STACK)
_WINDOWS = ("stride", "seq_len")
VERDICT_COLOURS = {"FAIL": "red", "warn": "yellow", "inconclusive": "yellow", "pass": "green"}
_NAMES = {"source": "M.GOLF", "overrides": "--set", "rules_name": "--rules", "as_json": "--json"}


def audit_command(flags: AuditFlags) -> None:
    """Run one audit from the command line's values.

    Raises:
        VerdictError: a check failed or a required one was not reached. UsageError: contradicting options.
    """
    if flags.reference is not None and flags.fresh is None:
        raise UsageError("--reference has nothing to be compared on: add --fresh")
    if flags.self_test:
        _self_test(flags)
        return
    flags = replace(flags, require=_ids(flags.require, "--require"), only=_ids(flags.only, "--only"))
    if flags.limits:
        _show_limits(flags)
        return
    for path in (flags.report, flags.evidence):
        if path is not None:
            check_place(path)
    with _ended_together():
        _audit(flags)


@contextmanager
def _ended_together() -> Iterator[None]:
    """SIGTERM and SIGHUP end an audit as Ctrl-C does: with every process that it started, and their files."""
    caught = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) == signal.SIG_DFL]
    for number in caught:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, signal.SIG_DFL)


def _audit(flags: AuditFlags) -> None:
    if flags.scorer_cmd is not None:
        _refuse((n for n in _OWN_ONLY if n not in _WINDOWS), "--scorer-cmd audits a foreign scorer")
        if not flags.source_model:
            _refuse((*_WINDOWS, "device"), "without --source-model golfctl runs no model here")
        if flags.vocab is None:
            raise UsageError("--scorer-cmd needs --vocab: the size of the scorer's vocabulary")
        _finish(_audit_foreign(flags, flags.scorer_cmd, flags.vocab), None, flags)
    else:
        _refuse(_FOREIGN_ONLY, "an artifact is audited through golfctl's own evaluation")
        report, run = audit_own(flags)
        _finish(report, run, flags)


def _self_test(flags: AuditFlags) -> None:
    from golfctl.auditing.self_test import self_test

    kept = ("self_test", "seed", "as_json", "quiet")
    _refuse((name for name in vars(flags) if name not in kept), "--self-test audits its own toy scorers")
    results = self_test(flags.seed or 0, reporter(flags.quiet))
    if flags.as_json:
        emit_json([
            {"scorer": r.toy.name, "wrong": list(r.wrong), "findings": [f.to_dict() for f in r.findings]}
            for r in results
        ])  # fmt: skip
    else:
        echo(self_test_text(results))
    wrong = [result.toy.name for result in results if result.wrong]
    if wrong:
        raise VerdictError(f"self-test: {len(wrong)} toy scorers got a wrong verdict ({wrong[0]}); trust no audit")


def _show_limits(flags: AuditFlags) -> None:
    """What the checks, or those of --only, cannot see; nothing is run."""
    from golfctl.auditing.table import CHECKS

    kept = ("limits", "only", "as_json", "quiet")
    _refuse((name for name in vars(flags) if name not in kept), "--limits runs nothing; with a run it is --details")
    limits = {name: CHECKS[name].limits for name in flags.only or CHECKS}
    emit_json(limits) if flags.as_json else echo("\n".join(limits_lines(limits.items())))


def _audit_foreign(flags: AuditFlags, command: str, vocab: int) -> "AuditReport":
    from golfctl.auditing.foreign.command import split_command
    from golfctl.auditing.foreign.subject_of_command import foreign_subject, fresh_texts, read_tokens
    from golfctl.auditing.rules import load_rules
    from golfctl.auditing.run import run_audit
    from golfctl.auditing.subject import AuditContext

    split_command(command)
    if flags.tokens is not None:
        check_outputs(flags.tokens, {"--report": flags.report})
    plan = make_plan(flags, {"mass_answers": 0 if vocab <= 64 else 32})
    tokens_N, where, forbidden, bos = _foreign_tokens(flags, vocab, read_tokens)
    subject = foreign_subject(
        command, vocab, tokens_N, where, plan, source=_source(flags, vocab),
        variants=flags.variant_cmd, forbidden=forbidden, timeout_seconds=flags.seconds_per_run,
        step_command=flags.step_cmd,
    )  # fmt: skip
    subject.bos = bos
    if flags.fresh is not None:
        subject.fresh = fresh_texts(flags.fresh, tokens_N, vocab, plan)
    context = AuditContext(plan, load_rules(flags.rules_name), reporter(flags.quiet))
    return run_audit(subject, context, flags.require, flags.only, flags.evidence)


def _source(flags: AuditFlags, vocab: int) -> "TextSource | None":
    """The predictor that known text is drawn from: a model of golfctl's (imported ones too), or none."""
    if flags.source_model is None:
        return None
    from golfctl.auditing.own.evaluation import OwnSource
    from golfctl.cli.devices import pick_device
    from golfctl.evaluation.scored_model import load_source
    from golfctl.scoring.config import EvalConfig

    device = pick_device(flags.device)
    model = load_source(flags.source_model, device)
    if model.vocab_size != vocab:
        raise UsageError(f"--source-model has {model.vocab_size} tokens, the scorer {vocab}")
    windows = {name: value for name in _WINDOWS if (value := getattr(flags, name)) is not None}
    return OwnSource(model, EvalConfig.from_dict(windows, "--source-model"), device)


def _foreign_tokens(flags: AuditFlags, vocab: int, read_tokens: Any) -> tuple[Any, str, list[Path], int | None]:
    """The text, its name, the files that a scorer must not open, and the token that begins documents."""
    folder = flags.data
    if (flags.tokens is None) == (folder is None):
        raise UsageError("--scorer-cmd needs a text: either --tokens FILE or --data DIR")
    bos = flags.bos
    if bos is not None and bos >= vocab:
        raise UsageError(f"--bos {bos} is no token of a vocabulary of {vocab}")
    if folder is None:
        path = cast(Path, flags.tokens)
        return read_tokens(path, vocab), str(path), [path], bos
    from golfctl.auditing.foreign.subject_of_command import check_range
    from golfctl.data.dataset import Dataset

    dataset = Dataset.open(folder)
    tokens_N = dataset.validation().tokens_N
    check_range(tokens_N, vocab, str(folder))
    shards = [*dataset.train_shards, *dataset.val_shards]
    return tokens_N, str(folder), shards, dataset.tokenizer.bos if bos is None else bos


def _ids(values: tuple[str, ...], flag: str) -> tuple[str, ...]:
    """The checks that a flag names, before anything is loaded."""
    from golfctl.auditing.report import check_ids
    from golfctl.auditing.table import CHECKS

    return check_ids(split_ids(values, flag), list(CHECKS))


def split_ids(values: tuple[str, ...], flag: str = "--require") -> list[str]:
    """`--require T1,T3 --require T8` as one list; raises UsageError when the flag is given and names nothing."""
    found = [part.strip() for value in values for part in value.split(",") if part.strip()]
    if values and not found:
        raise UsageError(f"{flag} names no check")
    return found


def _refuse(names: Iterable[str], why: str) -> None:
    given = click.get_current_context().get_parameter_source
    for name in names:
        if given(name) not in (None, ParameterSource.DEFAULT):
            raise UsageError(f"{_flag(name)} does not go here: {why}")


def _flag(name: str) -> str:
    return _NAMES.get(name, f"--{name.replace('_', '-')}")


def _finish(report: "AuditReport", run: Path | None, flags: AuditFlags) -> None:
    if run is not None:
        from golfctl.core.journal import add_receipt

        add_receipt(run / "journal.jsonl", "audit", report.to_dict(), tell)
    show_report(report, flags.report, flags.as_json, flags.details)


def show_report(report: "AuditReport", path: Path | None, as_json: bool, details: bool) -> None:
    """Write and print a report.

    Raises:
        VerdictError: something failed, or was required and not reached.
    """
    if path:
        text = json.dumps(report.to_dict(), indent=2, sort_keys=True)
        atomic_write(path, text.encode() + b"\n")
        tell(f"report: {path}")
    if as_json:
        emit_json(report.to_dict())
    else:
        echo(audit_text(report, details, columns()), VERDICT_COLOURS)
    if report.failures:
        raise VerdictError(f"{', '.join(report.failures)} failed or, being required, were not reached")
