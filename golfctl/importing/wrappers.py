"""Layers around a saved model, recognised by their first bytes and taken off with bounded output."""

import lzma
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from golfctl.core.machine.libraries import need
from golfctl.errors import CheckpointError
from golfctl.importing.torch_file import LEGACY_MAGIC, ZIP_MAGIC

_CHUNK = 1 << 20
_LEAST_LIMIT, _MOST_LIMIT, _MOST_RATIO = 1 << 26, 1 << 31, 200
_MOST_LAYERS = 4
_SHUFFLE, _PER_GROUP = b"BSHF", b"PGRP"


def is_safetensors(data: bytes) -> bool:
    """A length of 8 bytes, then a JSON object of that length."""
    return len(data) > 9 and data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8


def is_torch(data: bytes) -> bool:
    """Either form of torch.save."""
    return data.startswith((ZIP_MAGIC, LEGACY_MAGIC))


def peel(data: bytes, where: str) -> tuple[bytes, list[str]]:
    """Take off compression and shuffling until a known file is left; also the layers found, outermost first.

    Raises:
        CheckpointError: unknown or damaged, or it unpacks to more than a model of this size can have.
        DependencyError: Brotli without the brotli extra.
    """
    layers: list[str] = []
    limit = min(max(_LEAST_LIMIT, _MOST_RATIO * len(data)), _MOST_LIMIT)
    while not (is_torch(data) or is_safetensors(data)):
        if len(layers) == _MOST_LAYERS:
            raise CheckpointError(f"{where}: still no saved model under {' + '.join(layers)}")
        if data.startswith(_PER_GROUP):
            raise CheckpointError(
                f"{where}: per-group streams of an external lrzip cannot be read here; unpack them with the program "
                "that wrote them and import its checkpoint"
            )
        name, undo = _recognise(data)
        data = undo(data, limit, where)
        layers.append(name)
    return data, layers


def _recognise(data: bytes) -> tuple[str, Callable[[bytes, int, str], bytes]]:
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


def _unshuffle(data: bytes, limit: int, where: str) -> bytes:
    """Magic, one byte of stride s, then every s-th byte from 0, from 1, …, from s − 1."""
    stride = data[4] if len(data) > 4 else 0
    if not 1 <= stride <= 16:
        raise CheckpointError(f"{where}: byte shuffle with stride {stride}")
    body = np.frombuffer(data, np.uint8, offset=5)
    result, at = np.empty_like(body), 0
    for first in range(stride):
        count = len(range(first, body.size, stride))
        result[first::stride] = body[at : at + count]
        at += count
    return result.tobytes()


def _unzlib(data: bytes, limit: int, where: str) -> bytes:
    stream = zlib.decompressobj()
    return _collect("zlib", where, limit, stream, lambda rest, room: stream.decompress(rest, room), data, zlib.error)


def _unlzma(data: bytes, limit: int, where: str) -> bytes:
    stream = lzma.LZMADecompressor(memlimit=_MOST_LIMIT)
    return _collect(
        "lzma", where, limit, stream, lambda rest, room: stream.decompress(rest, room), data, lzma.LZMAError
    )


def _unzstd(data: bytes, limit: int, where: str) -> bytes:
    import zstandard

    try:
        stream = zstandard.ZstdDecompressor(max_window_size=_MOST_LIMIT).stream_reader(data, read_across_frames=True)
        result = stream.read(limit + 1)
    except (zstandard.ZstdError, MemoryError) as error:
        raise CheckpointError(f"{where}: damaged zstd stream: {error}") from error
    if len(result) > limit or not result:
        raise CheckpointError(
            f"{where}: zstd unpacks to nothing or to more than {limit:,} bytes; no model is that large"
        )
    return bytes(result)


def _unbrotli(data: bytes, limit: int, where: str) -> bytes:
    need(f"{where}: not a file known by its first bytes; Brotli data", "brotli")
    import brotli

    pieces, total, waiting, stream = [], 0, data, brotli.Decompressor()
    try:
        while not stream.is_finished():
            piece = stream.process(waiting, output_buffer_limit=_CHUNK)
            waiting, total = b"", total + len(piece)
            pieces.append(piece)
            if not piece or total > limit:
                break
    except brotli.error as error:
        raise CheckpointError(f"{where}: neither a saved model nor a compression known here") from error
    if not stream.is_finished():
        raise CheckpointError(f"{where}: Brotli data that is cut off or unpacks to more than {limit:,} bytes")
    return b"".join(pieces)


def _collect(
    name: str, where: str, limit: int, stream: Any, more: Callable[[bytes, int], bytes], data: bytes, error_class: Any
) -> bytes:
    """Output of a decompressor of the standard library, at most `limit` bytes."""
    pieces, total, waiting = [], 0, data
    try:
        while not stream.eof:
            piece = more(waiting, _CHUNK)
            waiting, total = getattr(stream, "unconsumed_tail", b""), total + len(piece)
            pieces.append(piece)
            if total > limit:
                raise CheckpointError(f"{where}: {name} unpacks to more than {limit:,} bytes; no model is that large")
            if not piece and not waiting:
                raise CheckpointError(f"{where}: the {name} stream is cut off")
    except error_class as error:
        raise CheckpointError(f"{where}: damaged {name} stream: {error}") from error
    return b"".join(pieces)
