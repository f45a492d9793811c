"""The embedded corpus: English technical prose that every Python installation carries with it.

Documentation topics, docstrings, comments and help texts of the standard library, read from its source files, which are
parsed and never imported. One document per module or topic; whole packages are held out; near-duplicate blocks go.
The same installation gives the same bytes.
"""

import hashlib
import math
import os
import platform
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from golfctl.core.canonical import sha256_bytes, sha256_json
from golfctl.core.files import writing
from golfctl.core.machine.caches import cache_folder
from golfctl.core.progress import SILENT, Progress
from golfctl.data.build import Labelled, build_dataset
from golfctl.data.dataset import Dataset
from golfctl.data.text.near_duplicates import SeenText
from golfctl.data.text.prose import prose_of, topics_of
from golfctl.data.text.sources import Document
from golfctl.data.tokenizers.training import train_tokenizer
from golfctl.errors import DataError, InputError

VOCABULARY = 1024
_RULES = "embedded/2"  # a change of any rule in this file or in `prose` is a new number
_SKIPPED_FOLDERS = {"site-packages", "dist-packages", "__pycache__", "test", "tests", "idle_test", "lib2to3"}
_TOPICS = "pydoc_data/topics.py"
_TOPICS_PACKAGE = "pydoc_data"
_HELD_OUT_BYTES = 60_000
_MIN_HELD_BYTES, _MAX_HELD_BYTES = 1_000, 6_000  # of one held-out package: many small ones rather than one large
_MIN_DOCUMENT_CHARACTERS = 200
_MIN_CORPUS_BYTES = 1_000_000


class Prose(NamedTuple):
    """Prose blocks of one source file or topic."""

    name: str
    blocks: list[str]


class Module(NamedTuple):
    """A source file of the library: its path from the root, and its bytes."""

    name: str
    data: bytes

    @property
    def package(self) -> str:
        """The top-level package or module it belongs to."""
        return self.name.split("/")[0].removesuffix(".py")


def embedded_dataset(progress: Progress = SILENT, vocab_size: int = VOCABULARY) -> Path:
    """Folder of the embedded dataset; built on first use, then taken from the cache.

    Raises:
        DataError: this installation carries too little text. StorageError: the cache folder cannot be written.
    """
    modules = list(library_modules())
    folder = cache_folder() / "data" / f"embedded-{_key(modules, vocab_size)}"
    dataset = _cached(folder, progress)
    if dataset is None:
        waiting = f"another process is building the embedded corpus: waiting for {folder}"
        with writing(folder, math.inf, lambda: progress.say(waiting)):  # ranks and runs started together: one builds
            dataset = _cached(folder, SILENT) or _build(folder, modules, vocab_size, progress)
    progress.say(f"embedded corpus: {folder} (sha256 {dataset.digest})")
    return folder


def library_modules(root: Path | None = None) -> Iterator[Module]:
    """Source files of the standard library in sorted order, tests and installed packages left out."""
    root = root or Path(sysconfig.get_path("stdlib"))
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in _SKIPPED_FOLDERS)
        for file in sorted(files):
            if file.endswith(".py"):
                path = Path(folder, file)
                yield Module(path.relative_to(root).as_posix(), path.read_bytes())


def embedded_documents(modules: list[Module], progress: Progress = SILENT) -> list[Labelled]:
    """Held-out documents first, then training documents without anything near to a block seen before.

    Raises:
        DataError: less than 1 MB of text.
    """
    packages = _parse(modules, progress)
    seen = SeenText()
    held: list[Labelled] = []
    for package in sorted(packages, key=_shuffle_key):
        if package != _TOPICS_PACKAGE and _MIN_HELD_BYTES <= _size(packages[package]) <= _MAX_HELD_BYTES:
            held += [Labelled(document, True) for document in _documents(packages.pop(package), seen)]
        if sum(len(item.document.data) for item in held) >= _HELD_OUT_BYTES:
            break
    train = [document for package in sorted(packages) for document in _documents(packages[package], seen)]
    size = sum(len(document.data) for document in train)
    if size < _MIN_CORPUS_BYTES:
        raise DataError(
            f"this Python installation carries only {size:,} bytes of documentation in its sources; "
            "install the full standard library, or give text of your own to `golfctl data build`"
        )
    return held + [Labelled(document, False) for document in sorted(train, key=lambda d: _shuffle_key(d.name))]


def _parse(modules: list[Module], progress: Progress) -> dict[str, list[Prose]]:
    """Prose of every module, by package; sources that this interpreter cannot parse are counted and left out."""
    packages: dict[str, list[Prose]] = {}
    unreadable = 0
    with progress.task("reading the standard library", len(modules), "files") as task:
        for module in modules:
            try:
                packages.setdefault(module.package, []).extend(_prose(module))
            except (SyntaxError, ValueError):
                unreadable += 1
            task.advance()
    if unreadable:
        progress.say(f"{unreadable:,} source files that this interpreter cannot parse were left out")
    return packages


def _prose(module: Module) -> list[Prose]:
    with warnings.catch_warnings():  # odd escapes in old sources are no concern of ours
        warnings.simplefilter("ignore")
        source = module.data.decode("utf-8")
        if module.name != _TOPICS:
            return [Prose(module.name, prose_of(source))]
        return [Prose(f"{module.name}#{i}", topic.split("\n\n")) for i, topic in enumerate(topics_of(source))]


def _documents(texts: list[Prose], seen: SeenText) -> Iterator[Document]:
    """One document per text from its new blocks; what is left too short is dropped."""
    for name, blocks in texts:
        text = "\n\n".join(seen.new_blocks(blocks)) + "\n"
        if len(text) >= _MIN_DOCUMENT_CHARACTERS:
            yield Document(name, text)


def _size(texts: list[Prose]) -> int:
    return sum(len(block) for _, blocks in texts for block in blocks)


def _shuffle_key(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8")).digest()


def _key(modules: list[Module], vocab_size: int) -> str:
    """Names the cache entry: the rules, the interpreter's grammar and every source byte."""
    facts = [_RULES, str(vocab_size), "{}.{}".format(*sys.version_info)]
    contents = [f"{module.name} {sha256_bytes(module.data)}" for module in modules]
    return sha256_json(facts + contents)[:16]


def _cached(folder: Path, progress: Progress) -> Dataset | None:
    if not folder.exists():
        return None
    try:
        return Dataset.open(folder)
    except InputError as error:
        progress.say(f"the cached corpus is damaged and will be built again: {error}")
        return None


def _build(folder: Path, modules: list[Module], vocab_size: int, progress: Progress) -> Dataset:
    documents = embedded_documents(modules, progress)
    train_texts = (item.document.text for item in documents if not item.held_out)
    return build_dataset(
        folder,
        documents,
        train_tokenizer(train_texts, vocab_size, progress=progress),
        source=f"standard library of Python {platform.python_version()}: topics, docstrings, comments, help texts",
        licence="PSF-2.0",
        split=f"{_RULES}: whole packages held out, near-duplicate blocks removed",
        replace=True,
        progress=progress,
    )
