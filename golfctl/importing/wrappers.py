"""Layers around a saved model, recognised by their first bytes and taken off with bounded output."""

import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from golfctl.core.canonical import sha256_bytes
from golfctl.core.machine.libraries import need
from golfctl.core.text import printable
from golfctl.errors import CheckpointError
from golfctl.importing import limits
from golfctl.importing.torch_file import LEGACY_MAGIC
from golfctl.importing.zip_reader import MAGIC as ZIP_MAGIC

Data = bytes | bytearray
_CHUNK = 1 << 18
_SHUFFLE, _PER_GROUP = b"BSHF", b"PGRP"
_MOST_STRIDE = 16


def is_safetensors(data: Data) -> bool:
    """A length of 8 bytes, then a JSON object of that length."""
    return len(data) > 9 and data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8


def is_torch(data: Data) -> bool:
    """Either form of torch.save."""
    return data.startswith((ZIP_MAGIC, LEGACY_MAGIC))


class Peeled(NamedTuple):
    """A known file, the layers that were around it, outermost first, and (if any) the digest of the whole."""

    data: Data
    layers: list[str]
    outer_sha256: str

    def sha256(self) -> str:
        """The digest of the file as it was; of a large one only once it is known to be good."""
        return self.outer_sha256 if self.layers else sha256_bytes(self.data)


def peel(data: Data, where: str) -> Peeled:
    """Take off compression and shuffling until a known file is left.

    Raises:
        CheckpointError: unknown or damaged, or it unpacks to more than a model of this size can have.
        DependencyError: Brotli without the brotli extra.
    """
    layers: list[str] = []
    file_bytes, sha256 = len(data), ""
    room = 2 * file_bytes + limits.UNPACKED_EXTRA_BYTES
    while not (is_torch(data) or is_safetensors(data)):
        if len(layers) == limits.LAYERS:
            raise CheckpointError(f"{where}: still no saved model under {' + '.join(layers)}")
        if data.startswith(_PER_GROUP):
            raise CheckpointError(
                f"{where}: per-group streams of an external lrzip cannot be read here; unpack them with the program "
                "that wrote them and import its checkpoint"
            )
        if file_bytes > limits.COMPRESSED_BYTES:
            raise CheckpointError(
                f"{where}: no saved model by its first bytes, and larger than the {limits.COMPRESSED_BYTES:,} bytes "
                "that are unpacked here; unpack it first"
            )
        sha256 = sha256 or sha256_bytes(data)
        name, undo = _recognise(data)
        data = undo(data, room, where)
        room -= len(data)
        layers.append(name)
    return Peeled(data, layers, sha256)


def _recognise(data: Data) -> tuple[str, Callable[[Data, int, str], Data]]:
    if data.startswith(_SHUFFLE):
        return "byte shuffle", _unshuffle
    if data.startswith(b"\xfd7zXZ\x00"):
        return "xz", _unlzma
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        return "zstd", _unzstd
    if data.startswith(b"\x5d\x00\x00"):
        return "lzma", _unlzma
    if len(data) > 2 and data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0:
        return "zlib", _unzlib
    return "brotli", _unbrotli


def _unshuffle(data: Data, room: int, where: str) -> Data:
    """Magic, one byte of stride s, then every s-th byte from 0, from 1, …, from s − 1."""
    stride = data[4] if len(data) > 4 else 0
    if not 1 <= stride <= _MOST_STRIDE:
        raise CheckpointError(f"{where}: byte shuffle with stride {stride}")
    body = np.frombuffer(data, np.uint8, offset=5)
    if body.size > room:
        raise CheckpointError(f"{where}: unpacks to more than twice the file, in layers")
    unpacked, at = bytearray(body.size), 0
    result = np.frombuffer(unpacked, np.uint8)
    for first in range(stride):
        count = len(range(first, body.size, stride))
        result[first::stride] = body[at : at + count]
        at += count
    return unpacked


def _unzlib(data: Data, room: int, where: str) -> Data:
    stream = zlib.decompressobj()

    def pieces(more: memoryview) -> Iterator[bytes]:
        piece = stream.decompress(more, _CHUNK)
        while piece:
            yield piece
            piece = stream.decompress(stream.unconsumed_tail, _CHUNK)

    return _collect("zlib", where, room, data, pieces, lambda: stream.eof, zlib.error)


def _unlzma(data: Data, room: int, where: str) -> Data:
    stream = lzma.LZMADecompressor(memlimit=limits.DECODER_BYTES)

    def pieces(more: memoryview) -> Iterator[bytes]:
        yield stream.decompress(more, _CHUNK)
        while not (stream.needs_input or stream.eof):
            yield stream.decompress(b"", _CHUNK)

    return _collect("lzma", where, room, data, pieces, lambda: stream.eof, lzma.LZMAError)


def _unzstd(data: Data, room: int, where: str) -> Data:
    import zstandard

    ended = False
    stream = zstandard.ZstdDecompressor(max_window_size=limits.DECODER_BYTES).stream_reader(
        data, read_across_frames=True
    )

    def pieces(_: memoryview) -> Iterator[bytes]:
        nonlocal ended
        while piece := stream.read(_CHUNK):
            yield piece
        ended = bool(stream.tell())

    return _collect("zstd", where, room, data, pieces, lambda: ended, zstandard.ZstdError)


def _unbrotli(data: Data, room: int, where: str) -> Data:
    need(f"{where}: not a file known by its first bytes; Brotli data", "brotli")
    import brotli

    stream = brotli.Decompressor()

    def pieces(more: memoryview) -> Iterator[bytes]:
        piece = stream.process(more, output_buffer_limit=_CHUNK)
        while piece:
            yield piece
            piece = b"" if stream.is_finished() else stream.process(b"", output_buffer_limit=_CHUNK)

    return _collect("Brotli", where, room, data, pieces, stream.is_finished, brotli.error)


def _collect(
    name: str,
    where: str,
    room: int,
    data: Data,
    pieces: Callable[[memoryview], Iterator[bytes]],
    ended: Callable[[], bool],
    damage: type[Exception],
) -> Data:
    """What a decompressor makes of `data`, at most `room` bytes; fed in pieces, since some copy what they keep.

    `pieces` takes some input and yields what comes out of it; `ended` says whether the stream is complete.
    """
    unpacked = bytearray()
    view = memoryview(data)
    try:
        for at in range(0, len(data), _CHUNK):
            for piece in pieces(view[at : at + _CHUNK]):
                unpacked += piece
                if len(unpacked) > room:
                    raise CheckpointError(
                        f"{where}: {name} unpacks to more than {room:,} bytes; no model is that large"
                    )
            if ended():
                return unpacked
    except (damage, MemoryError) as error:
        if name == "Brotli":  # it has no magic: this is what every unknown file comes to
            header = ", nor a safetensors file with a true length of its header" if data[8:10] == b'{"' else ""
            raise CheckpointError(f"{where}: neither a saved model nor a compression known here{header}") from error
        raise CheckpointError(f"{where}: damaged {name} stream: {printable(str(error))}") from error
    raise CheckpointError(f"{where}: the {name} stream is cut off")
