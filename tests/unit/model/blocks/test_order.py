"""Orders of blocks: the records' virtual sequences, skip rows, layer choices."""

import pytest

from golfctl.errors import ConfigError
from golfctl.model.blocks.order import order, skip_rows, steps
from golfctl.model.config import RecurrenceConfig
from golfctl.model.parts.selection import resolve
from tests.unit.model.cases import small


@pytest.mark.parametrize(
    ("first", "last", "extra", "encoder", "decoder"),
    [
        (4, 5, 1, [0, 1, 2, 3, 4, 5], [4, 5, 6, 7, 8, 9, 10]),  # PR #1204
        (4, 5, 2, [0, 1, 2, 3, 4, 5, 4], [5, 4, 5, 6, 7, 8, 9, 10]),  # PR #1394
        (3, 5, 2, [0, 1, 2, 3, 4, 5, 3, 4], [5, 3, 4, 5, 6, 7, 8, 9, 10]),  # PR #1493
    ],
)
def test_virtual_sequences_of_the_records(first, last, extra, encoder, decoder):
    recurrence = RecurrenceConfig(first=first, last=last, extra=extra)
    planned = steps(11, recurrence, extra, skips=True)
    assert [s.layer for s in planned if s.push] == encoder
    assert [s.layer for s in planned if not s.push] == decoder
    assert [s.skip_row for s in planned if s.skip_row is not None] == list(range(len(encoder)))
    assert skip_rows(11, recurrence) == len(encoder)
    assert [s.number for s in planned if s.final] == [len(planned) - 1]


def test_with_recurrence_off_the_first_rows_are_used():
    planned = steps(11, RecurrenceConfig(first=4, last=5, extra=2), 0, skips=True)
    assert [s.layer for s in planned] == list(range(11))
    assert [(s.layer, s.skip_row) for s in planned if s.skip_row is not None] == [(5 + j, j) for j in range(5)]
    assert order(11, None, 0) == list(range(11)) and skip_rows(11, None) == 5


def test_layer_choices():
    assert resolve("all", 3, "here") == (0, 1, 2)
    assert resolve("last 2", 5, "here") == (3, 4)
    assert resolve((1, 4), 5, "here") == (1, 4)
    for choice in ("last 6", (5,)):
        with pytest.raises(ConfigError, match="does not fit a model of 5 layers"):
            resolve(choice, 5, "here")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parts": {"xsa": {"layers": "first 2"}}}, "is not a choice of layers"),
        ({"parts": {"xsa": {"layers": [2, 1]}}}, "must ascend"),
        ({"parts": {"xsa": {"layers": "last 9"}}}, "model.parts.xsa: layers = 'last 9' does not fit"),
        ({"parts": {"bigram": {"bucket": 3}}}, "unknown key 'bucket'; did you mean 'buckets'"),
        ({"parts": {"sparse_gate": {"window": 33}}}, "window = 33 exceeds dim = 32"),
        ({"parts": {"gated_smear": {"window": 33}}}, "window = 33 exceeds dim = 32"),
        ({"parts": {"dense_gate": {}, "sparse_gate": {}}}, "exclude each other"),
        ({"parts": {"smear": 3}}, "expected a table of options"),
        ({"paths": {"form": "sequential", "first": 2}}, "first = 2 has no effect"),
        ({"paths": {"form": "parallel"}}, "needs first between 1 and 3"),
        ({"paths": {"form": "merged_lanes", "first": 1}}, "must begin in its second half"),
        (
            {"paths": {"form": "merged_lanes", "first": 2}, "recurrence": {"first": 1, "last": 3}},
            "no earlier block may follow",
        ),
        ({"parts": {"gated_smear": {}}, "bos": 48}, "48 is not a token of a vocabulary of 48"),
    ],
)
def test_contradictions_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        small(**changes)
