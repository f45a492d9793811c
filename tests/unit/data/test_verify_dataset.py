"""Verifying a data set: a good one passes, and each way in which others were misled is caught."""

import hashlib
import json

import numpy as np
import pytest

from golfctl.core.canonical import canonical_json
from golfctl.data.build import build_dataset, split_explicit
from golfctl.data.dataset import Dataset
from golfctl.data.shards import read_shard, write_shard
from golfctl.data.text.sources import Document
from golfctl.data.verify_dataset import verify_dataset
from golfctl.errors import DataError

HELD = [Document("a", "The Quick  BROWN fox 😀\n jumps over."), Document("b", "It is well known, Really.")]
ORIGINAL = [document.data for document in HELD]


@pytest.fixture
def make(tmp_path, texts):
    def build(tokenizer, held=HELD, **options):
        train = [Document(str(i), text) for i, text in enumerate(texts)]
        labelled = split_explicit(train, held)
        return build_dataset(tmp_path / "d", labelled, tokenizer, source="", split="", replace=True, **options)

    return build


def verdicts(dataset, **options):
    report = verify_dataset(dataset, **options)
    return report, {check.name: check.ok for check in report.checks}


def rewrite_manifest(dataset, change):
    path = dataset.path / "dataset.json"
    values = json.loads(path.read_bytes())
    change(values["validation"])
    path.write_bytes(canonical_json(values))
    return Dataset.open(dataset.path)


def test_a_good_data_set_passes_every_check(make, tokenizer):
    report, found = verdicts(make(tokenizer), texts=ORIGINAL)
    assert report.ok and set(found.values()) == {True} and report.failures == ""
    held = report.dataset
    assert held.raw_bytes == held.decoded_bytes == held.billed_bytes == sum(map(len, ORIGINAL))


def test_a_lossy_normaliser_is_named_with_the_bytes_it_hides(make, lossy):
    report, found = verdicts(make(lossy), texts=ORIGINAL)
    hidden = report.dataset.hidden_bytes
    assert hidden > 0 and found["reversible"] is None and report.ok
    detail = next(check.detail for check in report.checks if check.name == "reversible")
    assert f"the nmt_nfkc normaliser is lossy: it hides {hidden} of {sum(map(len, ORIGINAL))} raw bytes" in detail


def test_a_transformed_denominator_is_caught_by_the_original_text(make, tokenizer):
    """Case markers make the text longer: divided by it, every bpb is too low."""
    transformed = [Document(d.name, "".join(f"\ue001{c.lower()}" if c.isupper() else c for c in d.text)) for d in HELD]
    dataset = make(tokenizer, held=transformed)
    assert verify_dataset(dataset).ok  # consistent in itself: only the original text can tell
    report, found = verdicts(dataset, texts=ORIGINAL)
    assert found["original"] is False and "transformed, truncated or another split" in report.failures


def test_truncated_held_out_text_is_caught_by_the_original_text(make, tokenizer):
    _, found = verdicts(make(tokenizer, held=HELD[:1]), texts=ORIGINAL)
    assert found["original"] is False


def test_tokens_of_another_text_are_caught(make, tokenizer):
    """A stream with the same sums of bytes, but in which two tokens changed places."""
    dataset = make(tokenizer)
    ids_N = np.array(read_shard(dataset.val_shards[0]))
    at = next(i for i in range(2, len(ids_N) - 3) if ids_N[i] != ids_N[i + 1] and ids_N[i : i + 2].min() > 259)
    ids_N[[at, at + 1]] = ids_N[[at + 1, at]]
    shard = write_shard(dataset.val_shards[0], ids_N)
    dataset = rewrite_manifest(dataset, lambda held: held["shards"][0].update(sha256=shard.sha256))
    _, found = verdicts(dataset)
    assert found["digests"] is True and found["tokens"] is False


def test_changed_and_missing_files_are_named(make, tokenizer):
    dataset = make(tokenizer)
    ids_N = np.array(read_shard(dataset.train_shards[0]))
    ids_N[5] = 300
    write_shard(dataset.train_shards[0], ids_N)
    (dataset.path / "validation.jsonl.zst").unlink()
    report, _ = verdicts(dataset)
    message = report.failures
    assert "fineweb_train_000000.bin was changed" in message and "validation.jsonl.zst is missing" in message


def test_a_changed_shard_is_named_where_nothing_else_can_be_said(make, tokenizer):
    dataset = make(tokenizer)
    ids_N = np.array(read_shard(dataset.val_shards[0]))
    ids_N[3:9] = 300
    write_shard(dataset.val_shards[0], ids_N)
    with pytest.raises(DataError, match=r"fineweb_val_000000\.bin was changed; .*the tokens give"):
        verify_dataset(Dataset.open(dataset.path))


def test_the_digest_of_every_file_stands_in_the_report(make, tokenizer):
    dataset = make(tokenizer)
    names = ["fineweb_train_000000.bin", "fineweb_val_000000.bin", "validation.jsonl.zst"]
    expected = {name: hashlib.sha256((dataset.path / name).read_bytes()).hexdigest() for name in names}
    assert verify_dataset(dataset).sha256 == expected
    (dataset.path / "dataset.json").unlink()
    assert verify_dataset(Dataset.open(dataset.path)).sha256 == {name: expected[name] for name in names[:2]}


def test_held_out_documents_in_the_training_shards_are_caught(make, tokenizer):
    dataset = make(tokenizer)
    (dataset.path / "dataset.json").unlink()
    stolen = read_shard(dataset.val_shards[0])
    write_shard(dataset.train_shards[0], np.concatenate([read_shard(dataset.train_shards[0]), stolen]))
    report, found = verdicts(Dataset.open(dataset.path))
    assert found["overlap"] is False and found["digests"] is None and report.overlap.documents == 2
    assert "2 held-out documents occur whole in the training text" in report.failures


def test_ids_outside_the_vocabulary_end_it(make, tokenizer):
    dataset = make(tokenizer)
    (dataset.path / "dataset.json").unlink()
    write_shard(dataset.train_shards[0], [1, 2, 999])
    with pytest.raises(DataError, match="id 999"):
        verify_dataset(Dataset.open(dataset.path))
