"""Many short texts, each compressed alone: what is shared is an artifact for us, a trained dictionary for zstd."""

import random
from typing import Any

import zstandard

from benchmarks.codec.compressors import Compressor
from benchmarks.codec.measure import timed
from benchmarks.codec.texts import Text

DICTIONARY_BYTES = 112_640  # what `zstd --train` makes by default
DICTIONARY_ROW = "zstd -22 with a trained dictionary"
LEAST, MOST = 1024, 4096


def pieces(text: Text, count: int) -> list[bytes]:
    """`count` stretches of 1 to 4 KB from the held-out documents, the same each time."""
    rng, data = random.Random(15), text.data
    lengths = [rng.randint(LEAST, MOST) for _ in range(count)]
    return [_whole(data[(start := rng.randrange(len(data) - length)) : start + length]) for length in lengths]


def _whole(data: bytes) -> bytes:
    """Without the halves of characters at its ends."""
    return data.decode("utf-8", errors="ignore").encode()


def general_row(tool: Compressor, texts: list[bytes]) -> dict[str, Any]:
    """Every text by itself, with nothing shared."""
    return _row(f"{tool.name}, each alone", [len(tool.pack(data)) for data in texts], texts, 0)


def dictionary_row(text: Text, texts: list[bytes]) -> dict[str, Any]:
    """zstd with a dictionary that it trained on pieces of the training text."""
    size = (LEAST + MOST) // 2
    samples = [text.primer[i : i + size] for i in range(0, len(text.primer), size)]
    shared = zstandard.train_dictionary(DICTIONARY_BYTES, samples, level=22, threads=0)
    packer = zstandard.ZstdCompressor(level=22, dict_data=shared, write_checksum=False, write_content_size=False)
    unpacker = zstandard.ZstdDecompressor(dict_data=shared)
    packed, pack_s = timed(lambda: [packer.compress(data) for data in texts])
    back, unpack_s = timed(lambda: [unpacker.decompress(data, max_output_size=2 * MOST) for data in packed])
    assert back == texts
    found = _row(DICTIONARY_ROW, [len(data) for data in packed], texts, len(shared.as_bytes()))
    return {**found, "pack_cpu_s": pack_s, "unpack_cpu_s": unpack_s}


def _row(name: str, sizes: list[int], texts: list[bytes], shared: int) -> dict[str, Any]:
    total = sum(map(len, texts))
    return {"tool": name, "bytes": sum(sizes), "bpb": round(8 * sum(sizes) / total, 5), "shared_bytes": shared}
