"""Fetching published shards from a stand-in of the hub on this machine."""

import sys
import time

import pytest

from golfctl.data.fetch import PREFIX, Remote, fetch_shards
from golfctl.data.shards import read_shard
from golfctl.errors import DataError, DependencyError, UsageError
from tests.stand_in_hub import NAME, published, serving


@pytest.fixture
def files(tmp_path, tokenizer):
    return published(tmp_path, tokenizer)


@pytest.fixture
def hub(files, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with serving(files) as server:
        yield server


def fetch(hub, out, train_shards=2, variant="sp340"):
    return fetch_shards(out, variant, train_shards, Remote(endpoint=hub.url))


def test_fetches_validation_training_and_tokenizer(hub, files, tmp_path, tokenizer, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    dataset = fetch(hub, tmp_path / "d")
    assert [path.name for path in dataset.train_shards] == ["fineweb_train_000000.bin", "fineweb_train_000001.bin"]
    assert dataset.tokenizer.digest == tokenizer.digest and len(dataset.validation().tokens_N) == 50_001
    assert sorted(path.name for path in dataset.path.iterdir()) == [
        "fineweb_train_000000.bin", "fineweb_train_000001.bin", "fineweb_val_000000.bin", "tokenizer.model",
    ]  # fmt: skip
    for path in dataset.train_shards:
        assert path.read_bytes() == files[f"{PREFIX}/datasets/{NAME}/{path.name}"]
    assert not any(hub.authorised)  # the user's token never goes to another host


def test_what_is_there_is_kept_and_damaged_shards_come_again(hub, tmp_path):
    dataset = fetch(hub, tmp_path / "d", 1)
    shard = dataset.train_shards[0]
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-100])
    hub.log.clear()
    assert len(fetch(hub, tmp_path / "d", 2).train_shards) == 2
    fetched = [path.rsplit("/")[-1] for path, _ in hub.log]
    assert fetched == ["manifest.json", "fineweb_train_000000.bin", "fineweb_train_000001.bin"]
    assert shard.read_bytes() == whole


def test_a_broken_download_goes_on_where_it_ended(hub, tmp_path, monkeypatch):
    path = f"{PREFIX}/datasets/{NAME}/fineweb_train_000000.bin"
    hub.broken.add(path)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 4096)  # else 10 MB stay in memory first
    dataset = fetch(hub, tmp_path / "d", 1)
    assert len(read_shard(dataset.train_shards[0])) == 50_001
    starts = [first for name, first in hub.log if name == path]
    assert starts[0] == 0 and starts[1] > 10_000  # the second request asked for the rest only


def test_wrong_names_counts_and_contents(hub, files, tmp_path):
    with pytest.raises(UsageError, match=f"no published data set called 'sp9'; there are: {NAME}"):
        fetch(hub, tmp_path / "d", variant="sp9")
    with pytest.raises(UsageError, match="sp340 has 3 training shards, not 4"):
        fetch(hub, tmp_path / "d", 4)
    files[f"{PREFIX}/datasets/{NAME}/fineweb_val_000000.bin"] = bytes(3000)
    with pytest.raises(DataError, match="the hub sent a damaged shard"):
        fetch(hub, tmp_path / "d")
    assert not list((tmp_path / "d").glob("*.bin"))
    files[f"{PREFIX}/manifest.json"] = b"{}"
    with pytest.raises(DataError, match="not the description of published shards"):
        fetch(hub, tmp_path / "e")
    del files[f"{PREFIX}/manifest.json"]
    with pytest.raises(DataError, match="manifest.json: .*NotFound"):
        fetch(hub, tmp_path / "f")


def test_an_unreachable_hub_and_a_missing_library_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(time, "sleep", lambda _: None)  # the library waits between its own attempts
    with pytest.raises(DataError, match="http://127.0.0.1:9: .*fetching again goes on"):
        fetch_shards(tmp_path / "d", "sp1024", 1, Remote(endpoint="http://127.0.0.1:9"))
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DependencyError, match=r"pip install 'golfctl\[data\]'"):
        fetch_shards(tmp_path / "d", "sp1024", 1)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "dataset.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="choose another folder"):
        fetch_shards(tmp_path / "own", "sp1024", 1)
