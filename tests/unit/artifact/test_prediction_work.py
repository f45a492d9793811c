"""What all streams under `rans-lp/1` may cost a reader together, and how far real models stay below it."""

import numpy as np
import pytest

from golfctl.artifact import Limits, RuleError, prediction_work, read_artifact
from golfctl.coding import parse_coder
from golfctl.packing.sections import NamedPart, code_section
from tests.hostile.build import predicted
from tests.recipe_work import recipe_work

LIMIT = Limits().prediction_work


@pytest.mark.parametrize(
    ("shape", "work"),
    [((2000, 64), 2000 * 64**2), ((40, 64), 64**3), ((1, 1 << 22), 1 << 66), ((9,), 0), ((), 0), ((3, 4, 5), 0)],
)
def test_what_a_stream_counts(shape, work):
    assert prediction_work(shape) == work


def test_a_file_of_exactly_the_limit_is_read():
    assert len(read_artifact(predicted(32, 1024, 1024)).manifest.tensors) == 32 == LIMIT >> 30
    with pytest.raises(RuleError, match="rule prediction-work .*35,433,480,192"):
        read_artifact(predicted(33, 1024, 1024))


def test_every_recipe_stays_far_below_it_though_all_its_matrices_were_predicted():
    work = recipe_work()
    assert len(work) > 10 and 1.8 * max(work.values()) < LIMIT


def matrix(name):
    return NamedPart(name, "codes", np.zeros((64, 16), np.int8))


@pytest.mark.parametrize("coder", ["rans-lp", "auto"])
def test_the_writer_does_without_predictions_beyond_what_is_left(coder):
    parts = [matrix("a"), matrix("b")]
    work = sum(prediction_work(part.array.shape) for part in parts)
    assert code_section("s", parts, parse_coder("rans-lp"), work).coder == "rans-lp/1"
    assert code_section("s", parts, parse_coder("rans-lp"), work - 1).coder == "rans/1"
    assert code_section("s", parts, parse_coder(coder), work - 1).coder != "rans-lp/1"
