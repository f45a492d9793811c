"""Token shards in the community's format: a header of 256 little-endian int32, then little-endian uint16 ids.

Header: [0] = 20240520, [1] = 1, [2] = number of tokens, the rest zero; the file has exactly 1,024 + 2n bytes.
Files are read in the sorted order of their names; byte sidecars (`*_bytes_*`) share the pattern and are left out.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from golfctl.core.canonical import sha256_file
from golfctl.core.files import atomic_write, check_regular, read_errors, storage_errors
from golfctl.core.lfs import refuse_pointer_file
from golfctl.errors import DataError, InputError

MAGIC, VERSION = 20240520, 1
HEADER_BYTES = 1024
SHARD_TOKENS = 100_000_000
PREFIX = "fineweb"  # the community's programs look for fineweb_{train,val}_*.bin whatever the text is
_ID = np.dtype("<u2")

Tokens = NDArray[np.uint16]


class ShardInfo(NamedTuple):
    """A written shard: file name, tokens, hexadecimal SHA-256 of the file."""

    file: str
    tokens: int
    sha256: str


def shard_name(split: str, index: int) -> str:
    """File name of shard `index` of a split, `train` or `val`."""
    return f"{PREFIX}_{split}_{index:06d}.bin"


def list_shards(folder: Path, split: str) -> list[Path]:
    """Shards of a split in reading order, without byte sidecars; empty when there are none."""
    return sorted(path for path in Path(folder).glob(f"*_{split}_*.bin") if "_bytes_" not in path.name)


def token_count(path: Path) -> int:
    """Number of tokens a shard holds, after checking header and file size.

    Raises:
        InputError: no such file, a pipe or device, or a git-LFS pointer. DataError: bad magic or version, or the size
            does not match.
    """
    if not path.exists():
        raise InputError(f"no such shard: {path}")
    size = check_regular(path).st_size
    refuse_pointer_file(path)
    with read_errors(path), path.open("rb") as stream:
        header = np.frombuffer(stream.read(HEADER_BYTES), dtype="<i4") if size >= HEADER_BYTES else None
    if header is None:
        raise DataError(f"{path}: shorter than a shard's header of {HEADER_BYTES:,} bytes; fetch or build it again")
    if header[0] != MAGIC or header[1] != VERSION:
        raise DataError(f"{path}: not a token shard (magic {header[0]}, version {header[1]}; {MAGIC} and 1 expected)")
    count = int(header[2])
    if count < 0 or size != HEADER_BYTES + 2 * count:
        raise DataError(
            f"{path}: the header promises {count:,} tokens ({HEADER_BYTES + 2 * count:,} bytes) but the file has "
            f"{size:,} bytes; it is truncated or padded: fetch or build it again"
        )
    return count


def read_shard(path: Path, vocab_size: int | None = None) -> Tokens:
    """Memory-map a shard's ids; with `vocab_size`, check that every id is below it.

    Raises:
        InputError: no such file. DataError: bad header or size, or an id outside the vocabulary.
    """
    if token_count(path) == 0:
        return np.zeros(0, _ID)
    ids_N = np.memmap(path, dtype=_ID, mode="r", offset=HEADER_BYTES)
    if vocab_size is not None:
        check_ids(ids_N, vocab_size, str(path))
    return ids_N


def check_ids(ids_N: Tokens, vocab_size: int, where: str) -> None:
    """Raise DataError when an id is not below `vocab_size`, naming the first."""
    step = 1 << 22
    for start in range(0, len(ids_N), step):
        chunk = ids_N[start : start + step]
        if len(chunk) and int(chunk.max()) >= vocab_size:
            at = int(np.argmax(chunk >= vocab_size))
            raise DataError(
                f"{where}: token {start + at:,} has id {int(chunk[at])}, not below the vocabulary's {vocab_size}; "
                "the shard belongs to another tokenizer or is damaged"
            )


def header(tokens: int) -> bytes:
    """The 1,024 header bytes of a shard."""
    fields = np.zeros(HEADER_BYTES // 4, "<i4")
    fields[:3] = MAGIC, VERSION, tokens
    return fields.tobytes()


def write_shard(path: Path, ids: Sequence[int] | Tokens) -> ShardInfo:
    """Write one shard atomically.

    Raises:
        StorageError: the disk is full or refuses the write. ValueError: an id that is no uint16.
    """
    array = np.asarray(ids)
    if len(array) and not 0 <= int(array.min()) <= int(array.max()) < 1 << 16:
        raise ValueError("token ids must fit 16 bits")
    atomic_write(path, header(len(array)) + array.astype(_ID).tobytes())
    return ShardInfo(path.name, len(array), sha256_file(path))


class ShardWriter:
    """Writes a stream of documents as numbered shards of `shard_tokens` tokens; documents may straddle shards.

    The folder must be a scratch folder that its owner removes on failure: a shard under way is not atomic.
    """

    def __init__(self, folder: Path, split: str, shard_tokens: int = SHARD_TOKENS) -> None:
        self._folder, self._split, self._limit = Path(folder), split, shard_tokens
        self._stream: BinaryIO | None = None
        self._count = 0
        self.shards: list[ShardInfo] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._finish()
        elif self._stream:
            self._stream.close()

    @property
    def tokens(self) -> int:
        """Tokens written so far."""
        return sum(shard.tokens for shard in self.shards) + self._count

    def write(self, ids: Sequence[int] | Tokens) -> None:
        """Append ids, opening new shards as they fill up; raises StorageError when the disk refuses."""
        array = np.asarray(ids, dtype=_ID)
        with storage_errors(self._folder):
            while len(array):
                if self._stream is None:
                    self._open()
                assert self._stream is not None
                part = array[: self._limit - self._count]
                self._stream.write(part.tobytes())
                self._count += len(part)
                array = array[len(part) :]
                if self._count == self._limit:
                    self._finish()

    def _path(self) -> Path:
        return self._folder / shard_name(self._split, len(self.shards))

    def _open(self) -> None:
        self._stream = self._path().open("wb")
        self._stream.write(header(0))

    def _finish(self) -> None:
        if self._stream is None:
            return
        path = self._path()
        with storage_errors(path), self._stream as stream:
            stream.seek(0)
            stream.write(header(self._count))
        self.shards.append(ShardInfo(path.name, self._count, sha256_file(path)))
        self._stream, self._count = None, 0
