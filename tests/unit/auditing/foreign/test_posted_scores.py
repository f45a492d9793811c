import numpy as np
import pytest

from golfctl.auditing.foreign.posted_scores import PostedScores, ledger_text, read_ledger
from golfctl.errors import InputError


def test_text_form_keeps_every_bit(tmp_path):
    rng = np.random.default_rng(0)
    ledger = PostedScores.of(np.arange(1, 50), rng.random(49) * 1e-3)
    path = tmp_path / "ledger.txt"
    path.write_bytes(ledger_text(ledger))
    again = read_ledger(path)
    assert np.array_equal(again.nll_R, ledger.nll_R) and np.array_equal(again.position_R, ledger.position_R)


def test_rows_are_put_in_booking_order(tmp_path):
    path = tmp_path / "ledger.txt"
    path.write_text("# order position nll\n1 2 0.5\n0 1 0.25\n\n")
    ledger = read_ledger(path)
    assert ledger.position_R.tolist() == [1, 2] and ledger.nll_R.tolist() == [0.25, 0.5]


@pytest.mark.parametrize("text", ["0 1\n", "0 1 x\n", "0 1 0.5\n0 2 0.5\n", "0 1.5 0.5\n"])
def test_a_bad_ledger_names_the_file(tmp_path, text):
    path = tmp_path / "ledger.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=r"ledger\.txt"):
        read_ledger(path)


def test_claimed_is_the_last_and_first_the_first():
    ledger = PostedScores.of(np.array([1, 2, 2]), np.array([1.0, 2.0, 3.0]))
    assert ledger.claimed(4)[1:3].tolist() == [1.0, 3.0] and np.isnan(ledger.claimed(4)[3])
    assert ledger.first(4)[1:3].tolist() == [1.0, 2.0]
    assert ledger.until(1).position_R.tolist() == [1]
