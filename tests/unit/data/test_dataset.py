"""Opening data set folders: our own, published ones without a description, and bad ones."""

import hashlib

import pytest

from golfctl.data.build import build_dataset, split_explicit
from golfctl.data.dataset import Dataset
from golfctl.data.shards import write_shard
from golfctl.data.text.sources import Document
from golfctl.errors import DataError, InputError

HELD = [Document("a", "The quick  brown\nfox."), Document("b", " It is well known.")]


@pytest.fixture
def folder(tmp_path, texts, tokenizer):
    train = [Document(str(i), text) for i, text in enumerate(texts)]
    build_dataset(tmp_path / "d", split_explicit(train, HELD), tokenizer, source="", split="")
    return tmp_path / "d"


def test_a_folder_with_only_shards_and_tokenizer_opens_and_says_what_its_bytes_are(folder):
    described = Dataset.open(folder)
    (folder / "dataset.json").unlink()
    (folder / "tokenizer.model").rename(folder / "fineweb_1024_bpe.model")
    bare = Dataset.open(folder)
    held = bare.validation()
    assert held.raw_is_decoded and bare.manifest is None
    assert held.raw_bytes_D.tolist() == [len(document.data) for document in HELD]
    assert held.starts_D.tolist() == described.validation().starts_D.tolist()
    assert bare.validation_texts() == [document.data for document in HELD]
    assert (bare.digest, held.text_sha256) == (described.digest, described.validation().text_sha256)


def test_training_text_is_what_the_tokens_decode_to(folder, texts):
    dataset = Dataset.open(folder)
    everything = "".join(texts).encode()
    assert dataset.training_text() == everything
    assert dataset.training_text(100) == everything[:100]


def test_validation_only_folders_open(folder):
    (folder / "dataset.json").unlink()
    for path in folder.glob("*_train_*"):
        path.unlink()
    dataset = Dataset.open(folder)
    assert dataset.train_shards == [] and len(dataset.validation().tokens_N) > 2


def test_bad_folders_are_named(folder, tmp_path, lossy):
    with pytest.raises(InputError, match="no such dataset folder"):
        Dataset.open(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no token shards"):
        Dataset.open(tmp_path / "empty")
    (folder / "tokenizer.model").write_bytes(lossy.proto)
    with pytest.raises(DataError, match="tokenizer is not the one"):
        Dataset.open(folder)
    (folder / "dataset.json").unlink()
    (folder / "other.model").write_bytes(lossy.proto)
    (folder / "tokenizer.model").rename(folder / "third.model")
    with pytest.raises(DataError, match="2 tokenizers"):
        Dataset.open(folder)


def test_bad_shards_are_named(folder):
    train = folder / "fineweb_train_000000.bin"
    whole = train.read_bytes()
    train.write_bytes(whole[:-4])
    with pytest.raises(DataError, match="truncated"):
        Dataset.open(folder)
    write_shard(train, [1, 2, 3])
    with pytest.raises(DataError, match=r"3 tokens, dataset.json says"):
        Dataset.open(folder)
    train.write_bytes(whole)
    held = folder / "fineweb_val_000000.bin"
    (folder / "dataset.json").unlink()
    write_shard(held, [1, 2, 340])
    with pytest.raises(DataError, match="id 340, not below the vocabulary's 340"):
        Dataset.open(folder).validation()
    write_shard(held, [])
    with pytest.raises(DataError, match="no held-out tokens"):
        Dataset.open(folder).validation()
    write_shard(train, [])
    with pytest.raises(DataError, match="shards are empty"):
        Dataset.open(folder)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"format": ' + "7" * 5000 + "}", "{", "\\xff", "[]"])
def test_a_description_that_cannot_be_read_is_an_error_of_its_file(folder, text):
    (folder / "dataset.json").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=r"dataset\.json: not "):
        Dataset.open(folder)


def test_other_held_out_texts_are_noticed(folder):
    dataset = Dataset.open(folder)
    (folder / "validation.jsonl.zst").unlink()
    with pytest.raises(InputError, match="no such file"):
        dataset.validation_texts()


def test_a_changed_shard_is_named_and_bare_ones_are_only_hashed(folder):
    dataset = Dataset.open(folder)
    shards = [*dataset.val_shards, *dataset.train_shards]
    expected = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in shards}
    assert dataset.check_shards(shards) == expected
    data = bytearray(shards[1].read_bytes())
    data[-2] ^= 1
    shards[1].write_bytes(data)
    assert dataset.check_shards(shards[:1]) == {shards[0].name: expected[shards[0].name]}
    with pytest.raises(DataError, match=r"fineweb_train_000000\.bin: changed since dataset\.json was written"):
        dataset.check_shards(shards)
    (folder / "dataset.json").unlink()
    assert Dataset.open(folder).check_shards(shards)[shards[1].name] == hashlib.sha256(data).hexdigest()
