"""T16, T15 and T5 on a record folder: does the headline follow from the logs, in time, and on the right bytes."""

import math

from golfctl.auditing.finding import Outcome, Verdict, not_covered
from golfctl.auditing.rules import Rules
from golfctl.submission.base import Lint
from golfctl.submission.folder import RecordFolder
from golfctl.submission.logs import LogFacts

_GRACE_SECONDS = 1.0  # the step under way when the clock runs out
_RATIO_TOLERANCE = 0.01


def check_claim(folder: RecordFolder, rules: Rules) -> Outcome:
    """The headline stands in a log, or is the mean of claimed seeds that do; `tolerance_bpb` is for rounding."""
    claims, tolerance = folder.claims, rules.claim.tolerance_bpb
    if claims.bpb is None:
        return not_covered("submission.json claims no score")
    finals = [final_scores(facts) for facts in folder.scored_logs.values()]
    if not any(finals):
        return not_covered("no score in any log")
    candidates = [bpb for scores in finals for bpb in scores]
    candidates += _means(finals)
    supported = [claim.bpb for claim in claims.by_seed if claim.bpb is not None]
    apart = [_nearest(bpb, candidates) for bpb in supported]
    gap = _nearest(claims.bpb, candidates)
    if supported and max(apart) <= tolerance:
        gap = min(gap, abs(claims.bpb - sum(supported) / len(supported)), _nearest(claims.bpb, supported))
    detail = f"claim {claims.bpb:.5f}, nearest evidence {gap:.5f} away"
    lost = [
        claim.seed
        for claim, d in zip((c for c in claims.by_seed if c.bpb is not None), apart, strict=True)
        if d > tolerance
    ]
    if lost:
        detail += f"; seed {', '.join(lost)} in no log"
    verdict = Verdict.PASS if gap <= tolerance else Verdict.FAIL
    if verdict is Verdict.PASS and lost:
        verdict = Verdict.WARN
    return Outcome(verdict, "|claim − nearest evidence|, bpb", gap, tolerance, detail)


def final_scores(facts: LogFacts) -> list[float]:
    """Scores after training where there are any, else the last one printed during it."""
    final = [s.bpb for s in facts.scores if s.tag != "step"]
    return final or [s.bpb for s in facts.scores[-1:]]


def _means(finals: list[list[float]]) -> list[float]:
    """Means over logs of the k-th score from the end: the same stage of each run."""
    scored = [scores for scores in finals if scores]
    depth = min((len(scores) for scores in scored), default=0)
    return [sum(s[-k] for s in scored) / len(scored) for k in range(1, depth + 1)] if len(scored) > 1 else []


def _nearest(value: float, candidates: list[float]) -> float:
    return min((abs(value - c) for c in candidates), default=math.inf)


def check_seeds(folder: RecordFolder, rules: Rules) -> Outcome:
    """As many seeds in the logs as the record names, and as the rules expect."""
    claims, shown = folder.claims, folder.seeds_shown()
    named = max(len(claims.seeds), claims.seeds_said or 0)
    wanted = rules.claim.seeds
    detail = f"{len(shown)} with a log, {named or 'none'} named"
    if named > len(shown):
        return Outcome(
            Verdict.FAIL, "seeds with a log", float(len(shown)), float(named), f"{detail}: more than is shown"
        )
    verdict = Verdict.PASS if len(shown) >= wanted else Verdict.WARN
    return Outcome(verdict, "seeds with a log", float(len(shown)), float(wanted), detail)


def check_training_clock(folder: RecordFolder, rules: Rules) -> Outcome:
    """Training plus whatever calibration the log times after it."""
    seconds = {
        name: facts.train_seconds + facts.calibration_seconds
        for name, facts in folder.logs.items()
        if facts.train_seconds
    }
    return _clock(folder, seconds, rules.limits.training_seconds, "training and calibration, seconds")


def check_evaluation_clock(folder: RecordFolder, rules: Rules) -> Outcome:
    """Strict: all scoring stages of a log together; lenient: the longest one."""
    strict, lenient = {}, {}
    for name, facts in folder.logs.items():
        stages = facts.eval_stages
        if stages:
            lenient[name] = max(stages.values())
            strict[name] = sum(stages.values())
    outcome = _clock(folder, lenient, rules.limits.evaluation_seconds, "longest evaluation stage, seconds")
    if outcome.verdict is Verdict.PASS and strict:
        worst = max(strict, key=lambda name: strict[name])
        limit = rules.limits.evaluation_seconds
        detail = f"{outcome.detail}; all stages of {worst}: {strict[worst]:.1f} s"
        late = strict[worst] > limit or lenient[worst] > rules.limits.evaluation_warn_seconds
        return Outcome(Verdict.WARN if late else Verdict.PASS, outcome.statistic, outcome.value, limit, detail)
    return outcome


def _clock(folder: RecordFolder, seconds: dict[str, float], limit: float, statistic: str) -> Outcome:
    if not seconds:
        return not_covered("no log times it")
    worst = max(seconds, key=lambda name: seconds[name])
    value = seconds[worst]
    detail = f"{worst}: {value:.1f} s"
    if value > limit + _GRACE_SECONDS:
        if "non_record" in folder.path.resolve().as_posix():
            return Outcome(Verdict.WARN, statistic, value, limit, f"{detail}; not on the timed track")
        return Outcome(Verdict.FAIL, statistic, value, limit, detail)
    return Outcome(Verdict.WARN if value > limit else Verdict.PASS, statistic, value, limit, detail)


def check_ratio(folder: RecordFolder, rules: Rules) -> Outcome:
    """Bytes per token from loss and bpb: known tokenizers, known bugs, or neither."""
    pairs = [(s.loss, s.bpb) for f in folder.scored_logs.values() for s in f.scores[-1:] if s.loss and s.bpb]
    if folder.claims.loss and folder.claims.bpb:
        pairs.append((folder.claims.loss, folder.claims.bpb))
    if not pairs:
        return not_covered("loss and bpb never stand together")
    ratios = [loss / (math.log(2) * bpb) for loss, bpb in pairs]
    ratio, spread = sum(ratios) / len(ratios), max(ratios) - min(ratios)
    detail = f"{ratio:.3f} bytes a token"
    for bug in rules.fingerprints:
        if abs(ratio / bug.bytes_per_token - 1) < _RATIO_TOLERANCE / 2:
            return Outcome(
                Verdict.FAIL, "bytes a token", ratio, bug.bytes_per_token, f"{detail}: {bug.name}, {bug.source}"
            )
    if spread > _RATIO_TOLERANCE * ratio:
        return Outcome(Verdict.WARN, "bytes a token", ratio, None, f"{detail}, but it varies by {spread:.3f}")
    known = [data for data in rules.data if abs(ratio / data.bytes_per_token - 1) < _RATIO_TOLERANCE]
    if known:
        return Outcome(Verdict.PASS, "bytes a token", ratio, known[0].bytes_per_token, f"{detail}: {known[0].name}")
    return Outcome(Verdict.WARN, "bytes a token", ratio, None, f"{detail}: no tokenizer of the rules; show the bytes")


def check_tokens(folder: RecordFolder, rules: Rules) -> Outcome:
    """Validation tokens that the logs count: all of a known text, or the byte count that they imply."""
    counts = {name: f.val_tokens for name, f in folder.logs.items() if f.val_tokens}
    if not counts or not rules.data:
        return not_covered("no log counts validation tokens" if rules.data else "the rules know no validation text")
    known = {data.tokens: data for data in rules.data}
    worst = next((name for name in counts if counts[name] not in known), next(iter(counts)))
    count = counts[worst]
    if count in known:
        return Outcome(Verdict.PASS, "validation tokens", float(count), float(count), known[count].name)
    ratios = [s.loss / (math.log(2) * s.bpb) for s in folder.logs[worst].scores if s.loss and s.bpb]
    low, high = min(d.bytes_low for d in rules.data), max(d.bytes_high for d in rules.data)
    if ratios and abs(count * ratios[-1] - (low + high) / 2) < _RATIO_TOLERANCE * high:
        detail = f"{worst}: {count:,} tokens, {count * ratios[-1] / 1e6:.1f} MB of text: the whole split"
        return Outcome(Verdict.PASS, "validation tokens", float(count), None, detail)
    size = f", about {count * ratios[-1] / 1e6:.1f} MB of text" if ratios else ""
    detail = f"{worst}: {count:,} tokens{size}: not the official split"
    short = bool(ratios) and count * ratios[-1] < low
    return Outcome(Verdict.FAIL if short else Verdict.WARN, "validation tokens", float(count), None, detail)


CLAIM = Lint("T16-claim", "claim against logs", "R12", "whether the logs are of this code", check_claim)
SEEDS = Lint("T16-seeds", "seeds", "R9", "how many seeds were tried and not shown", check_seeds)
TRAINING = Lint("T15-training", "training clock", "R3", "phases that no log times", check_training_clock)
EVALUATION = Lint(
    "T15-evaluation", "evaluation clock", "R4", "compilation and stages without a score", check_evaluation_clock
)
RATIO = Lint(
    "T5-ratio", "bytes per token", "R10", "errors below one per cent; only bytes and hashes prove it", check_ratio
)
TOKENS = Lint("T5-tokens", "validation tokens", "R10", "order and content of those tokens", check_tokens)
