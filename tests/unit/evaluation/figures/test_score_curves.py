import math

import numpy as np
import pytest

from golfctl.evaluation.figures.score_curves import along_stream, by_document, by_length
from golfctl.evaluation.stream import Stream


def stream():
    starts_D, raw_D = np.array([0, 10, 30]), np.array([300, 700, 500])
    return Stream.of_arrays(np.zeros(51, np.uint16), starts_D, raw_D, np.ones(51, np.int64), "x")


def test_the_curve_ends_at_the_score():
    nll_R = np.random.default_rng(0).random(50)
    curve = along_stream(stream(), nll_R, points=7)
    assert len(curve) == 7 and curve[-1] == (50, pytest.approx(nll_R.sum() / math.log(2) / 1500))


def test_documents_add_up_to_the_score():
    nll_R = np.random.default_rng(0).random(50)
    found = by_document(stream(), nll_R)
    assert found["raw_bytes"] == [300, 700, 500]
    assert sum(found["bits"]) == pytest.approx(nll_R.sum() / math.log(2), abs=2e-3)
    assert found["bits"][0] == pytest.approx(nll_R[:9].sum() / math.log(2), abs=1e-3)  # the first token is no target


def test_length_classes_hold_every_document_once():
    nll_R = np.ones(50)
    classes = by_length(stream(), nll_R)
    assert [(c["from_bytes"], c["documents"]) for c in classes] == [(256, 2), (512, 1)]
    assert classes[1]["val_bpb"] == pytest.approx(20 / math.log(2) / 700)
