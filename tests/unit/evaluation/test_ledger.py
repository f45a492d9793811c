import numpy as np
import pytest

from golfctl.evaluation.ledger import Ledger, ReplayLedger


def test_rows_are_booked_once_and_in_order():
    ledger = Ledger(5)
    ledger.append(0, np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="row 1 booked again: the next row is 2"):
        ledger.append(1, np.array([1.0]))
    with pytest.raises(ValueError, match="row 3 booked too early"):
        ledger.append(3, np.array([1.0]))
    with pytest.raises(ValueError, match="the stream ends at row 4"):
        ledger.append(2, np.ones(4))
    with pytest.raises(ValueError, match="3 of 5 rows were never scored"):
        ledger.close()
    ledger.append(2, np.ones(3))
    ledger.close()
    assert ledger.position_R.tolist() == [1, 2, 3, 4, 5]
    assert ledger.nats == 6.0
    assert ledger.single_pass()["verdict"] is True


def test_booked_scores_cannot_be_changed():
    ledger = Ledger(2)
    ledger.append(0, np.ones(2))
    with pytest.raises(ValueError, match="read-only"):
        ledger.nll_R[0] = 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_must_be_finite(bad):
    with pytest.raises(ValueError, match="not finite"):
        Ledger(1).append(0, np.array([bad]))


def test_a_replay_ledger_counts_repeats_and_can_never_be_honest():
    with pytest.raises(ValueError, match="reasons"):
        ReplayLedger(3, ())
    ledger = ReplayLedger(3, ("fits what it scores",))
    ledger.append(np.array([0, 1]), np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="1 of 3 rows"):
        ledger.close()
    ledger.append(np.array([1, 2]), np.array([3.0, 4.0]))
    ledger.close()
    assert ledger.position_R.tolist() == [1, 2, 2, 3]
    assert ledger.single_pass()["verdict"] is False
    assert not ledger.can_be_honest
    with pytest.raises(AttributeError):
        ledger.honest  # noqa: B018 - there is no such thing
