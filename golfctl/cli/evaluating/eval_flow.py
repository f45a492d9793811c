"""What `golfctl eval` does: settle what is scored, score it, write the report and the receipt, show the result."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golfctl.cli.evaluating.eval_flags import EvalFlags, check_ahead, refuse_contradictions, refuse_idle
from golfctl.cli.evaluating.eval_paths import check_outputs, resolve_paths
from golfctl.cli.evaluating.eval_proof import proof_of, provable, refuse_unprovable
from golfctl.cli.stack_config import Stack, stack_config
from golfctl.cli.views.bars import reporter
from golfctl.cli.views.eval_text import baseline_rows, estimate_line, summary
from golfctl.cli.views.render import emit_json
from golfctl.cli.views.terminal import echo, tell
from golfctl.core.files import atomic_write
from golfctl.core.journal import add_receipt
from golfctl.core.machine.allocator import keep_freed_memory
from golfctl.core.progress import SILENT

if TYPE_CHECKING:
    from golfctl.evaluation.evaluate import Evaluation, Request


def evaluate_command(source: Path | None, data: Path | None, flags: EvalFlags) -> None:
    """Run one evaluation from the command line's values."""
    run, source, data = resolve_paths(source, data)
    outputs = {"--report": flags.report, "--plot": flags.plot, "--resume": flags.resume, "--proof": flags.proof}
    check_outputs(source, outputs)
    refuse_contradictions(flags)
    typed = {"documents": flags.documents, "strict": flags.strict, "stepwise": flags.by_steps, "lanes": flags.lanes}
    typed["portable"] = flags.portable
    stack = stack_config(run, flags, reporter(flags.quiet), **typed)
    refuse_idle(flags, stack.config)
    refuse_unprovable(source, flags, stack.config)
    stack = provable(stack, flags)
    check_ahead(run, flags, stack.config)
    keep_freed_memory()
    if flags.estimate:
        _estimate(_request(source, data, stack, flags), flags)
        return

    from golfctl.evaluation.evaluate import evaluate
    from golfctl.scoring.ranks import joined_ranks

    proof = proof_of(source, flags, stack.config)
    with joined_ranks() as ranks:
        leader = ranks.rank == 0
        request = _request(source, data, stack, flags)  # here, where a rank knows its device
        request = replace(request, after_step=proof.after_step) if proof else request
        done = evaluate(request, ranks, reporter(flags.quiet) if leader else SILENT)
        if leader:
            _finish(done, run, data, flags)
        if proof:
            proof.write(done, data, flags.texts, stack.config)


def _request(source: Path, data: Path, stack: Stack, flags: EvalFlags) -> "Request":
    from golfctl.auditing.rules import load_rules
    from golfctl.cli.devices import pick_device
    from golfctl.evaluation.evaluate import Request

    return Request(
        source, data, stack.config, pick_device("cpu" if flags.proof else flags.device), stack.layers, flags.texts,
        load_rules(flags.rules_name).known_texts, flags.ladder, flags.deadline, flags.resume,
    )  # fmt: skip


def _estimate(request: "Request", flags: EvalFlags) -> None:
    from golfctl.evaluation.evaluate import estimate

    expected = asdict(estimate(request))
    emit_json(expected) if flags.as_json else echo(estimate_line(expected))


def _finish(done: "Evaluation", run: Path | None, data: Path, flags: EvalFlags) -> None:
    report = done.report
    for note in report["notes"]:
        tell(f"warning: {note}")
    if run is not None and report["source"]["kind"] == "artifact":
        kind = "eval.leaking" if report["reasons"] else "eval"
        record = add_receipt(run / "journal.jsonl", kind, {**report, "data": str(data.resolve())}, tell)
        report = {**report, "journal_head": record.hash} if record else report
    if flags.report:
        atomic_write(flags.report, json.dumps(report, indent=2, sort_keys=True).encode() + b"\n")
        tell(f"report: {flags.report}")
    if flags.plot:
        from golfctl.evaluation.figures.score_curves import save_plot

        save_plot(flags.plot, done.stream, done.curves)
        tell(f"plot: {flags.plot}")
    baselines = _baselines(data, flags.texts) if flags.baselines else []
    if flags.as_json:
        emit_json({**report, "baselines": baselines} if flags.baselines else report)
        return
    echo(summary(report))
    if baselines:
        echo("\n" + baseline_rows(report, baselines))


def _baselines(data: Path, texts: tuple[Path, ...]) -> list[dict[str, Any]]:
    from golfctl.data.dataset import Dataset
    from golfctl.evaluation.figures.baselines import compressor_rows

    return compressor_rows(Dataset.open(data, texts=texts))
