import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golfctl.errors import ConfigError
from golfctl.scoring.windows import blocks, group_documents, group_windows, sliding_windows

# (rows, seq_len, stride, starts): windows written by hand as (start, first, stop)
TABLES = {
    (10, 4, 2, None): [(0, 0, 4), (2, 4, 6), (4, 6, 8), (6, 8, 10)],
    (11, 4, 2, None): [(0, 0, 4), (2, 4, 6), (4, 6, 8), (6, 8, 10), (8, 10, 11)],
    (3, 4, 2, None): [(0, 0, 3)],
    (4, 4, 1, None): [(0, 0, 4)],
    (6, 4, 4, None): [(0, 0, 4), (4, 4, 6)],
    (7, 3, 1, None): [(0, 0, 3), (1, 3, 4), (2, 4, 5), (3, 5, 6), (4, 6, 7)],
    (9, 4, 2, (0, 3, 8)): [(0, 0, 3), (3, 3, 7), (5, 7, 8), (8, 8, 9)],
}
REFERENCE = {
    "sliding-1128": [(0, 0, 4), (2, 4, 6), (4, 6, 8), (6, 8, 10), (8, 9, 11), (10, 10, 11)],
    "ttt-1128": [(0, 0, 4), (2, 4, 6), (4, 6, 8), (6, 8, 10), (8, 9, 11)],
}


@pytest.mark.parametrize(("case", "expected"), TABLES.items(), ids=str)
def test_windows_equal_the_tables_written_by_hand(case, expected):
    assert [w[:3] for w in sliding_windows(*case)] == expected


@pytest.mark.parametrize(("tail", "expected"), REFERENCE.items())
def test_the_reference_tail_rules_score_the_end_again(tail, expected):
    assert [w[:3] for w in sliding_windows(11, 4, 2, tail=tail)] == expected


@given(rows=st.integers(1, 300), seq_len=st.integers(1, 40), stride=st.integers(1, 40), data=st.data())
def test_every_row_is_scored_exactly_once_in_order(rows, seq_len, stride, data):
    stride = min(stride, seq_len)
    inner = data.draw(st.sets(st.integers(1, max(rows - 1, 1)), max_size=5))
    starts = data.draw(st.sampled_from([None, sorted({0} | {s for s in inner if s < rows})]))
    windows = list(sliding_windows(rows, seq_len, stride, starts))
    assert [row for w in windows for row in range(w.first, w.stop)] == list(range(rows))
    assert all(w.start <= w.first and w.stop - w.start <= seq_len for w in windows)
    if starts is not None:
        assert all(not any(w.start < s < w.stop for s in starts) for w in windows)


@pytest.mark.parametrize(("seq_len", "stride"), [(4, 5), (4, 0)])
def test_a_stride_that_leaves_gaps_is_refused(seq_len, stride):
    with pytest.raises(ConfigError, match="stride"):
        list(sliding_windows(10, seq_len, stride))


def test_reference_tails_and_documents_contradict():
    with pytest.raises(ConfigError, match="document isolation"):
        sliding_windows(10, 4, 2, [0, 5], tail="ttt-1128")


@pytest.mark.parametrize("stride", [2, 4])
def test_documents_stay_whole_whatever_the_stride(stride):
    """Where windows do not overlap, each scores all it sees: that does not make it a document."""
    groups = group_documents(sliding_windows(40, 4, stride, [0, 11, 30]), 2)
    assert [(group[0].first, group[-1].stop) for group in groups] == [(0, 30), (30, 40)]


def test_groups_never_span_a_barrier():
    windows = list(sliding_windows(20, 4, 2))
    groups = list(group_windows(iter(windows), 3, 8))
    assert [w for group in groups for w in group] == windows
    assert all(len(group) <= 3 for group in groups)
    assert all(len({w.first // 8 for w in group}) == 1 for group in groups)
    assert [group[0].first for group in groups] == [0, 8, 14, 16]


def test_a_block_holds_no_target_of_its_last_row():
    tokens_N = np.arange(12, dtype=np.uint16)
    made = list(blocks(tokens_N, group_windows(sliding_windows(11, 4, 2), 2, None)))
    assert [(b.origin, b.first, b.stop) for b in made] == [(0, 0, 6), (4, 6, 10), (8, 10, 11)]
    assert all(b.ids_N[-1] == b.stop - 1 for b in made)
    assert list(made[1].inputs(6, 9)) == [6, 7, 8]
