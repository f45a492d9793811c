"""Text sources: JSONL with a `text` field, plain-text files and folders of both, each compressed or not."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from golfctl.core.progress import SILENT, Progress
from golfctl.data.text.byte_streams import COMPRESSED, read_chunks, read_lines
from golfctl.errors import DataError, InputError

JSON_LINES = (".jsonl", ".ndjson")
PLAIN = (".txt", ".text", ".md", ".rst")


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

    Raises:
        InputError: a path does not exist.
        DataError: bad JSON, no `text`, no UTF-8, a damaged stream, a folder without text.
    """
    empty = 0
    for path in paths:
        for file in _files(Path(path), progress):
            for document in _read_file(file):
                if document.text:
                    yield document
                else:
                    empty += 1
    if empty:
        progress.say(f"{empty:,} documents without any text were left out")


def _files(path: Path, progress: Progress) -> list[Path]:
    if not path.exists():
        raise InputError(f"no such file or folder: {path}")
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.is_file())
    texts = [file for file in found if _kind(file) in JSON_LINES + PLAIN]
    if not texts:
        known = " ".join(JSON_LINES + PLAIN)
        raise DataError(f"{path}: no text in this folder; files ending in {known} are read (also .xz, .zst, .gz)")
    if len(texts) < len(found):
        progress.say(f"{path}: {len(found) - len(texts):,} files of other types were left out")
    return texts


def _kind(path: Path) -> str:
    return Path(path.stem).suffix if path.suffix in COMPRESSED else path.suffix


def _read_file(path: Path) -> Iterator[Document]:
    if _kind(path) in JSON_LINES:
        yield from _read_json_lines(path)
    else:
        yield Document(path.name, _utf8(b"".join(read_chunks(path)), str(path)))


def _read_json_lines(path: Path) -> Iterator[Document]:
    for number, line in enumerate(read_lines(path), 1):
        where = f"{path}: line {number}"
        if not line.strip():
            continue
        try:
            record = json.loads(_utf8(line, where))
        except json.JSONDecodeError as error:
            raise DataError(f"{where} is not JSON: {error.msg} at column {error.colno}") from error
        text = record.get("text") if isinstance(record, dict) else None
        if not isinstance(text, str):
            raise DataError(f'{where} has no "text" string: each line must be an object such as {{"text": "…"}}')
        _check_surrogates(text, where)
        yield Document(str(record.get("name", f"{path.name}:{number}")), text)


def _utf8(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: byte {error.start:,} is not UTF-8 ({error.reason}); convert the file to UTF-8 first"
        ) from error


def _check_surrogates(text: str, where: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"{where}: a lone surrogate escape at character {error.start:,} is no Unicode text") from error
