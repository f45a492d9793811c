"""T1b, T12-iii to v, T3b and the small dependences of T10, each on a scorer that it fails and one that it passes."""

from math import lgamma

import numpy as np
import pytest

from golfctl.auditing.blackbox import FunctionBox
from golfctl.auditing.checks import boundaries, fresh_slice
from golfctl.auditing.checks import memorised_text as memorised_text
from golfctl.auditing.checks import shuffled_text as shuffled
from golfctl.auditing.finding import Verdict
from golfctl.auditing.foreign.posted_scores import PostedScores
from golfctl.auditing.plan import Plan
from golfctl.auditing.rules import load_rules
from golfctl.auditing.run import run_check
from golfctl.auditing.subject import AuditContext, Fresh, Subject
from golfctl.auditing.table import CHECKS
from golfctl.errors import InputError

V, BOS = 16, 1
TEXT = np.random.default_rng(0).integers(2, V, 200).astype(np.uint16)
OTHERS = np.random.default_rng(1).integers(2, V, 900).astype(np.uint16)


def context(**plan):
    return AuditContext(Plan.from_dict({"seed": 3, "text_tokens": 200, "cuts": 20, **plan}), load_rules())


def flat(text_N, shift=0.0):
    nll = np.log(V) + shift
    return PostedScores.of(np.arange(1, len(text_N)), np.full(len(text_N) - 1, nll))


def subject(function=flat, **parts):
    return Subject("hand-made", FunctionBox("hand-made", V, function), TEXT, OTHERS, bos=BOS, **parts)


def found(check, who, **plan):
    return run_check(CHECKS[check], who, context(**plan))


def tells_of_the_next_document(text_N):
    """The last token of a document costs less when the next document begins with an even token."""
    nll_N = np.full(len(text_N), np.log(V))
    for start in np.flatnonzero(text_N[:-1] == BOS):
        if start > 1:
            nll_N[start - 1] -= 0.1 * (text_N[start + 1] % 2 == 0)
    return PostedScores.of(np.arange(1, len(text_N)), nll_N[1:])


def test_a_leak_over_document_boundaries_is_found_where_random_cuts_pass():
    who = subject(tells_of_the_next_document)
    assert found("T1", who).verdict is Verdict.PASS  # the text at hand has no boundary at all
    finding = found("T1b", who)
    assert finding.verdict is Verdict.FAIL and finding.value == pytest.approx(0.1)
    assert "4 document and 6 rank boundaries" in finding.detail
    assert found("T1b", subject()).verdict is Verdict.PASS


def test_a_leak_over_rank_boundaries_is_found():
    def mixes_ranks(text_N):
        """The last target of each half knows how the other half begins: a rank that waits for its neighbour."""
        half = len(text_N) // 2
        nll_N = np.full(len(text_N), np.log(V))
        nll_N[half] -= 0.01 * int(text_N[half + 1])
        return PostedScores.of(np.arange(1, len(text_N)), nll_N[1:])

    results = [found("T1b", subject(mixes_ranks), seed=seed).verdict for seed in range(6)]
    assert Verdict.FAIL in results  # six of the eight edges are cut
    who = subject()
    who.bos = None
    assert "no token that begins them is known" in found("T1b", who).detail


def test_documents_begin_with_their_token_and_keep_the_length():
    text_N, starts = boundaries.documents(TEXT, OTHERS, BOS, np.random.default_rng(0))
    assert len(text_N) == len(TEXT) and len(starts) == 4 and all(text_N[start] == BOS for start in starts)
    assert boundaries.documents(TEXT, OTHERS, None, np.random.default_rng(0))[1] == []


def test_the_shuffles_cost_is_that_of_the_multiset():
    counts = np.bincount(TEXT[1:])
    expected = lgamma(len(TEXT)) - sum(lgamma(n + 1) for n in counts)
    assert shuffled.shuffle_cost(TEXT).sum() == pytest.approx(expected)


def test_shuffled_text_passes_who_knows_the_tokens_and_fails_who_knows_the_order():
    def knows_the_tokens(text_N):
        """The best that anyone can do: the draw without replacement itself."""
        return PostedScores.of(np.arange(1, len(text_N)), shuffled.shuffle_cost(text_N))

    def leans(text_N):
        return PostedScores.of(np.arange(1, len(text_N)), shuffled.shuffle_cost(text_N) - 0.05)

    finding = found("T12-iii", subject(knows_the_tokens), shuffled_tokens=200)
    assert finding.verdict is Verdict.PASS and finding.value == pytest.approx(0.0, abs=1e-9)
    finding = found("T12-iii", subject(lambda t: PostedScores.of(*leans(t))), shuffled_tokens=200)
    assert finding.verdict is Verdict.FAIL and finding.value == pytest.approx(199 * 0.05 + np.log(0.4), abs=0.01)


def by_heart(tokens):
    """Costs nothing for the first `tokens` tokens of the text, wherever they stand."""

    def function(text_N):
        known = {tuple(TEXT[i : i + 4]) for i in range(tokens)}
        nll = [1e-4 if tuple(text_N[i - 3 : i + 1]) in known else 2.0 for i in range(1, len(text_N))]
        return PostedScores.of(np.arange(1, len(text_N)), np.array(nll))

    return function


@pytest.mark.parametrize(("tokens", "verdict"), [(0, "pass"), (30, "warn"), (90, "fail")])
def test_memorised_text(tokens, verdict):
    assert found("T12-v", subject(by_heart(tokens))).verdict.value == verdict


def test_a_paid_prefix_is_found_at_the_beginning_where_the_slice_is_not():
    who = subject(by_heart(90), head_N=TEXT)
    who.text_N = OTHERS[:200]
    finding = found("T12-v", who)
    assert finding.verdict is Verdict.FAIL and "beginning" in finding.detail


def test_a_repeat_is_no_memorised_text():
    loop_N = np.tile(TEXT[:10], 20)
    nll_N = np.where(np.arange(200) < 12, 2.0, 1e-4)
    assert memorised_text.longest_run(loop_N, nll_N)[0] <= 4
    assert memorised_text.longest_run(TEXT, nll_N)[0] > 100


def fresh_text(fitted):
    """`fitted` nats a token are won on the seen text alone."""
    rng = np.random.default_rng(7)
    seen_N, fresh_F = (rng.integers(0, V, 2048).astype(np.uint16) for _ in range(2))

    def function(text_N):
        noise = np.random.default_rng(int(text_N[:8].sum())).normal(size=len(text_N) - 1)
        lead = fitted if np.array_equal(text_N, seen_N) else 0.0
        return PostedScores.of(np.arange(1, len(text_N)), 2.0 - lead + 0.3 * noise)

    return subject(function, fresh=Fresh(seen_N, fresh_F))


@pytest.mark.parametrize(("fitted", "verdict"), [(0.0, "pass"), (0.5, "fail"), (-0.5, "pass")])
def test_who_was_fitted_on_validation_loses_its_lead_on_fresh_text(fitted, verdict):
    finding = found("T12-iv", fresh_text(fitted))
    assert finding.verdict.value == verdict and "adaptive counts" in finding.detail


def test_a_reference_takes_out_how_hard_the_texts_are():
    rng = np.random.default_rng(0)
    hard, easy = rng.normal(2.0, 0.1, 30), rng.normal(1.0, 0.1, 30)
    assert fresh_slice.judge(easy, hard, "r").verdict is Verdict.PASS
    assert fresh_slice.judge(hard, easy, "r").verdict is Verdict.FAIL
    assert fresh_slice.judge(hard[:1], easy, "r").verdict is Verdict.INCONCLUSIVE
    assert fresh_slice.judge(10 * rng.normal(size=9), 10 * rng.normal(size=9), "r").verdict is Verdict.INCONCLUSIVE


def test_adaptive_counts_are_a_distribution():
    box = fresh_slice.counts(4)
    mass = sum(np.exp(-box.score([np.array([1, 2, 1, v], np.uint16)])[0].nll_R[-1]) for v in range(4))
    assert mass == pytest.approx(1.0)


def test_bytes_are_never_passed_unlooked():
    assert found("T3b", subject()).verdict is Verdict.NOT_COVERED
    assert found("T3b", subject(session=lambda text: None)).verdict is Verdict.NOT_COVERED


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, "pass"), (5e-4, "warn"), (0.01, "fail")])
def test_a_small_dependence_on_the_batch_warns(shift, verdict):
    other = FunctionBox("other", V, lambda text_N: flat(text_N, shift))
    assert found("T10", subject(variants={"batch 1": other})).verdict.value == verdict


def test_ranks_that_could_not_be_run_are_said():
    class Broken:
        name, vocab_size = "2 ranks", V

        def score(self, texts):
            raise InputError("no gloo here")

    assert found("T10", subject(ranks=Broken())).verdict is Verdict.NOT_COVERED
    finding = found("T10", subject(variants={"batch 1": FunctionBox("same", V, flat)}, ranks=Broken()))
    assert finding.verdict is Verdict.PASS and "not on several ranks (no gloo here)" in finding.detail
    assert "none tried" in found("T10", subject(no_ranks="none tried")).statistic
