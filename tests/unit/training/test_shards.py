"""Training looks at its shards first: a changed one, or one that stands in both parts, and nothing is begun."""

import shutil

import pytest

from golfctl.cli.main import exit_code_of
from golfctl.data import shard_digests
from golfctl.data.dataset import Dataset


@pytest.fixture
def train(tmp_path, tiny_recipe, dataset_path, capsys):
    data, recipe = tmp_path / "data", tmp_path / "tiny.toml"
    shutil.copytree(dataset_path, data)
    tiny_recipe(steps=1).write(recipe)

    def train(*more):
        words = ["train", str(recipe), "--data", str(data), "--device", "cpu", "--quiet", *more]
        code = exit_code_of([*words, *([] if more else ["--out", str(tmp_path / "run")])])
        return code, capsys.readouterr().err

    return data, train


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
@pytest.mark.parametrize("split", ["train", "val"])
def test_a_changed_shard_is_named_before_anything_is_written(train, tmp_path, split, dry_run):
    data, run = train
    shard = data / f"fineweb_{split}_000000.bin"
    content = bytearray(shard.read_bytes())
    content[1024 + 20] ^= 1  # an id, that stays below the vocabulary's end
    shard.write_bytes(content)
    code, said = run(*dry_run)
    assert code == 3 and f"{shard}: changed since dataset.json was written" in said
    assert not (tmp_path / "run").exists()


def test_a_shard_in_both_parts_is_refused(train):
    data, run = train
    (data / "dataset.json").unlink()
    shutil.copy(data / "fineweb_val_000000.bin", data / "fineweb_train_000001.bin")
    code, said = run()
    assert code == 3 and "fineweb_train_000001.bin and fineweb_val_000000.bin are the same text" in said


def test_shards_are_read_for_their_digests_once(train, tmp_path, monkeypatch):
    data, run = train
    monkeypatch.setenv("GOLFCTL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shard_digests, "_SETTLED_SECONDS", -1.0)
    read, compute = [], shard_digests.sha256_file
    monkeypatch.setattr(shard_digests, "sha256_file", lambda path: read.append(path.name) or compute(path))
    (data / "dataset.json").unlink()  # a bare folder: the run's record needs every digest
    assert run()[0] == 0
    assert sorted(read) == sorted(path.name for path in data.glob("*.bin"))
    assert run("--out", str(tmp_path / "second"))[0] == 0
    assert len(read) == len(set(read)) and Dataset.open(data).digest
