"""Files that lie: pickles that want to run code, bombs, tensors that reach beyond their storage, damage anywhere."""

import contextlib
import io
import lzma
import os
import pickle
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
import torch
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from golfctl.errors import CheckpointError, GolfError
from golfctl.importing import limits
from golfctl.importing.import_checkpoint import read_source
from golfctl.importing.torch_file import LEGACY_MAGIC, read_torch
from golfctl.importing.wrappers import peel
from tests.unit.importing import reference_files as files

GOOD = files.saved({"w": {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(4).half()}, "m": {"a": [1, None, True]}})
OLD = files.saved({"a": torch.arange(6.0), "b": torch.ones(2).bfloat16()}, legacy=True)


class Evil:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


def zipped(pickled, storages=()):
    """A torch.save archive around any pickle."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x/data.pkl", pickled)
        for name, data in storages:
            archive.writestr(f"x/data/{name}", data)
    return stream.getvalue()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("call", [os.system, eval, exec, __import__, getattr, os.unlink])
def test_nothing_is_ever_run(tmp_path, protocol, call):
    marker = tmp_path / "marker"
    evil = pickle.dumps({"w": Evil(call, f"touch {marker}")}, protocol=protocol)
    for data in (zipped(evil), LEGACY_MAGIC + b"\x80\x02M\xe9\x03." + evil):
        with pytest.raises(CheckpointError, match="nothing was run|not a torch.save|big-endian"):
            read_torch(data, "evil.pt")
    assert not marker.exists()


def test_the_message_names_what_was_asked_for():
    with pytest.raises(CheckpointError, match=r"evil.pt: .*posix.system.*nothing was run"):
        read_torch(zipped(pickle.dumps(Evil(os.system, "true"), protocol=2)), "evil.pt")


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02ctorch\nFloatStorage\n(tR.",  # calling a name that may only be held
        b"\x80\x02]}b.",  # attributes of a list
        b"\x80\x02}(K\x01]K\x02u]a.",  # appending to a dict
        b"\x80\x02h\x05.",  # memo never filled
        b"\x80\x02..",  # nothing on the stack
        b"\x80\x02t.",  # no mark
        b"\x80\x02\x82\x01.",  # extension registry
        b"cos\nsystem\n(S'true'\ntR.",  # protocol 0
        b"\x80\x09}.",  # protocol of the future
        b"\x80\x02(ios\nsystem\n.",  # INST
        b"\x80\x02X\xff\xff\xff\xffab.",  # text longer than the file
        b"\x80\x02}}K\x01s.",  # a dict as key
    ],
)
def test_malformed_programs(program):
    with pytest.raises(CheckpointError):
        read_torch(zipped(program), "odd.pt")


def test_endless_and_exploding_objects():
    inner = b"\x80\x02]q\x00h\x00a."  # a list that holds itself
    with pytest.raises(CheckpointError, match="nested or repeated"):
        read_torch(zipped(inner), "x")
    twice = b"".join(b"]q%c(h%ch%ce" % (i, i - 1, i - 1) for i in range(1, 60))
    doubling = b"\x80\x02]q\x00" + twice + b"."
    with pytest.raises(CheckpointError):
        read_torch(zipped(doubling), "x")
    deep = b"\x80\x02" + b"(" * 5000 + b"t" * 5000 + b"."
    with pytest.raises(CheckpointError, match="nested"):
        read_torch(zipped(deep), "x")


def rebuilt(offset, size, stride, items=6):
    """A pickle of one float tensor with any geometry, over a storage of `items`."""

    class Reference:
        pass

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return ("storage", torch.FloatStorage, "0", "cpu", items) if isinstance(obj, Reference) else None

    stream = io.BytesIO()
    arguments = (Reference(), offset, size, stride, False, None)
    Pickler(stream, protocol=2).dump({"a": Evil(torch._utils._rebuild_tensor_v2, *arguments)})
    return zipped(stream.getvalue(), [("0", np.arange(items, dtype="<f4").tobytes())])


def test_geometry_is_checked():
    good = read_torch(rebuilt(1, (2, 2), (2, 1)), "x")["a"]
    assert good.tolist() == [[1, 2], [3, 4]]
    for bad in [
        (0, (7,), (1,)), (5, (2,), (1,)), (0, (1 << 20, 1 << 20), (0, 0)), (-1, (2,), (1,)), (0, (2,), (-1,)),
        (0, (2,), (1, 1)), (0, (1 << 50,), (1,)), (0, (2.0,), (1,)), (0, [2], (1,)), (0, (True,), (1,)),
    ]:  # fmt: skip
        with pytest.raises(CheckpointError, match="shape"):
            read_torch(rebuilt(*bad), "x")


def test_one_storage_named_often_is_no_bomb():
    big = torch.zeros(100_000)
    data = files.saved([big[i:] for i in range(2000)])
    tracemalloc.start()
    with pytest.raises(CheckpointError, match="repeat the same storage"):
        read_torch(data, "x")
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()


PRESSED = [name for name in files.PRESSES if name != "none"]


@pytest.mark.parametrize("press", PRESSED)
def test_bombs_stop_at_the_limit(press, monkeypatch):
    monkeypatch.setattr(limits, "UNPACKED_EXTRA_BYTES", 1 << 20)
    bomb = files.PRESSES[press](bytes(3 << 20))
    if press == "shuffle + brotli":
        bomb = files.PRESSES["brotli"](files.shuffled(bytes(3 << 20)))
    with pytest.raises(CheckpointError, match="unpacks to more than|neither a saved model"):
        peel(bomb, "bomb.ptz")


def test_layers_share_one_limit(monkeypatch):
    """A bomb within a bomb gets what the outer one left."""
    monkeypatch.setattr(limits, "UNPACKED_EXTRA_BYTES", 3 << 20)
    inner = zlib.compress(bytes(2 << 20), 0)
    with pytest.raises(CheckpointError, match="unpacks to more than"):
        peel(zlib.compress(inner, 9), "bomb.ptz")


def test_windows_beyond_any_preset():
    wide = zstandard.ZstdCompressionParameters.from_level(1, window_log=30)
    frame = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    data = frame.compress(os.urandom(1000)) + frame.flush()
    with pytest.raises(CheckpointError, match="zstd"):
        peel(data, "x.ptz")
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    with pytest.raises(CheckpointError, match="lzma.*limit"):
        peel(lzma.compress(b"abc", filters=filters), "x.ptz")


@pytest.mark.parametrize(
    "content", [bytes(1 << 21), os.urandom(1 << 20), bytes(range(256)) * 5000], ids=["0", "noise", "steps"]
)
@pytest.mark.parametrize("press", PRESSED)
def test_large_files_come_out_whole(press, content):
    """Far more than one piece of input or output of a decompressor."""
    inside = files.saved({"a": torch.frombuffer(bytearray(content), dtype=torch.uint8)})
    assert peel(files.PRESSES[press](inside), "x.ptz").data == inside


@pytest.mark.parametrize("press", PRESSED)
def test_streams_that_are_cut_or_changed(press):
    data = files.PRESSES[press](files.saved({"a": torch.arange(600.0)}))
    for damaged in (data[:-20], data[: len(data) // 2], data[:5], data[:20] + b"\xff" * 9 + data[29:]):
        with pytest.raises(CheckpointError) as caught:
            read_torch(peel(damaged, "x.ptz").data, "x.ptz")
        assert str(caught.value).isprintable()


def test_large_files_that_are_no_model_are_not_unpacked(monkeypatch):
    monkeypatch.setattr(limits, "COMPRESSED_BYTES", 100)
    with pytest.raises(CheckpointError, match="unpack it first"):
        peel(zlib.compress(os.urandom(200)), "x.ptz")


def test_layers_without_end():
    data = b"hello"
    for _ in range(6):
        data = zlib.compress(data)
    with pytest.raises(CheckpointError, match="still no saved model"):
        peel(data, "x")


def test_lrzip_groups_are_named(tmp_path):
    path = tmp_path / "x.ptz"
    path.write_bytes(b"PGRP" + struct.pack("<I", 9) + bytes(100))
    with pytest.raises(CheckpointError, match="lrzip"):
        read_source(path)


@pytest.mark.parametrize("good", [GOOD, OLD], ids=["zip", "legacy"])
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_damage_is_a_named_error_or_harmless(good, data):
    damaged = bytearray(good)
    if data.draw(st.booleans()):
        damaged = damaged[: data.draw(st.integers(0, len(damaged) - 1))]
    for _ in range(data.draw(st.integers(0, 3))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_torch(bytes(damaged), "x")
    except GolfError as error:
        assert isinstance(error, CheckpointError)


@settings(max_examples=300, deadline=None)
@given(program=st.binary(max_size=60))
def test_any_bytes_as_program(program):
    with contextlib.suppress(CheckpointError):
        read_torch(zipped(b"\x80\x02" + program), "x")
