"""T15 and T5 on a record folder: was the score had in time, and on the right bytes."""

import math

from golfctl.auditing.finding import Outcome, Verdict, not_covered
from golfctl.auditing.rules import Rules
from golfctl.submission.base import Lint
from golfctl.submission.folder import RecordFolder
from golfctl.submission.logs import LogFacts, Stage

_GRACE_SECONDS = 1.0  # the step under way when the clock runs out
_RATIO_TOLERANCE = 0.01


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
    pairs = [pair for facts in folder.scored_logs.values() for pair in _pairs(facts)[-1:]]
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


def _pairs(facts: LogFacts) -> list[tuple[float, float]]:
    """Loss (nats a token) and bits per byte where both are told of all of the text, in the log's order."""
    told = [(s.loss, s.bpb) for s in facts.scores if s.stage is not Stage.PROGRESS]
    return [(loss, bpb) for loss, bpb in told if loss and bpb and math.isfinite(loss) and math.isfinite(bpb)]


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
    ratios = [loss / (math.log(2) * bpb) for loss, bpb in _pairs(folder.logs[worst])]
    low, high = min(d.bytes_low for d in rules.data), max(d.bytes_high for d in rules.data)
    if ratios and abs(count * ratios[-1] - (low + high) / 2) < _RATIO_TOLERANCE * high:
        detail = f"{worst}: {count:,} tokens, {count * ratios[-1] / 1e6:.1f} MB of text: the whole split"
        return Outcome(Verdict.PASS, "validation tokens", float(count), None, detail)
    size = f", about {count * ratios[-1] / 1e6:.1f} MB of text" if ratios else ""
    detail = f"{worst}: {count:,} tokens{size}: not the official split"
    short = bool(ratios) and count * ratios[-1] < low
    return Outcome(Verdict.FAIL if short else Verdict.WARN, "validation tokens", float(count), None, detail)


TRAINING = Lint("T15-training", "training clock", "R3", "phases that no log times", check_training_clock)
EVALUATION = Lint(
    "T15-evaluation", "evaluation clock", "R4", "compilation and stages without a score", check_evaluation_clock
)
RATIO = Lint(
    "T5-ratio", "bytes per token", "R10", "errors below one per cent; only bytes and hashes prove it", check_ratio
)
TOKENS = Lint("T5-tokens", "validation tokens", "R10", "order and content of those tokens", check_tokens)
