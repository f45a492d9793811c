"""Each check on hand-made scorers, where the right answer can be worked out on paper."""

import json
from itertools import product

import numpy as np
import pytest

from golfctl.auditing.blackbox import FunctionBox
from golfctl.auditing.checks import known_source, mass, single_pass, suffix
from golfctl.auditing.checks.uniform_text import UniformSource
from golfctl.auditing.finding import Verdict
from golfctl.auditing.foreign.posted_scores import PostedScores
from golfctl.auditing.plan import Plan
from golfctl.auditing.report import AuditReport
from golfctl.auditing.rules import load_rules
from golfctl.auditing.run import run_audit, run_check
from golfctl.auditing.subject import AuditContext, Subject
from golfctl.auditing.table import CHECKS
from golfctl.errors import ConfigError, UsageError

V = 16
TEXT = np.random.default_rng(0).integers(0, V, 80).astype(np.uint16)


def context(**plan):
    return AuditContext(
        Plan.from_dict({"seed": 3, "text_tokens": 80, "mass_tokens": 60, "cuts": 20, **plan}), load_rules()
    )


def subject(function, **parts):
    return Subject("hand-made", FunctionBox("hand-made", V, function), TEXT, TEXT[::-1].copy(), **parts)


def uniform(text_N):
    return PostedScores.of(np.arange(1, len(text_N)), np.full(len(text_N) - 1, np.log(V)))


def peeks_one_ahead(text_N):
    """Cheaper where the next token is even."""
    following = np.append(text_N[2:], 1)
    return PostedScores.of(np.arange(1, len(text_N)), np.log(V) + 0.01 * (following % 2))


def leans_on_its_token(text_N):
    """Twice the probability for whatever came."""
    return PostedScores.of(np.arange(1, len(text_N)), np.full(len(text_N) - 1, np.log(V / 2)))


def test_suffix_finds_a_peek_and_says_where(tmp_path):
    finding = run_check(CHECKS["T1"], subject(peeks_one_ahead), context(), tmp_path)
    assert finding.verdict is Verdict.FAIL and finding.value == pytest.approx(0.01)
    facts = json.loads((tmp_path / "T1" / "reproducer.json").read_bytes())
    texts = [np.fromfile(tmp_path / "T1" / facts["texts"][name], "<u2") for name in ("original", "altered")]
    assert np.array_equal(texts[0][: facts["cut"] + 1], texts[1][: facts["cut"] + 1])
    before, after = (peeks_one_ahead(t).claimed(80)[facts["position"]] for t in texts)
    assert before != after and facts["position"] <= facts["cut"]
    assert facts["nll_original"] == repr(before) and facts["nll_altered"] == repr(after)


def test_suffix_threshold_follows_the_noise_but_never_beyond_the_ceiling():
    assert suffix.threshold_for(0.0) == 0.0
    assert suffix.threshold_for(1e-7) == pytest.approx(1e-6)
    assert suffix.threshold_for(1.0) == suffix.threshold_for(float("inf")) == 1e-4


def test_rows_that_appear_with_the_suffix_are_a_failure():
    def skips(text_N):
        keep = np.arange(1, len(text_N))[: 10 + int(text_N[-1])]
        return PostedScores.of(keep, np.ones(len(keep)))

    finding = run_check(CHECKS["T1"], subject(skips), context())
    assert finding.verdict is Verdict.FAIL and finding.value is None


@pytest.mark.parametrize("name", ["T3", "T3r"])
def test_mass_of_two_is_two(name):
    finding = run_check(CHECKS[name], subject(leans_on_its_token), context())
    assert finding.verdict is Verdict.FAIL and finding.value == pytest.approx(np.log(2))
    assert run_check(CHECKS[name], subject(uniform), context()).verdict is Verdict.PASS


@pytest.mark.parametrize("known", [True, False], ids=["with a source", "without"])
def test_sampled_mass_is_unbiased(known):
    rng = np.random.default_rng(1)
    p_V, q_V = rng.dirichlet(np.ones(V) * 0.3), rng.dirichlet(np.ones(V))
    estimates, e_values = [], []
    for _ in range(3000):
        answers = mass.choose_answers(V, 6, q_V if known else None, np.array([3]), rng)
        assert 3 in answers.fixed_A and len(answers.tokens) == 6
        assert not set(answers.fixed_A.tolist()) & set(answers.drawn_D.tolist())
        estimate, _, e_value = answers.mass(p_V[answers.tokens])
        estimates.append(estimate)
        e_values.append(e_value)
    assert np.mean(estimates) == pytest.approx(1.0, abs=0.03) and np.mean(e_values) == pytest.approx(1.0, abs=0.03)
    assert min(e_values) >= 0.0
    assert known is False or answers.mass(q_V[answers.tokens])[:2] == pytest.approx((1.0, 0.0))


def test_sampled_mass_finds_two():
    finding = run_check(CHECKS["T3"], subject(leans_on_its_token), context(mass_answers=8, mass_positions=32))
    assert finding.verdict is Verdict.FAIL and "sampled" in finding.statistic


def test_wild_masses_fail_by_their_e_value():
    """Far above one at most positions, but so unevenly that no standard error can be trusted."""
    wild = [mass.Mass(i, z, z, False, z) for i, z in enumerate([40.0, 25.0, 60.0, 0.5])]
    assert mass.judge(wild, 0.0)[0] is Verdict.FAIL and "e-value" in mass.judge(wild, 0.0)[3]
    once = [mass.Mass(i, z, z, False, z) for i, z in enumerate([40.0, 0.6, 0.5, 0.7])]
    assert mass.judge(once, 0.0)[0] is Verdict.INCONCLUSIVE


def test_a_mass_that_seems_too_small_is_inconclusive_and_no_failure():
    """What a sample sees of a code that puts half on one token which the sample seldom meets."""
    few = [mass.Mass(1, 0.6, 0.01, False), mass.Mass(2, 0.6, 0.01, False)]
    assert mass.judge(few, 0.0)[0] is Verdict.INCONCLUSIVE
    assert mass.judge([m._replace(value=1.4) for m in few], 0.0)[0] is Verdict.FAIL


def test_what_followed_before_is_tried_first():
    text_N = np.array([5, 1, 2, 7, 1, 2, 8, 9, 2, 6, 1, 2, 4])
    assert mass.favoured_tokens(text_N, 12).tolist()[:3] == [4, 8, 7] and 6 in mass.favoured_tokens(text_N, 12)


def test_mass_of_a_bf16_softmax_is_noticed():
    off = lambda text_N: PostedScores.of(np.arange(1, len(text_N)), np.full(len(text_N) - 1, np.log(V) + 2.75e-3))  # noqa: E731
    assert run_check(CHECKS["T3"], subject(off), context()).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        (list(range(1, 80)), Verdict.PASS),
        ([*range(1, 80), *range(75, 80)], Verdict.WARN),
        ([*range(1, 80), 3], Verdict.FAIL),
        (list(range(1, 79)), Verdict.FAIL),
        ([2, 1, *range(3, 80)], Verdict.FAIL),
        ([*range(1, 80), 80], Verdict.FAIL),
        ([*range(1, 80), *range(1, 80)], Verdict.FAIL),
    ],
    ids=["once", "tail again", "early again", "one missing", "out of order", "beyond the text", "two stages"],
)
def test_ledger_verdicts(rows, verdict):
    assert single_pass.judge(PostedScores.of(np.array(rows), np.ones(len(rows))), TEXT).verdict is verdict


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.5])
def test_impossible_scores_fail(bad):
    nll = np.ones(79)
    nll[7] = bad
    assert single_pass.judge(PostedScores.of(np.arange(1, 80), nll), TEXT).verdict is Verdict.FAIL


def plain_e_process(source_nll_SN, scorer_nll_SN):
    """Bettor by bettor, token by token, in plain arithmetic."""
    texts, length = source_nll_SN.shape
    purses = {}
    path = []
    for s in range(texts):
        for stake, share in ((1, 0.4), (1 / 3, 0.3), (1 / 9, 0.2), (1 / 27, 0.1)):
            purses[s, stake] = share * (1 / 4 if s else 1 / 2)
        waiting = (texts - 1 - s) / 4
        for i in range(length):
            ratio = np.exp(source_nll_SN[s, i] - scorer_nll_SN[s, i])
            for bettor in purses:
                purses[bettor] *= 1 + bettor[1] * ((1.0 if np.isnan(ratio) else ratio) - 1)
            path.append(np.log(sum(purses.values()) + waiting))
    return np.array(path)


def test_e_process_is_what_the_bettors_own():
    rng = np.random.default_rng(5)
    source, scorer = rng.exponential(2.0, (3, 20)), rng.exponential(2.0, (3, 20))
    scorer[1, 4] = np.nan
    assert known_source.log_e_process(source, scorer) == pytest.approx(plain_e_process(source, scorer), abs=1e-9)
    scorer[0, 3], scorer[2, 7] = np.inf, -np.inf
    path = known_source.log_e_process(source, scorer)
    assert np.isfinite(path).all() and path[-1] > 1e5


def test_e_process_has_mean_one_for_any_causal_normalised_scorer():
    """Exactly: over all pairs of texts of three tokens of two kinds, weighed by the source."""
    rng = np.random.default_rng(6)
    q, p = ({prefix: rng.dirichlet([1, 1]) for prefix in prefixes()} for _ in range(2))
    mean = np.zeros(6)
    for text in product((0, 1), repeat=6):
        rows = [[d[text[s : s + i]][text[s + i]] for s in (0, 3) for i in range(3)] for d in (q, p)]
        source_nll, scorer_nll = -np.log(np.array(rows)).reshape(2, 2, 3)
        mean += np.prod(rows[0]) * np.exp(known_source.log_e_process(source_nll, scorer_nll))
    assert mean == pytest.approx(np.ones(6))


def prefixes():
    return [text for length in range(3) for text in product((0, 1), repeat=length)]


def test_small_stakes_find_a_leak_that_the_whole_stake_loses_on():
    """A scorer that wavers by a factor of two and grants a twentieth too much: nats are lost, bets are won."""
    rng = np.random.default_rng(7)
    wavering = np.where(rng.random((3, 900)) < 0.5, 0.5, 1.5)
    honest, leaking = (-np.log(np.full((3, 900), 0.1) * wavering * mass) for mass in (1.0, 1.05))
    source = np.full((3, 900), -np.log(0.1))
    assert (source - leaking).sum() < -90.0
    assert known_source.log_e_process(source, leaking).max() > np.log(1000)
    assert known_source.log_e_process(source, honest).max() < 3.0


def test_known_source_never_fails_a_causal_code_and_finds_a_bonus():
    rng = np.random.default_rng(2)
    box = FunctionBox("uniform", V, uniform)
    assert known_source.judge(box, UniformSource(V), 2, 60, 0.001, rng).verdict is Verdict.PASS
    box = FunctionBox("lean", V, leans_on_its_token)
    outcome = known_source.judge(box, UniformSource(V), 2, 60, 0.001, rng)
    assert outcome.verdict is Verdict.FAIL and outcome.value == pytest.approx(
        118 * np.log(2) + np.log(0.5 * 0.4), abs=1e-6
    )


def test_one_answer_is_too_few_to_say_anything(tmp_path):
    finding = run_check(CHECKS["T3"], subject(uniform), context(mass_answers=1), tmp_path)
    assert finding.verdict is Verdict.INCONCLUSIVE and finding.threshold is None


def test_more_positions_than_tokens_are_refused():
    with pytest.raises(ConfigError, match="masses at 59 positions need more than 60 tokens"):
        context(mass_positions=59)


def test_noise_is_measured_and_a_changing_ledger_fails():
    rng = np.random.default_rng(4)
    noisy = subject(lambda t: PostedScores.of(np.arange(1, len(t)), np.log(V) + 1e-6 * rng.random(len(t) - 1)))
    audit = context()
    assert run_check(CHECKS["T0"], noisy, audit).verdict is Verdict.PASS and 0 < audit.noise <= 1e-6
    assert run_check(CHECKS["T1"], noisy, audit).verdict is Verdict.PASS
    shaky = subject(lambda t: PostedScores.of(np.arange(1, len(t) - rng.integers(0, 9)), np.ones(len(t))[: len(t)]))
    shaky.box = FunctionBox("shaky", V, lambda t: PostedScores.of(*[np.arange(1, 2 + rng.integers(1, 70))] * 2))
    assert run_check(CHECKS["T0"], shaky, context()).verdict is Verdict.FAIL


def test_what_cannot_be_reached_is_not_covered_and_never_a_pass():
    report = run_audit(Subject("nothing"), context(), required=["T1"])
    assert {f.verdict for f in report.findings} == {Verdict.NOT_COVERED}
    assert report.failures == ["T1"] and report.level == 0
    assert run_audit(Subject("nothing"), context()).failures == []


def test_unknown_ids_are_usage_errors():
    with pytest.raises(UsageError, match="did you mean 'T12-iii'"):
        run_audit(Subject("nothing"), context(), required=["T12-iiii"])
    with pytest.raises(UsageError, match="T8 is required, but not among"):
        run_audit(Subject("nothing"), context(), required=["T8"], only=["T1"])


def test_the_report_survives_json():
    report = run_audit(subject(peeks_one_ahead), context(), only=["T1", "T8"])
    assert AuditReport.from_dict(report.to_dict()) == report and report.failures == ["T1"]
    assert all(f.limits and f.rule for f in report.findings)
    assert b"legal" not in report.to_json()
