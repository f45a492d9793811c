"""Text sources: JSON lines or a JSON array with `text` fields, parquet with a `text` column, plain text, and folders.

What a file holds is told by its content; its ending, in small letters or capitals, is a hint where content leaves it
open, and what folders are searched for.
"""

import hashlib
import itertools
import json
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from golfctl.core.files import check_regular, read_errors
from golfctl.core.lfs import refuse_pointer_file
from golfctl.core.progress import SILENT, Progress
from golfctl.core.text import printable
from golfctl.data.text import parquet
from golfctl.data.text.byte_streams import COMPRESSED, read_chunks
from golfctl.data.text.records import Record, elements, lines, whole
from golfctl.errors import DataError, InputError

JSON_LINES = (".jsonl", ".ndjson")
JSON = (*JSON_LINES, ".json")
PLAIN = (".txt", ".text", ".md", ".rst")
_IN_FOLDERS = (*JSON_LINES, *PLAIN, parquet.ENDING)
_HEAD_BYTES = 1 << 16
_MARK = b"\xef\xbb\xbf"  # the byte order mark of UTF-8, which is no part of a text
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_OBJECTS, _ARRAY = re.compile(rb'\s*\{\s*"'), re.compile(rb"\s*\[\s*\{")
_BRACKET = re.compile(rb"\s*\[")


class Document(NamedTuple):
    """One text and where it came from."""

    name: str
    text: str

    @property
    def data(self) -> bytes:
        """The raw UTF-8 bytes."""
        return self.text.encode("utf-8")

    @property
    def key(self) -> bytes:
        """SHA-256 of the raw bytes: equal texts have equal keys."""
        return hashlib.sha256(self.data).digest()


def read_documents(paths: Sequence[Path], progress: Progress = SILENT) -> Iterator[Document]:
    """Documents of files and folders in the order given, folders in sorted order; empty texts are left out and said.

    At most two copies of a document are in memory at a time.

    Raises:
        InputError: a path does not exist, or is a pipe or device, which could be read only once.
        DataError: bad JSON or parquet, no `text`, no UTF-8, a damaged stream, a folder without text, a document of more
            than 256 MB; file and line (or row) are named. DependencyError: parquet without pyarrow.
    """
    empty: list[str] = []

    def has_text(document: Document) -> bool:
        if not document.text:
            empty.append(document.name)
        return bool(document.text)

    for path in paths:
        for file in _files(Path(path), progress):
            yield from filter(has_text, _read_file(file, progress))
    if empty:
        progress.say(f"{len(empty):,} documents without any text were left out")


def check_sources(paths: Sequence[Path]) -> None:
    """Find before any work what cannot be read at all; raises InputError."""
    for path in paths:
        if not _is_folder(Path(path)):
            check_regular(path)


def _is_folder(path: Path) -> bool:
    with read_errors(path):
        try:
            return stat.S_ISDIR(path.stat().st_mode)
        except FileNotFoundError as error:
            raise InputError(f"no such file or folder: {path}") from error


def _files(path: Path, progress: Progress) -> list[Path]:
    if not _is_folder(path):
        return [path]
    found = sorted(file for file in path.rglob("*") if file.is_file())
    texts = [file for file in found if _ending(file) in _IN_FOLDERS or _is_json_text(file)]
    if not texts:
        known = " ".join((*_IN_FOLDERS, ".json"))
        raise DataError(f"{path}: no text in this folder; files ending in {known} are read (also .xz, .zst, .gz)")
    if len(texts) < len(found):
        progress.say(f"{path}: {len(found) - len(texts):,} files of other types were left out")
    return texts


def _ending(path: Path) -> str:
    """The ending in small letters, without that of a compressed stream."""
    packed = path.suffix.lower() in COMPRESSED
    return (Path(path.stem) if packed else path).suffix.lower()


def _is_json_text(path: Path) -> bool:
    """Whether a .json file, which may as well be somebody's settings, begins with a document."""
    if _ending(path) != ".json":
        return False
    try:
        return next(_read_file(path, SILENT), None) is not None
    except InputError:
        return False


def _read_file(path: Path, progress: Progress) -> Iterator[Document]:
    check_regular(path)
    refuse_pointer_file(path)
    if parquet.is_parquet(path):
        for row, text in parquet.read_texts(path):
            yield Document(f"{path.name}:{row}", text)
        return
    head, chunks = _begin(read_chunks(path))
    _check_head(head, path)
    if _ARRAY.match(head) or (_ending(path) == ".json" and _BRACKET.match(head)):
        found, kind = elements(chunks, str(path)), "a JSON array"
    elif _OBJECTS.match(head) or _ending(path) in JSON:
        found, kind = lines(chunks, str(path)), "JSON lines"
    else:
        yield from (Document(path.name, _utf8(record, path)) for record in whole(chunks, str(path)))
        return
    if _ending(path) not in JSON:
        progress.say(f"{path}: read as {kind}, which it holds")
    yield from (_document(record, path) for record in found)


def _begin(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The head of a stream, without a mark, and all of the stream, without it too."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _HEAD_BYTES:
            break
    head = head.removeprefix(_MARK)
    return head[:_HEAD_BYTES], itertools.chain([head], chunks)


def _check_head(head: bytes, path: Path) -> None:
    if head.startswith(_WIDE_MARKS) or b"\0" in head[:4]:
        raise DataError(f"{path}: line 1: not UTF-8, but UTF-16, UTF-32 or no text; convert the file to UTF-8 first")
    if head.startswith(parquet.MAGIC) and _ending(path) == parquet.ENDING:
        raise DataError(f"{path}: compressed parquet is not read; decompress it first")
    if _ending(path) == parquet.ENDING and not _OBJECTS.match(head):
        raise DataError(f"{path}: not a parquet file")


def _document(record: Record, path: Path) -> Document:
    where = f"{path}: line {record.line}"
    found = _parse(record, path)
    text = found.get("text") if isinstance(found, dict) else None
    if not isinstance(text, str):
        raise DataError(f'{where} has no "text" string: each document must be an object such as {{"text": "…"}}')
    name = found.get("name")
    name = name if isinstance(name, str) else f"{path.name}:{record.line}"
    _check_surrogates(text, where)
    return Document(name, text)


def _parse(record: Record, path: Path) -> Any:
    """The JSON value of a record; whatever its parser raises is an error of that line."""
    if record.data.startswith(_MARK):  # files were put one after the other
        del record.data[: len(_MARK)]
    where = f"{path}: line {record.line}"
    try:
        return json.loads(_utf8(record, path))
    except json.JSONDecodeError as error:
        if record.is_line:
            raise DataError(f"{where} is not JSON: {error.msg} at column {error.colno}") from error
        raise DataError(f"{path}: line {record.line + error.lineno - 1} is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise DataError(f"{where} is not JSON that can be read: too many brackets inside of each other") from error
    except (ValueError, MemoryError) as error:
        what = str(error).partition(";")[0] or "out of memory"  # Python goes on with advice to programmers
        raise DataError(f"{where} is not JSON that can be read: {printable(what)}") from error


def _utf8(record: Record, path: Path) -> str:
    """The text of a record, whose bytes are let go."""
    try:
        return record.data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = record.line + record.data.count(b"\n", 0, error.start)
        where = f"{path}: line {line}" if record.is_line else str(path)
        raise DataError(
            f"{where}: byte {error.start:,} is not UTF-8 (line {line}: {error.reason}); convert the file to UTF-8 first"
        ) from error
    finally:
        record.data.clear()


def _check_surrogates(text: str, where: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"{where}: a lone surrogate escape at character {error.start:,} is no Unicode text") from error
