"""The schedule of lanes against a plain simulation, with lengths known and unknown."""

import numpy as np
import pytest

from golfctl.errors import ConfigError
from golfctl.scoring.steps.lanes import Lanes, Stretch, Text, cut_in, whole_documents

END = 1


def read_all(lanes, texts_PN):
    """Drive `lanes` over texts (a given token, then targets); which (lane, text, row) each step asked for."""
    asked = []
    while step := lanes.step():
        text_K, row_K = lanes.reading()
        asked.append(list(zip(step.lane_K.tolist(), text_K.tolist(), row_K.tolist(), strict=True)))
        shown = [texts_PN[t][r] for t, r in zip(text_K, row_K, strict=True)]
        assert step.token_K.tolist() == shown and step.begins_K.tolist() == [r == 0 for r in row_K]
        lanes.reveal(np.array([texts_PN[t][r + 1] for t, r in zip(text_K, row_K, strict=True)]))
    return asked


def simulated(lengths, lanes):
    """The same by simulation: each lane holds [text, row]."""
    held, waiting, asked = [None] * lanes, list(range(len(lengths))), []
    while True:
        for lane in range(lanes):
            if held[lane] is None and waiting:
                held[lane] = [waiting.pop(0), 0]
        if not any(held):
            return asked
        asked.append([(lane, *have) for lane, have in enumerate(held) if have])
        for lane in range(lanes):
            if held[lane]:
                held[lane][1] += 1
                if held[lane][1] == lengths[held[lane][0]]:
                    held[lane] = None


@pytest.mark.parametrize("lanes", [1, 2, 3, 7])
@pytest.mark.parametrize("known", [True, False])
def test_lanes_read_as_simulated(lanes, known):
    rng = np.random.default_rng(lanes)
    lengths = rng.integers(1, 9, 20).tolist()
    texts = [[END, *rng.integers(2, 50, n - 1).tolist(), END] for n in lengths]
    schedule = Lanes([Text(END, n if known else None) for n in lengths], lanes, END)
    assert read_all(schedule, texts) == simulated(lengths, lanes)


def test_rows_are_counted_from_the_first_step_on():
    lanes, firsts = Lanes([Text(5, 2), Text(6, 1)], 2), []
    while step := lanes.step():
        firsts.append((step.first, step.stop))
        lanes.reveal(step.token_K)
    assert firsts == [(0, 2), (2, 3)]


def test_empty_texts_are_no_texts():
    assert Lanes([Text(1, 0), Text(1, 0)], 3).step() is None


def test_what_would_never_end_is_refused():
    with pytest.raises(ConfigError, match="token that ends"):
        Lanes([Text(1, None)], 1)
    with pytest.raises(ConfigError, match="at least 1"):
        Lanes([Text(1, 1)], 0)


def test_documents_and_parts_cover_every_row_once():
    assert whole_documents([0, 4, 5], 9) == [Stretch(0, 0, 4), Stretch(4, 4, 5), Stretch(5, 5, 9)]
    for lanes, rows in [(1, 5), (2, 5), (4, 5), (8, 5), (32, 1000)]:
        parts = cut_in(lanes, rows)
        assert [row for part in parts for row in range(part.first, part.stop)] == list(range(rows))
        sizes = [part.stop - part.first for part in parts]
        assert sizes == sorted(sizes, reverse=True) and max(sizes) - min(sizes) <= 1 and len(parts) <= lanes
        assert {part.given for part in parts} == {0}
