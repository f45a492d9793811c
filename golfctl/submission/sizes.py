"""T6 on a record folder: bytes as claimed, as logged, and as they lie on disk, against the decimal cap."""

from golfctl.auditing.finding import Outcome, Verdict, not_covered
from golfctl.auditing.rules import Rules
from golfctl.submission.base import Lint
from golfctl.submission.folder import RecordFolder

_STATISTIC = "counted bytes, largest"


def check_claimed(folder: RecordFolder, rules: Rules) -> Outcome:
    """Every size that submission.json states."""
    sizes = dict(folder.claims.sizes)
    sizes |= {f"seed {claim.seed}": claim.bytes for claim in folder.claims.by_seed if claim.bytes}
    if not sizes:
        return not_covered("submission.json states no size")
    return judge(sizes, rules)


def check_logged(folder: RecordFolder, rules: Rules) -> Outcome:
    """The submission size that each log printed last."""
    sizes = {name: facts.counted_bytes for name, facts in folder.logs.items() if facts.counted_bytes}
    if not sizes:
        return not_covered("no log prints a submission size")
    return judge(sizes, rules)


def check_code(folder: RecordFolder, rules: Rules) -> Outcome:
    """The model's bytes (on disk, else total less code as logged or claimed) plus all code on disk."""
    code = sum(folder.code.values())
    model, where = _model_bytes(folder)
    if model is None or not folder.code or not rules.counting.code:
        return not_covered("the model's own size is not known, no code is here, or code does not count")
    total = model + code
    names = ", ".join(sorted(folder.code, key=lambda n: -folder.code[n])[:3])
    outcome = judge({f"model {where} {model:,} + code on disk {code:,} ({names})": total}, rules)
    packed = any("compressed" in label for facts in folder.logs.values() for label in facts.code_bytes)
    if outcome.verdict is Verdict.FAIL and (packed or len(folder.code) > 1):
        why = "code is counted packed in the logs" if packed else "not every code file may be needed to evaluate"
        return Outcome(Verdict.WARN, _STATISTIC, outcome.value, outcome.threshold, f"{outcome.detail}; {why}")
    return outcome


def _model_bytes(folder: RecordFolder) -> tuple[int | None, str]:
    if folder.artifacts:
        name = max(folder.artifacts, key=lambda n: folder.artifacts[n])
        if folder.artifacts[name] > 1 << 20:
            return folder.artifacts[name], f"on disk ({name})"
    pairs = [
        facts.counted_bytes - next(iter(reversed(facts.code_bytes.values())))
        for facts in folder.logs.values()
        if facts.counted_bytes and facts.code_bytes
    ]
    return (max(pairs), "as logged") if pairs else (None, "")


def judge(sizes: dict[str, int], rules: Rules) -> Outcome:
    """The largest of `sizes` against the cap: over fails, near warns."""
    cap = rules.limits.counted_bytes
    worst = max(sizes, key=lambda name: sizes[name])
    over = sum(size > cap for size in sizes.values())
    detail = f"{worst}: {sizes[worst]:,}"
    if over:
        detail = f"{over} of {len(sizes)} over the cap; {detail}"
        if any(sizes[worst] <= wrong for wrong in rules.limits.wrong_caps):
            detail += " (it would fit 16 MiB, but the cap is decimal)"
        return Outcome(Verdict.FAIL, _STATISTIC, float(sizes[worst]), float(cap), detail)
    near = sizes[worst] > cap - rules.limits.near_bytes
    return Outcome(Verdict.WARN if near else Verdict.PASS, _STATISTIC, float(sizes[worst]), float(cap), detail)


CLAIMED = Lint("T6-claimed", "size as claimed", "R1", "whether that file was the one scored", check_claimed)
LOGGED = Lint("T6-logged", "size as logged", "R1", "files that the program read and did not count", check_logged)
CODE = Lint(
    "T6-code", "model and all code", "R1", "which code files evaluation really opens; T14 traces that", check_code
)
