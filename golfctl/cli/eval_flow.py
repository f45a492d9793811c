"""What `golfctl eval` does: resolve defaults, run, write the report and the receipt, show the result."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golfctl.cli.stack_config import stack_config
from golfctl.cli.stack_options import StackFlags
from golfctl.cli.views.bars import reporter
from golfctl.cli.views.eval_text import baseline_rows, estimate_line, summary
from golfctl.cli.views.render import emit_json
from golfctl.cli.views.terminal import echo, tell
from golfctl.core.files import atomic_write
from golfctl.core.journal import add_receipt, read_journal
from golfctl.core.machine.allocator import keep_freed_memory
from golfctl.core.machine.places import check_output
from golfctl.core.progress import SILENT
from golfctl.errors import InputError, UsageError
from golfctl.scoring.config import EvalConfig

if TYPE_CHECKING:
    from golfctl.evaluation.evaluate import Evaluation

_ADAPTING = ("ttt", "slot", "ngram", "ctw", "calibrate")


@dataclass(frozen=True, kw_only=True)
class EvalFlags(StackFlags):
    """The command line of `golfctl eval`, beside artifact and data."""

    texts: tuple[Path, ...]
    rules_name: str
    documents: int | None
    ladder: bool
    estimate: bool
    deadline: float | None
    strict: bool
    baselines: bool
    resume: Path | None
    plot: Path | None
    report: Path | None
    device: str
    as_json: bool
    quiet: bool


def evaluate_command(source: Path | None, data: Path | None, flags: EvalFlags) -> None:
    """Run one evaluation from the command line's values."""
    run, source, data = resolve_paths(source, data)
    check_outputs(source, {"--report": flags.report, "--plot": flags.plot, "--resume": flags.resume})
    _refuse_contradictions(flags)
    stack = stack_config(run, flags, reporter(flags.quiet), documents=flags.documents, strict=flags.strict)
    config = stack.config
    _refuse_idle(flags, config)
    _check_ahead(run, flags, config)

    from golfctl.auditing.rules import load_rules
    from golfctl.cli.devices import pick_device
    from golfctl.evaluation.evaluate import estimate, evaluate
    from golfctl.scoring.ranks import joined_ranks

    keep_freed_memory()
    if flags.estimate:
        expected = asdict(estimate(source, data, config, pick_device(flags.device)))
        emit_json(expected) if flags.as_json else echo(estimate_line(expected))
        return

    known_texts = load_rules(flags.rules_name).known_texts
    with joined_ranks() as ranks:
        leader = ranks.rank == 0
        progress = reporter(flags.quiet) if leader else SILENT
        device = pick_device(flags.device)
        done = evaluate(
            source, data, config, device, ranks, flags.ladder, flags.deadline, flags.resume, progress,
            stack.layers, flags.texts, known_texts,
        )  # fmt: skip
        if leader:
            _finish(done, run, data, flags)


def resolve_paths(source: Path | None, data: Path | None) -> tuple[Path | None, Path, Path]:
    """The run (if any), the artifact or checkpoint, and the dataset; what was chosen is said on stderr."""
    from golfctl.training.run.run_folders import (
        RunFolder,
        chosen,
        is_run,
        latest_run,
        run_data,
        run_of,
        trained_or_packed,
    )

    if source is None:
        source = latest_run(steps=trained_or_packed)
        tell(f"run: {chosen(source)}")
    if is_run(source):
        run: Path | None = source
        source = RunFolder(source).artifact
        if not source.exists():
            raise InputError(f"{run} has no {source.name} yet: make one with `golfctl pack`, or name a checkpoint")
        tell(f"artifact: {source}")
    else:
        run = run_of(source)
        if not source.exists():
            raise InputError(f"no such file: {source}")
    if data is None:
        if run is None:
            raise InputError(f"{source} lies in no run folder: name its dataset with --data DIR")
        data = run_data(run)
        tell(f"data: {data}")
    return run, source, data


def _refuse_contradictions(flags: EvalFlags) -> None:
    """Refuse flags that exclude each other whatever the recipe says, by the names they were typed under."""
    windowed = {"--ttt": flags.ttt, "--slot-steps": flags.slot_steps is not None}
    if flags.rolling and (typed := [flag for flag, given in windowed.items() if given]):
        raise UsageError(f"--rolling has no windows to adapt on: drop it, or {' and '.join(typed)}")
    stride, seq_len = flags.stride, flags.seq_len
    if stride is not None and seq_len is not None and stride > seq_len:
        raise UsageError(f"--stride {stride} exceeds --seq-len {seq_len}: rows would stay unscored")
    if flags.strict and flags.ladder:
        raise UsageError("--ladder climbs on the fast path: drop it or --strict")
    if flags.deadline is not None and flags.ladder:
        raise UsageError("--ladder scores every layer to the end: drop it or --deadline")


def _refuse_idle(flags: EvalFlags, config: EvalConfig) -> None:
    """Refuse flags that this evaluation would not act on."""
    if flags.estimate:
        names = ("report", "plot", "resume", "ladder", "baselines", "deadline")
        idle = [f"--{name}" for name in names if getattr(flags, name) not in (None, False)]
        if idle := idle + ["--text"] * bool(flags.texts):
            raise UsageError(f"--estimate only projects the time: drop {', '.join(idle)}")
    if flags.deadline is not None and config.leaks:
        raise UsageError("--deadline has no effect on a replay, which adapts as its authors did: drop one of the two")
    if flags.deadline is not None and not any(getattr(config, name) for name in _ADAPTING):
        raise UsageError("--deadline has no effect: nothing adapts; add --ttt, --slot-steps, --ngram or --calibrate")


def _check_ahead(run: Path | None, flags: EvalFlags, config: EvalConfig) -> None:
    """Refuse, before any scoring, what could not be written after it: a receipt into a damaged journal, a plot."""
    if run is not None and (run / "journal.jsonl").exists():
        read_journal(run / "journal.jsonl")
    if flags.plot:
        from golfctl.evaluation.figures.score_curves import check_plot

        if config.leaks:
            raise UsageError("--plot draws honest scores: a replay scores rows in any order")
        check_plot(flags.plot)


def check_outputs(source: Path, outputs: dict[str, Path | None]) -> None:
    """Refuse, before any scoring, to write over `source`, over another output or where no file can be.

    `outputs` maps a flag to its path. Raises UsageError.
    """
    taken = {source.resolve(): "the file that is scored"}
    for flag, path in outputs.items():
        if path is None:
            continue
        if path.resolve() in taken:
            raise UsageError(f"{flag} {path}: that is {taken[path.resolve()]}; name another file")
        if path.exists() and not path.is_file():
            raise UsageError(f"{flag} {path}: that is no file; name a file to write")
        check_output(path)
        taken[path.resolve()] = f"also the file of {flag}"


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
