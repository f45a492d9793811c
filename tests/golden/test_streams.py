"""Coded arrays that no artifact holds decode to the same bytes for ever, here and by the page's reader."""

import hashlib
import json

import numpy as np
import pytest

from golfctl.coding import decode
from tests.golden.make_streams import TABLE, arrays
from tests.oracles.golf_further import FURTHER_CODERS

STREAMS = json.loads(TABLE.read_text())


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_both_readers_decode_it(name):
    entry = STREAMS[name]
    payload = bytes.fromhex(entry["payload"])
    array = decode(entry["coder"], payload, entry["dtype"], tuple(entry["shape"]))
    assert hashlib.sha256(array.tobytes()).hexdigest() == entry["sha256"]
    assert FURTHER_CODERS[entry["coder"]](payload, entry["dtype"], entry["shape"]) == array.tobytes()


def test_entries_hold_the_arrays_they_were_made_from():
    made = arrays()
    assert set(made) == set(STREAMS)
    for name, (coder, array) in made.items():
        entry = STREAMS[name]
        assert (entry["coder"], entry["dtype"], entry["shape"]) == (coder, array.dtype.name, list(array.shape))
        assert hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest() == entry["sha256"]
