"""The embedded corpus, from a small library of its own making and from the real one."""

import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from golfctl.data.dataset import Dataset
from golfctl.data.text import embedded
from golfctl.data.text.embedded import Module, embedded_dataset, embedded_documents, library_modules
from golfctl.errors import DataError, StorageError


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Forty packages of made-up prose as the standard library, with the size limits brought down to it."""
    root = tmp_path / "lib"
    for i in range(40):
        (root / f"package{i}").mkdir(parents=True)
        words = [f"Subject{i} number {j} concerns item{i * j} and thing{i + j} of the kind {i}.{j}." for j in range(30)]
        (root / f"package{i}" / "__init__.py").write_text(f'"""{" ".join(words)}"""\n', encoding="utf-8")
    copied = (root / "package3" / "__init__.py").read_text(encoding="utf-8")
    (root / "package3" / "copy.py").write_text(copied, encoding="utf-8")
    (root / "broken.py").write_text("print 'old'", encoding="utf-8")
    (root / "site-packages").mkdir()
    (root / "site-packages" / "other.py").write_text('"""Not part of the library at all, never."""', encoding="utf-8")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(root))
    monkeypatch.setattr(embedded, "_HELD_OUT_BYTES", 8000)
    monkeypatch.setattr(embedded, "_MIN_CORPUS_BYTES", 20_000)
    return root


def test_whole_packages_are_held_out_and_copies_removed(library):
    items = embedded_documents(list(library_modules()))
    held = {item.document.name.split("/")[0] for item in items if item.held_out}
    train = {item.document.name.split("/")[0] for item in items if not item.held_out}
    assert held and train and not held & train
    assert sum(len(item.document.data) for item in items if item.held_out) >= 8000
    names = [item.document.name for item in items]
    assert "package3/__init__.py" in names or "package3/copy.py" in names
    assert not {"package3/__init__.py", "package3/copy.py"} <= set(names)
    assert not any("site-packages" in name for name in names)


def test_is_built_once_and_the_same_every_time(library, monkeypatch, tmp_path):
    said = []

    class Listener:
        from golfctl.core.progress import SILENT

        task, say = SILENT.task, said.append

    monkeypatch.setenv("GOLFCTL_CACHE", str(tmp_path / "one"))
    folder = embedded_dataset(Listener(), 340)
    digest = Dataset.open(folder).digest
    assert said[-1] == f"embedded corpus: {folder} (sha256 {digest})"
    assert any("1 source files" in line for line in said)
    stamp = (folder / "dataset.json").stat().st_mtime_ns
    assert embedded_dataset(Listener(), 340) == folder and (folder / "dataset.json").stat().st_mtime_ns == stamp
    monkeypatch.setenv("GOLFCTL_CACHE", str(tmp_path / "two"))
    assert Dataset.open(embedded_dataset(vocab_size=340)).digest == digest


def test_a_damaged_cache_entry_is_built_again(library, monkeypatch, tmp_path):
    monkeypatch.setenv("GOLFCTL_CACHE", str(tmp_path / "cache"))
    folder = embedded_dataset(vocab_size=340)
    digest = Dataset.open(folder).digest
    shard = folder / "fineweb_train_000000.bin"
    shard.write_bytes(shard.read_bytes()[:-10])
    assert Dataset.open(embedded_dataset(vocab_size=340)).digest == digest


def test_an_interrupted_build_leaves_no_cache_entry(library, monkeypatch, tmp_path):
    monkeypatch.setenv("GOLFCTL_CACHE", str(tmp_path / "cache"))

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("golfctl.data.build._Builder.describe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        embedded_dataset(vocab_size=340)
    assert [path for path in (tmp_path / "cache" / "data").iterdir() if path.suffix != ".lock"] == []


def test_a_cache_that_cannot_be_written_is_found_before_the_work(library, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GOLFCTL_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("golfctl.data.text.embedded._parse", None)
    with pytest.raises(StorageError, match=r"cannot write .*file/data/embedded-"):
        embedded_dataset(vocab_size=340)


def test_processes_that_start_together_build_it_once(library, monkeypatch, tmp_path):
    monkeypatch.setenv("GOLFCTL_CACHE", str(tmp_path / "cache"))
    built, build = [], embedded._build

    def slowly(*arguments):
        built.append(arguments)
        time.sleep(0.2)
        return build(*arguments)

    monkeypatch.setattr(embedded, "_build", slowly)
    with ThreadPoolExecutor(3) as pool:
        folders = list(pool.map(lambda _: embedded_dataset(vocab_size=340), range(3)))
    assert len(set(folders)) == 1 and len(built) == 1


def test_too_little_text_says_what_to_do():
    with pytest.raises(DataError, match=r"carries only 0 bytes.*golfctl data build"):
        embedded_documents([Module("empty.py", b"")])


@pytest.mark.slow
def test_this_installation_gives_a_corpus_of_the_promised_size(tmp_path, monkeypatch):
    monkeypatch.setenv("GOLFCTL_CACHE", str(tmp_path))
    dataset = Dataset.open(embedded_dataset())
    held = dataset.validation()
    assert dataset.manifest.train.raw_bytes >= 2_000_000
    assert 55_000 <= held.raw_bytes <= 70_000 and len(held.starts_D) >= 10
    assert held.hidden_bytes == 0 and dataset.tokenizer.reversible
    assert held.carried_bytes == held.raw_bytes  # so the published scores on it divide by all of its bytes
    assert Path(sysconfig.get_path("stdlib")).is_dir()
