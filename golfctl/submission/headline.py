"""T16 on a record folder: the score it claims stands where its logs end, and as many seeds have a log as it names.

A claim is met by the last stage of a log, by the mean of the last stages of one log a seed, or by claimed seeds that
are met themselves. One that only an earlier stage meets, such as a score before quantisation, is a warning that names
the stage. Where a log says something that was not understood the claim is not covered: only what was read can
contradict.
"""

import math
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice, product
from typing import NamedTuple

from golfctl.auditing.finding import Outcome, Verdict, not_covered
from golfctl.auditing.rules import Rules
from golfctl.submission.base import Lint
from golfctl.submission.claims import Claims
from golfctl.submission.folder import RecordFolder
from golfctl.submission.logs import LoggedScore, Stage, last_stage

_STATISTIC = "|claim − nearest evidence|, bpb"
_CHOICES = 4096  # of one log a seed, where seeds have several
_EARLIER = (Stage.TTT, Stage.SLIDING, Stage.AFTER, Stage.UNNAMED, Stage.BEFORE, Stage.TRAINING, Stage.PROGRESS)


class LoggedRun(NamedTuple):
    """One run in one log, and the seed that it belongs to."""

    seed: str
    scores: list[LoggedScore]


class Match(NamedTuple):
    """How far a claim is from the nearest figure, and the claimed seeds that no figure is near to."""

    gap: float
    lost: list[str]


def check_claim(folder: RecordFolder, rules: Rules) -> Outcome:
    """The headline stands where the logs end; `tolerance_bpb` is for rounding."""
    claims, tolerance = folder.claims, rules.claim.tolerance_bpb
    if claims.bpb is None:
        return not_covered("submission.json claims no score")
    runs = _runs(folder)
    if not runs:
        return not_covered("no score in any log")
    match = _match(claims, runs, last_stage, tolerance)
    detail = f"claim {claims.bpb:.5f}, nearest last stage {_distance(match.gap)}"
    if match.gap <= tolerance:
        lost = f"; seed {', '.join(match.lost)} at no log's end" if match.lost else ""
        return Outcome(Verdict.WARN if lost else Verdict.PASS, _STATISTIC, match.gap, tolerance, f"{detail}{lost}")
    unread = _not_understood(folder, runs, claims.bpb, tolerance)
    if unread:
        return Outcome(Verdict.NOT_COVERED, _STATISTIC, match.gap, tolerance, f"{detail}; {unread}")
    for stage in _EARLIER:
        earlier = _match(claims, runs, partial(_of_stage, stage), tolerance)
        if earlier.gap <= tolerance:
            detail = f"{detail}; it is a score of {_where(stage)}, not of the end"
            return Outcome(Verdict.WARN, _STATISTIC, match.gap, tolerance, detail)
    return Outcome(Verdict.FAIL, _STATISTIC, match.gap, tolerance, detail)


def _of_stage(stage: Stage, scores: list[LoggedScore]) -> list[LoggedScore]:
    """The scores of a stage; of training and of parts the last one, since a falling curve meets any claim somewhere."""
    found = [score for score in scores if score.stage is stage]
    return found[-1:] if stage in (Stage.TRAINING, Stage.PROGRESS) else found


def _runs(folder: RecordFolder) -> list[LoggedRun]:
    """Every run in every log with a score; of a log with as many runs as seeds each run has its own."""
    found = []
    for name, facts in folder.scored_logs.items():
        seeds, split = folder.seeds_of(name), facts.runs
        for i, scores in enumerate(split):
            found.append(LoggedRun(seeds[i] if len(seeds) == len(split) else seeds[0], scores))
    return found


def _match(
    claims: Claims, runs: list[LoggedRun], of: Callable[[list[LoggedScore]], list[LoggedScore]], tolerance: float
) -> Match:
    """The claim against the scores that `of` picks from every run."""
    picked = [(run.seed, [s.bpb for s in of(run.scores) if s.bpb is not None]) for run in runs]
    figures = [bpb for _, scores in picked for bpb in scores]
    named = [(seed, scores) for seed, scores in picked if seed in claims.seeds]
    apart = [(str(i), scores) for i, (_, scores) in enumerate(picked)]
    figures += [mean for group in (picked, named, apart) for mean in _means(group)]
    gap = _nearest(claims.bpb, figures)
    seeds = [(claim.seed, claim.bpb) for claim in claims.by_seed if claim.bpb is not None]
    lost = [seed for seed, bpb in seeds if _nearest(bpb, figures) > tolerance]
    if seeds and not lost:
        supported = [bpb for _, bpb in seeds]
        gap = min(gap, _nearest(claims.bpb, [*supported, sum(supported) / len(supported)]))
    return Match(gap, lost)


def _means(picked: list[tuple[str, list[float]]]) -> Iterable[float]:
    """Means over seeds of the k-th figure from the end, one run a seed: of several each is tried."""
    by_seed: dict[str, list[list[float]]] = {}
    for seed, figures in picked:
        if figures:
            by_seed.setdefault(seed, []).append(figures)
    if len(by_seed) < 2:
        return
    for choice in islice(product(*by_seed.values()), _CHOICES):
        for k in range(1, min(len(figures) for figures in choice) + 1):
            yield sum(figures[-k] for figures in choice) / len(choice)


def _nearest(value: float | None, figures: Iterable[float]) -> float:
    """The distance to the nearest finite figure; infinite where there is none."""
    return min((abs(value - f) for f in figures if value is not None and math.isfinite(f)), default=math.inf)


def _distance(gap: float) -> str:
    return f"{gap:.5f} away" if math.isfinite(gap) else "is no number"


def _not_understood(folder: RecordFolder, runs: list[LoggedRun], claim: float, tolerance: float) -> str:
    """What in the logs may bear the claim and was not understood, or an empty string."""
    if any(score.bpb is None for run in runs for score in last_stage(run.scores)):
        return "a log ends with a score that is no number"
    for name, facts in folder.logs.items():
        if facts.cut:
            return f"of {name} {facts.cut}"
        if _nearest(claim, facts.stray) <= tolerance:
            return f"{name} has it in words that were not understood"
    return f"no score was understood in {folder.other_logs[0]}" if folder.other_logs else ""


def _where(stage: Stage) -> str:
    return stage.value if stage in (Stage.UNNAMED, Stage.PROGRESS) else f"the log {stage.value}"


def check_seeds(folder: RecordFolder, rules: Rules) -> Outcome:
    """As many seeds in the logs as the record names, and as the rules expect."""
    claims, shown = folder.claims, folder.seeds_shown()
    named, wanted = max(len(claims.seeds), claims.seeds_said or 0), rules.claim.seeds
    detail = f"{len(shown)} with a log, {named or 'none'} named"
    if named > len(shown) and folder.other_logs:
        detail = f"{detail}; no score was understood in {folder.other_logs[0]}"
        return Outcome(Verdict.NOT_COVERED, "seeds with a log", float(len(shown)), float(named), detail)
    if named > len(shown):
        detail = f"{detail}: more than is shown"
        return Outcome(Verdict.FAIL, "seeds with a log", float(len(shown)), float(named), detail)
    verdict = Verdict.PASS if len(shown) >= wanted else Verdict.WARN
    return Outcome(verdict, "seeds with a log", float(len(shown)), float(wanted), detail)


CLAIM = Lint("T16-claim", "claim against logs", "R12", "whether the logs are of this code", check_claim)
SEEDS = Lint("T16-seeds", "seeds", "R9", "how many seeds were tried and not shown", check_seeds)
