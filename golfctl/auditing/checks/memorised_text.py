"""T12-v: runs of tokens that cost next to nothing and that nothing before them explains: memorised text.

Legend: N tokens of the text.
"""

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.subject import AuditContext, Subject

_FREE_NATS = 0.01
_WARN_RUN, _FAIL_RUN = 16, 64
_REPEAT = 4  # a token that followed the same three tokens before is a repeat: any cache knows it
_STATISTIC = "longest run of new tokens below 0.01 nats"


def run(subject: Subject, context: AuditContext) -> Outcome:
    """The audited text, and the very beginning of the validation text: where a paid prefix would lie."""
    if subject.box is None:
        return not_covered("no scorer to run")
    texts = {"the audited text": subject.text_N}
    if len(subject.head_N):
        texts["the text's beginning"] = subject.head_N
    ledgers = subject.box.score(list(texts.values()))
    runs = {
        name: longest_run(text_N, ledger.claimed(len(text_N)))
        for (name, text_N), ledger in zip(texts.items(), ledgers, strict=True)
    }
    worst = max(runs, key=lambda name: runs[name][0])
    length, start = runs[worst]
    detail = f"{length} tokens from {start} of {worst}" if length else f"none in {' or '.join(texts)}"
    value, threshold = float(length), float(_FAIL_RUN)
    missing = sum(
        int(np.isnan(ledger.claimed(len(t))[1:]).sum()) for t, ledger in zip(texts.values(), ledgers, strict=True)
    )
    if missing and length < _FAIL_RUN:
        return Outcome(Verdict.INCONCLUSIVE, _STATISTIC, value, threshold, f"{missing} targets without a score")
    if length < _FAIL_RUN:
        verdict = Verdict.WARN if length >= _WARN_RUN else Verdict.PASS
        return Outcome(verdict, _STATISTIC, value, threshold, detail)
    facts = {"position": start, "tokens": length, "claim": "each of these costs less than 0.01 nats, and none repeats"}
    return Outcome(Verdict.FAIL, _STATISTIC, value, threshold, detail, evidence=Evidence({"text": texts[worst]}, facts))


def longest_run(text_N: np.ndarray, nll_N: np.ndarray) -> tuple[int, int]:
    """Length and first position of the longest run below 0.01 nats; repeats neither count nor end a run."""
    seen: set[tuple[int, ...]] = set()
    best = (0, 0)
    count = start = 0
    for i in range(1, len(text_N)):
        gram = tuple(text_N[max(0, i - _REPEAT + 1) : i + 1].tolist())
        if gram in seen:
            continue
        seen.add(gram)
        free = bool(nll_N[i] < _FREE_NATS)
        start = i if free and count == 0 else start
        count = count + 1 if free else 0
        best = max(best, (count, start))
    return best


CHECK = Check(
    "T12-v",
    "memorised text",
    1,
    "R6",
    "a prefix of the text that lies where it was not looked; famous text that any model knows looks the same",
    "long runs of the text cost next to nothing: it was memorised",
    run,
)
