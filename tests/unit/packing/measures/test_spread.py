import pytest

from golfctl.packing.measures.spread import spread


def test_a_spread_by_hand():
    found = spread([10, 14, 12])
    assert (found.smallest_bytes, found.largest_bytes, found.mean_bytes) == (10, 14, 12.0)
    assert found.deviation_bytes == 2.0 and found.margin_bytes == 6


def test_one_size_has_no_spread():
    with pytest.raises(ValueError, match="two sizes"):
        spread([10])
