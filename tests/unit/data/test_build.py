"""Building: every byte accounted for, the split by content, all or nothing on disk."""

import json

import numpy as np
import pytest

from golfctl.core.canonical import sha256_bytes
from golfctl.data.build import build_dataset, split_by_hash, split_explicit
from golfctl.data.dataset import Dataset
from golfctl.data.shards import read_shard
from golfctl.data.text.sources import Document
from golfctl.errors import DataError, StorageError, UsageError

HELD = [Document("h1", "Held  out.\n"), Document("h2", "Another\ttext – with é and 😀."), Document("h3", "Chapter 5.")]
TRAIN = [Document(f"t{i}", f"Training document {i}.\n\nThe quick brown fox.") for i in range(9)]


def build(out, tokenizer, held=HELD, train=TRAIN, **options):
    return build_dataset(out, split_explicit(train, held), tokenizer, source="test", split="given", **options)


def test_tokens_are_bos_and_the_documents_ids(tmp_path, tokenizer):
    dataset = build(tmp_path / "d", tokenizer, shard_tokens=50)
    expected = [token for d in TRAIN for token in [1, *tokenizer.encode(d.text)]]
    assert len(dataset.train_shards) > 2
    assert np.concatenate([read_shard(path) for path in dataset.train_shards]).tolist() == expected
    held = dataset.validation()
    assert [held.tokens_N[start] for start in held.starts_D] == [1, 1, 1]
    assert held.tokens_N.tolist() == [token for d in HELD for token in [1, *tokenizer.encode(d.text)]]


def test_every_byte_is_accounted_for(tmp_path, tokenizer, lossy):
    text = b"".join(document.data for document in HELD)
    exact = build(tmp_path / "exact", tokenizer).validation()
    assert exact.raw_bytes_D.tolist() == [len(document.data) for document in HELD] == exact.decoded_bytes_D.tolist()
    assert exact.hidden_bytes == 0 and exact.text_sha256 == sha256_bytes(text) and not exact.raw_is_decoded
    dataset = build(tmp_path / "lossy", lossy)
    loss = dataset.validation()
    assert loss.raw_bytes == len(text) and loss.hidden_bytes == len(text) - loss.decoded_bytes > 0
    assert dataset.manifest.validation.changed_documents == 2
    assert dataset.validation_texts() == [document.data for document in HELD]


def test_the_lossy_normaliser_is_named_with_what_it_hides(tmp_path, lossy):
    said = []

    class Listener:
        from golfctl.core.progress import SILENT

        task, say = SILENT.task, said.append

    build(tmp_path / "d", lossy, progress=Listener())
    assert "nmt_nfkc normaliser changes 2 of 3 held-out documents and hides" in said[-1]


def test_two_builds_give_the_same_bytes(tmp_path, tokenizer):
    first, second = (build(tmp_path / name, tokenizer) for name in ("a", "b"))
    assert first.digest == second.digest
    for path in sorted(first.path.iterdir()):
        assert path.read_bytes() == (second.path / path.name).read_bytes(), path.name


def test_the_split_follows_the_text_alone():
    documents = [Document(str(i), f"text {i}") for i in range(2000)]
    held = {item.document.text for item in split_by_hash(documents, 0.1) if item.held_out}
    assert 150 < len(held) < 250
    doubled = [Document("copy", document.text) for document in reversed(documents)]
    assert {item.document.text for item in split_by_hash(doubled, 0.1) if item.held_out} == held
    with pytest.raises(ValueError, match="between 0 and 1"):
        list(split_by_hash(documents, 1.5))


def test_overlap_is_an_error_or_dropped_and_said(tmp_path, tokenizer):
    train = [*TRAIN, Document("copy", HELD[1].text)]
    with pytest.raises(DataError, match="'copy' is both in the training and the held-out text.*--drop-overlap"):
        build(tmp_path / "d", tokenizer, train=train)
    assert not list(tmp_path.iterdir())
    dataset = build(tmp_path / "d", tokenizer, train=train, drop_overlap=True)
    assert dataset.manifest.train.documents == len(TRAIN)


@pytest.mark.parametrize(("held", "train", "what"), [([], TRAIN, "held-out"), (HELD, [], "training"), ([], [], "")])
def test_empty_parts_are_data_errors(tmp_path, tokenizer, held, train, what):
    with pytest.raises(DataError, match=f"no {what}.*empty input"):
        build(tmp_path / "d", tokenizer, held=held, train=train)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_stays_unless_replaced(tmp_path, tokenizer):
    old = build(tmp_path / "d", tokenizer).digest
    with pytest.raises(UsageError, match="exists already.*--replace"):
        build(tmp_path / "d", tokenizer)
    new = build(tmp_path / "d", tokenizer, train=TRAIN[:4], replace=True)
    assert new.digest != old and [path.name for path in tmp_path.iterdir()] == ["d"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_nothing_half_written_stays(tmp_path, tokenizer, failure):
    def documents():
        yield from split_explicit(TRAIN, HELD)
        raise failure

    build(tmp_path / "d", tokenizer)
    before = {path: path.read_bytes() for path in (tmp_path / "d").iterdir()}
    with pytest.raises((KeyboardInterrupt, StorageError)) as caught:
        build_dataset(tmp_path / "d", documents(), tokenizer, source="", split="", replace=True)
    if isinstance(failure, OSError):
        assert "no room left" in str(caught.value)
    assert {path: path.read_bytes() for path in (tmp_path / "d").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_manifest_that_contradicts_the_files_is_refused(tmp_path, tokenizer):
    dataset = build(tmp_path / "d", tokenizer)
    path = dataset.path / "dataset.json"
    good = json.loads(path.read_bytes())

    def refused(message, **changes):
        bad = json.loads(json.dumps(good))
        for key, value in changes.items():
            bad["validation"][key] = value
        path.write_text(json.dumps(bad), encoding="utf-8")
        with pytest.raises(DataError, match=message):
            Dataset.open(dataset.path).validation()

    inflated = good["validation"]["billed_bytes"] + 7  # a doubled space, byte pieces by their names: any other sum
    refused("billed bytes, the tokens give", billed_bytes=inflated)
    refused("held-out documents, the tokens give 3", document_raw_bytes=[5, 6])
    refused("hidden bytes", document_raw_bytes=[length + 1 for length in good["validation"]["document_raw_bytes"]])
    refused("decoded bytes", decoded_bytes=1)
    refused("is not a plain file name", text_file="../elsewhere")
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="not a dataset description"):
        Dataset.open(dataset.path)


def test_a_held_out_text_that_could_not_be_read_again_is_refused(tmp_path, tokenizer, monkeypatch):
    monkeypatch.setattr("golfctl.data.build.MOST_BYTES", 60)
    with pytest.raises(DataError, match="'a' has more than 60 bytes as JSON; split it"):
        build(tmp_path / "d", tokenizer, held=[Document("a", "\n" * 30)])
    assert not (tmp_path / "d").exists()


def test_batches_end_where_their_text_is_long(tmp_path, tokenizer, monkeypatch):
    whole = build(tmp_path / "whole", tokenizer)
    monkeypatch.setattr("golfctl.data.build._BATCH_CHARACTERS", 1)
    assert build(tmp_path / "small", tokenizer).digest == whole.digest
