"""Against scipy and against a simulation."""

import numpy as np
import pytest

from golfctl.comparison.student import noncentral_upper_tail, t_quantile, t_upper_tail
from golfctl.comparison.welch import welch


@pytest.fixture(scope="module")
def stats():
    """Imported here: at the top of the file every process that collects the tests would wait for it."""
    from scipy import stats

    return stats


@pytest.mark.parametrize("df", [1.0, 2.0, 2.37, 4.0, 17.5, 300.0])
def test_student_equals_scipy(stats, df):
    for t in (-40.0, -3.2, -0.1, 0.0, 0.7, 2.5, 11.0, 300.0):
        assert t_upper_tail(t, df) == pytest.approx(stats.t.sf(t, df), rel=1e-9, abs=1e-14)
    for p in (0.4, 0.05, 0.01, 1e-4):
        assert t_quantile(p, df) == pytest.approx(stats.t.isf(p, df), rel=1e-8)


@pytest.mark.parametrize(("df", "shift"), [(2.0, 3.0), (4.0, 5.5), (3.3, 1.0), (20.0, 2.0)])
def test_noncentral_equals_scipy(stats, df, shift):
    assert noncentral_upper_tail(2.5, df, shift) == pytest.approx(stats.nct.sf(2.5, df, shift), rel=1e-5)


def test_welch_equals_scipy(stats):
    base, new = [1.1194, 1.1201, 1.1187], [1.1101, 1.1120, 1.1109]
    expected = stats.ttest_ind(np.array(base) - 0.005, new, equal_var=False, alternative="greater")
    result = welch(base, new, 0.005, 0.01)
    assert result.p_value == pytest.approx(expected.pvalue, rel=1e-9) and result.df == pytest.approx(expected.df)
    two_sided = stats.ttest_ind(base, new, equal_var=False).confidence_interval(0.95)
    assert result.interval == pytest.approx((two_sided.low, two_sided.high))


def test_one_run_has_no_spread():
    assert welch([1.0, 1.1], [0.5], 0.005, 0.01).p_value is None


def test_equal_scores_decide_by_the_margin_alone():
    assert welch([1.0, 1.0], [0.99, 0.99], 0.005, 0.01).p_value == 0.0
    assert welch([1.0, 1.0], [0.996, 0.996], 0.005, 0.01).p_value == 1.0


def test_the_showable_gain_is_shown_in_four_of_five_cases():
    rng = np.random.default_rng(0)

    def draw(mean):
        return (mean + 0.001 * rng.normal(size=3)).tolist()

    gain = np.median([welch(draw(1.0), draw(0.0), 0.005, 0.01).showable for _ in range(25)])
    shown = np.mean([
        welch(draw(1.0), draw(1.0 - gain), 0.005, 0.01).p_value < 0.01
        for _ in range(100)
    ])  # fmt: skip
    assert 0.6 < shown < 0.95
