"""Headers of safetensors: what the library accepts is read alike, and what lies is refused by name."""

import io
import json

import pytest
import safetensors
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from golfctl.errors import CheckpointError
from golfctl.importing.elements import ELEMENTS
from golfctl.importing.source import read_source
from golfctl.packing.checkpoint import read_safetensors
from golfctl.packing.safetensors_header import read_header


def file_of(document, data=b"", length=None):
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(2, 3), offsets=(0, 24)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def header_of(data):
    return read_header(io.BytesIO(data), len(data), "m.safetensors")


DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int8, torch.uint8, torch.bool]
TENSORS = st.dictionaries(
    st.text(min_size=1, max_size=10).filter(lambda name: name != "__metadata__"),
    st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 4), max_size=4)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(tensors=TENSORS, metadata=st.dictionaries(st.text(), st.text(), max_size=3))
def test_what_the_library_writes_is_read_as_the_library_reads_it(tmp_path_factory, tensors, metadata):
    made = {name: torch.ones(shape, dtype=dtype) for name, (dtype, shape) in tensors.items()}
    data = safetensors.torch.save(made, metadata)
    header = header_of(data)
    assert header.metadata == metadata
    assert {name: e.shape for name, e in header.entries.items()} == {n: tuple(t.shape) for n, t in made.items()}
    path = tmp_path_factory.getbasetemp() / "m.safetensors"
    path.write_bytes(data)
    found_metadata, found = read_safetensors(path)
    assert found_metadata == metadata and all(torch.equal(found[name], made[name]) for name in made)


BAD = {
    "no length": (b"\x01\x02", "truncated"),
    "length beyond the file": (file_of({}, length=100), "ends before"),
    "length of 2^63": (file_of({}, length=1 << 63), "header of"),
    "no JSON": (file_of(b"{nope}"), "no JSON"),
    "a list": (file_of(b"[]"), "no JSON object"),
    "a number": (file_of(b"5"), "no JSON object"),
    "no text": (file_of(b'{"\xff":1}'), "no Unicode"),
    "a lone surrogate": (file_of(b'{"\\ud800":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}', b"a"), "no Unicode"),
    "NaN": (file_of(b'{"a":NaN}'), "NaN is no JSON"),
    "deep lists": (file_of(b"[" * 100_000), "no JSON"),
    "deep objects": (file_of(b'{"a":' * 100_000), "no JSON"),
    "a number of 5,000 digits": (file_of(b'{"a":' + b"9" * 5000 + b"}"), "no JSON"),
    "a name twice": (file_of(b'{"a":1,"\\u001b[0m":2,"\\u001b[0m":3}'), r"two entries are called \\x1b\[0m"),
    "a key twice within": (file_of(b'{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"a"), "two"),
    "no object": (file_of({"a": 1}), "needs dtype"),
    "a key more": (file_of({"a": entry() | {"x": 1}}, bytes(24)), "nothing else"),
    "a dtype nobody has": (file_of({"a": entry("F7\x1b")}, bytes(24)), r"does not know: F7\\x1b"),
    "a dtype that is no text": (file_of({"a": entry([])}, bytes(24)), "does not know"),
    "a negative size": (file_of({"a": entry(shape=[-2, -3])}, bytes(24)), "no shape"),
    "a fraction": (file_of({"a": entry(shape=[2.0, 3])}, bytes(24)), "no shape"),
    "true as a size": (file_of({"a": entry("U8", [True], [0, 1])}, b"a"), "no shape"),
    "nine dimensions": (file_of({"a": entry("U8", [1] * 9, [0, 1])}, b"a"), "no shape"),
    "a size of 2^63": (file_of({"a": entry(shape=[1 << 63])}, bytes(24)), "no shape"),
    "sizes whose product wraps": (file_of({"a": entry("U8", [1 << 32, 1 << 32], [0, 0])}), "does not fill"),
    "offsets of 2^64": (file_of({"a": entry(offsets=[1 << 64, (1 << 64) + 24])}, bytes(24)), "no two offsets"),
    "offsets backwards": (file_of({"a": entry(offsets=[24, 0])}, bytes(24)), "does not fill"),
    "three offsets": (file_of({"a": entry(offsets=[0, 12, 24])}, bytes(24)), "no two offsets"),
    "an overlap": (file_of({"a": entry(), "b": entry(offsets=[12, 36])}, bytes(36)), "overlaps"),
    "one place for two": (file_of({"a": entry(), "b": entry()}, bytes(24)), "overlaps"),
    "a gap": (file_of({"a": entry(offsets=[4, 28])}, bytes(28)), "gap"),
    "a tail": (file_of({"a": entry()}, bytes(25)), "its tensors end"),
    "cut": (file_of({"a": entry()}, bytes(23)), "its tensors end"),
    "half a byte": (file_of({"a": entry("F4", [3], [0, 1])}, b"a"), "does not fill"),
    "metadata of numbers": (file_of({"__metadata__": {"a": 1}}), "no object of texts"),
    "metadata that is a list": (file_of({"__metadata__": []}), "no object of texts"),
    "many tensors": (file_of({str(i): entry("U8", [0], [0, 0]) for i in range(33_000)}), "at most"),
    "a large header": (file_of(b" " * (5 << 20)), "header of"),
    "a name of 9,000 characters": (file_of({"n" * 9000: 1}), "needs dtype"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_bad_headers(kind, tmp_path):
    data, message = BAD[kind]
    with pytest.raises(CheckpointError, match=message) as caught:
        header_of(data)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500
    path = tmp_path / "m.safetensors"
    path.write_bytes(data)
    for read in (read_safetensors, read_source):
        with pytest.raises(CheckpointError):
            read(path)


ALL_TYPES = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


@pytest.mark.parametrize("dtype", ALL_TYPES)
def test_every_type_is_read_or_refused_by_tensor_and_type(dtype, tmp_path):
    size = ALL_TYPES[dtype]
    path = tmp_path / "m.safetensors"
    path.write_bytes(file_of({"layer.odd": entry(dtype, [8, 2], [0, 2 * size])}, bytes(2 * size)))
    found = header_of(path.read_bytes()).entries["layer.odd"]
    assert found.shape == (8, 2)
    if found.element in ELEMENTS and dtype in ("F64", "F32", "F16", "BF16"):
        assert read_source(path).imported.shapes == {"layer.odd": (8, 2)}
        return
    with pytest.raises(CheckpointError) as caught:
        read_source(path)
    assert "layer.odd" in str(caught.value) and found.element in str(caught.value)
    if found.element not in ELEMENTS:
        with pytest.raises(CheckpointError, match=f"layer.odd holds {dtype}"):
            read_safetensors(path)
