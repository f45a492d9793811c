"""T12-ii: independent uniform tokens; nothing can be won over ln V, so winning proves a strong leak."""

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.checks.known_source import judge
from golfctl.auditing.finding import Outcome, not_covered
from golfctl.auditing.probes import rng_for
from golfctl.auditing.subject import AuditContext, Subject


class UniformSource:
    """Every token equally likely, whatever came before."""

    name = "uniform tokens"

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size

    def sample(self, count: int, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Texts [S, N] and ln V for every token but the first."""
        text_SN = rng.integers(0, self.vocab_size, (count, length)).astype(np.uint16)
        nll_SN = np.full((count, length), np.log(self.vocab_size))
        nll_SN[:, 0] = 0.0
        return text_SN, nll_SN

    def row(self, prefix_N: np.ndarray) -> np.ndarray:
        """1/V for each token."""
        return np.full(self.vocab_size, 1.0 / self.vocab_size)


def run(subject: Subject, context: AuditContext) -> Outcome:
    """The same e-value as T12-i, with a source that any scorer fits badly: only strong leaks show."""
    if subject.box is None:
        return not_covered("no scorer to run")
    plan = context.plan
    source = UniformSource(subject.box.vocab_size)
    return judge(subject.box, source, 1, plan.uniform_tokens, plan.false_alarm, rng_for(plan.seed, "T12-ii"))


CHECK = Check(
    "T12-ii",
    "uniform text",
    1,
    "D1",
    "all but the strongest leaks: what a model loses on noise hides the rest",
    "the scorer predicted uniform noise, which only foreknowledge of it can do",
    run,
)
