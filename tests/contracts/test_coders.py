"""What every coder in the table promises: exact round trips, exact sizes, bounded memory, named errors."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from golfctl.coding import CODERS, accepts, decode, encode, reader_needs
from golfctl.coding.base import DTYPES
from golfctl.errors import ArtifactError, ConfigError, UsageError

IDS = sorted(CODERS)
RANDOM = np.random.default_rng(0)
SMALL = RANDOM.normal(0, 3, (12, 10)).round().astype(np.int8)
SAMPLES = [
    np.zeros((0,), np.int8),
    np.zeros((3, 0), np.int16),
    np.array(5, np.int32),
    np.arange(7, dtype=np.uint8),
    RANDOM.normal(0, 3, (60, 40)).round().astype(np.int8),
    RANDOM.normal(0, 300, (33, 17)).round().astype(np.int16),
    RANDOM.normal(0, 3, (5, 6, 7)).astype(np.float16),
    np.array([[np.nan, -0.0], [np.inf, 1e-45]], np.float32),
    np.full((50, 70), -128, np.int8),
    RANDOM.integers(-(2**31), 2**31, (9, 9)).astype(np.int32),
    RANDOM.normal(0, 9, (90, 6)).cumsum(axis=1).clip(-128, 127).astype(np.int8),
]


def taken(coder_id):
    return [a for a in SAMPLES if accepts(coder_id, a.dtype, a.shape)]


@pytest.mark.parametrize("coder_id", IDS)
def test_round_trip_is_exact_and_repeatable(coder_id):
    assert len(taken(coder_id)) >= 3
    for array in taken(coder_id):
        data = encode(coder_id, array)
        again = decode(coder_id, data, array.dtype, array.shape)
        assert again.dtype == array.dtype and again.shape == array.shape and again.flags.writeable
        assert again.tobytes() == array.tobytes()
        assert encode(coder_id, array) == data


@pytest.mark.parametrize("coder_id", IDS)
def test_byte_order_and_strides_do_not_matter(coder_id):
    array = RANDOM.normal(0, 40, (31, 44)).round().astype(np.int16)
    if not accepts(coder_id, array.dtype, array.shape):
        array = array.astype(np.int8)
    assert encode(coder_id, array.astype(array.dtype.newbyteorder(">"))) == encode(coder_id, array)
    assert encode(coder_id, np.asfortranarray(array)) == encode(coder_id, array)


@pytest.mark.parametrize("coder_id", IDS)
def test_every_truncation_and_every_tail_is_refused(coder_id):
    array = SMALL
    data = encode(coder_id, array)
    for length in range(len(data)):
        with pytest.raises(ArtifactError):
            decode(coder_id, data[:length], array.dtype, array.shape)
    with pytest.raises(ArtifactError):
        decode(coder_id, data + b"\0", array.dtype, array.shape)


@pytest.mark.parametrize("coder_id", IDS)
def test_another_size_is_refused(coder_id):
    array = SMALL
    data = encode(coder_id, array)
    for shape in [(12, 9), (12, 11), (0, 10), (1, 1), (-12, -10)]:
        with pytest.raises(ArtifactError):
            decode(coder_id, data, array.dtype, shape)
    with pytest.raises(ArtifactError):
        decode(coder_id, data, np.int8, (1 << 40, 1 << 40))


@pytest.mark.parametrize("coder_id", IDS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_is_an_error_or_an_array_of_the_right_kind(coder_id, data):
    array = SMALL
    stream = bytearray(encode(coder_id, array))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    try:
        again = decode(coder_id, bytes(stream), array.dtype, array.shape)
    except ArtifactError:
        return
    assert again.dtype == array.dtype and again.shape == array.shape


@pytest.mark.parametrize("coder_id", IDS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_array_round_trips(coder_id, data):
    dtypes = [name for name in DTYPES if accepts(coder_id, name, (4, 4))]
    dtype = np.dtype(data.draw(st.sampled_from(dtypes)))
    array = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9)))
    assume(accepts(coder_id, dtype, array.shape))
    again = decode(coder_id, encode(coder_id, array), dtype, array.shape)
    assert again.tobytes() == array.tobytes()


@pytest.mark.parametrize("coder_id", IDS)
def test_a_bomb_costs_no_more_than_the_array_it_should_hold(coder_id):
    bomb = encode(coder_id, np.zeros((16384, 512), np.int8))
    tracemalloc.start()
    with pytest.raises(ArtifactError):
        decode(coder_id, bomb, np.int8, (10, 10))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(bomb) + (8 << 20)


@pytest.mark.parametrize("coder_id", IDS)
def test_says_what_a_reader_needs_and_refuses_unknown_options(coder_id):
    assert reader_needs(coder_id)
    with pytest.raises(ConfigError, match="no_such"):
        encode(coder_id, np.zeros((4, 4), np.int8), no_such=1)


def test_unknown_coders_are_named():
    with pytest.raises(ArtifactError, match="lzmo/1.*lzma/1"):
        decode("lzmo/1", b"", np.int8, (0,))
    with pytest.raises(UsageError, match="lzma/2"):
        encode("lzma/2", np.zeros(3, np.int8))
    with pytest.raises(UsageError, match="complex"):
        encode("raw/1", np.zeros(3, np.complex64))
