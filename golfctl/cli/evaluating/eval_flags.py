"""The flags of `golfctl eval`, and what is refused of them before anything is scored."""

from dataclasses import dataclass
from pathlib import Path

from golfctl.cli.stack_options import StackFlags
from golfctl.core.journal import read_journal
from golfctl.errors import UsageError
from golfctl.scoring.config import EvalConfig

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
    stepwise: bool
    lanes: int | None
    portable: bool
    proof: Path | None
    baselines: bool
    resume: Path | None
    plot: Path | None
    report: Path | None
    device: str
    as_json: bool
    quiet: bool

    @property
    def by_steps(self) -> bool:
        """Whether `stepwise` is asked for, or implied; --strict is its case of one lane."""
        return self.stepwise or (self.proof is not None and not self.strict)


def refuse_contradictions(flags: EvalFlags) -> None:
    """Refuse flags that exclude each other whatever the recipe says, by the names they were typed under."""
    windowed = {"--ttt": flags.ttt, "--slot-steps": flags.slot_steps is not None}
    if flags.rolling and (typed := [flag for flag, given in windowed.items() if given]):
        raise UsageError(f"--rolling has no windows to adapt on: drop it, or {' and '.join(typed)}")
    stride, seq_len = flags.stride, flags.seq_len
    if stride is not None and seq_len is not None and stride > seq_len:
        raise UsageError(f"--stride {stride} exceeds --seq-len {seq_len}: rows would stay unscored")
    by_steps = {"--strict": flags.strict, "--stepwise": flags.stepwise}
    typed = [flag for flag, given in by_steps.items() if given]
    if len(typed) > 1:
        raise UsageError("--strict is --stepwise with one lane: drop one of the two")
    if flags.strict and flags.lanes is not None:
        raise UsageError("--strict has one lane: drop it, or ask for --stepwise with --lanes")
    if typed and flags.ladder:
        raise UsageError(f"--ladder climbs on the fast path: drop it or {typed[0]}")
    if typed and flags.resume:
        raise UsageError(f"--resume goes on between blocks of windows, and steps have none: drop it or {typed[0]}")
    if flags.deadline is not None and flags.ladder:
        raise UsageError("--ladder scores every layer to the end: drop it or --deadline")


def refuse_idle(flags: EvalFlags, config: EvalConfig) -> None:
    """Refuse flags that this evaluation would not act on."""
    if flags.lanes is not None and config.reading_lanes is None:
        raise UsageError("--lanes has no effect on an evaluation by blocks of windows: add --stepwise or drop it")
    if flags.estimate:
        names = ("report", "plot", "resume", "ladder", "baselines", "deadline")
        idle = [f"--{name}" for name in names if getattr(flags, name) not in (None, False)]
        if idle := idle + ["--text"] * bool(flags.texts):
            raise UsageError(f"--estimate only projects the time: drop {', '.join(idle)}")
    if flags.deadline is not None and config.leaks:
        raise UsageError("--deadline has no effect on a replay, which adapts as its authors did: drop one of the two")
    if flags.deadline is not None and not any(getattr(config, name) for name in _ADAPTING):
        raise UsageError("--deadline has no effect: nothing adapts; add --ttt, --slot-steps, --ngram or --calibrate")


def check_ahead(run: Path | None, flags: EvalFlags, config: EvalConfig) -> None:
    """Refuse, before any scoring, what could not be written after it: a receipt into a damaged journal, a plot."""
    if run is not None and (run / "journal.jsonl").exists():
        read_journal(run / "journal.jsonl")
    if flags.plot:
        from golfctl.evaluation.figures.score_curves import check_plot

        if config.leaks:
            raise UsageError("--plot draws honest scores: a replay scores rows in any order")
        check_plot(flags.plot)
