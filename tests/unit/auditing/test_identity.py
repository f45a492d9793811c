"""The byte and data audit against the bugs that fooled others, each as a fixture."""

import json

import numpy as np
import pytest

from golfctl.auditing.checks.identity import check_claim, check_dataset, check_table, shared_documents
from golfctl.auditing.finding import Verdict
from golfctl.auditing.plan import Plan
from golfctl.auditing.rules import load_rules
from golfctl.auditing.run import run_check
from golfctl.auditing.subject import AuditContext, ByteClaim, Subject
from golfctl.auditing.table import CHECKS
from golfctl.data.build import build_dataset, split_explicit
from golfctl.data.dataset import Dataset
from golfctl.data.shards import read_shard, write_shard
from golfctl.data.text.sources import Document
from golfctl.data.tokenizers.byte_table import ByteTable
from golfctl.data.tokenizers.training import train_tokenizer

SAID = "the cat sat on a mat and the dog ran over the hill where café owls naïvely hoot 東京 tonight"


def text(seed, words=60):
    rng = np.random.default_rng(seed)
    return " ".join(SAID.split()[i] for i in rng.integers(0, 20, words)) + f"\n  number {seed}.\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "d"
    train = [Document(f"t{i}", text(i)) for i in range(30)]
    held = [Document(f"h{i}", text(1000 + i)) for i in range(6)]
    tokenizer = train_tokenizer([document.text for document in train], 340)
    build_dataset(out, split_explicit(train, held), tokenizer, source="test", split="explicit")
    return out


@pytest.fixture
def dataset(folder):
    return Dataset.open(folder)


def changed(table, **arrays):
    values = {"base_bytes": table.base_bytes_V, "leading_space": table.leading_space_V, "boundary": table.boundary_V}
    values |= arrays
    return ByteTable.from_arrays(values["base_bytes"], values["leading_space"], values["boundary"])


def test_a_sound_dataset_has_no_problem(dataset):
    assert check_dataset(dataset) == ([], 0) and shared_documents(dataset) == []
    v = dataset.validation()
    claim = ByteClaim(v.raw_bytes, v.billed_bytes, len(v.tokens_N) - 1, v.text_sha256)
    assert check_claim(dataset, claim) == []


def faulty_tables(table, tokenizer):
    pieces = tokenizer.pieces()
    fallback = np.array([piece.kind == "byte" for piece in pieces])
    return {
        "doubled space (#1719)": changed(table, base_bytes=table.base_bytes_V + table.leading_space_V),
        "byte fallback as three bytes (#897)": changed(table, base_bytes=np.where(fallback, 3, table.base_bytes_V)),
        "BOS has bytes": changed(
            table, base_bytes=np.where(np.arange(len(pieces)) == tokenizer.bos, 3, table.base_bytes_V)
        ),
        "BOS is no boundary": changed(table, boundary=np.zeros(len(pieces), bool)),
    }


@pytest.mark.parametrize(
    "bug", ["doubled space (#1719)", "byte fallback as three bytes (#897)", "BOS has bytes", "BOS is no boundary"]
)
def test_each_faulty_byte_table_is_found(dataset, bug):
    tokens_N = np.asarray(dataset.validation().tokens_N)
    (problem,) = check_table(faulty_tables(dataset.table, dataset.tokenizer)[bug], dataset.table, tokens_N)
    assert "byte table wrong for" in problem and "instead of" in problem


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"raw_bytes": 1}, "raw bytes"),  # a transformed denominator (#2138): off by a single byte is off
        ({"billed_bytes": -1}, "billed bytes"),
        ({"tokens": -1}, "tokens scored"),  # truncated (#1923)
        ({"text": "0" * 64}, "text digest"),  # another text, or another order (#2109)
    ],
)
def test_a_claim_that_is_off_by_anything_is_found(dataset, change, says):
    v = dataset.validation()
    true = {"raw_bytes": v.raw_bytes, "billed_bytes": v.billed_bytes, "tokens": len(v.tokens_N) - 1}
    claim = ByteClaim(**{k: true[k] + d if k in true else d for k, d in change.items()})
    (problem,) = check_claim(dataset, claim)
    assert says in problem


def with_tokens(folder, tmp_path, alter):
    """The dataset with its held-out tokens altered and every count and digest made to agree with them."""
    import shutil

    out = tmp_path / "altered"
    shutil.copytree(folder, out)
    (shard,) = Dataset.open(out).val_shards
    tokens_N = alter(np.array(read_shard(shard)))
    shard.unlink()
    write_shard(shard, tokens_N.astype(np.uint16))
    manifest = json.loads((out / "dataset.json").read_text())
    manifest["validation"]["shards"][0]["tokens"] = len(tokens_N)
    (out / "dataset.json").write_text(json.dumps(manifest))
    return out


def test_a_reordered_validation_is_found(folder, tmp_path):
    bos = Dataset.open(folder).tokenizer.bos

    def reorder(tokens_N):
        parts = np.split(tokens_N, np.flatnonzero(tokens_N == bos)[1:])
        return np.concatenate([parts[1], parts[0], *parts[2:]])

    altered = Dataset.open(with_tokens(folder, tmp_path, reorder))
    problems, _ = check_dataset(altered)
    assert any("not the encoding of their text" in problem for problem in problems)
    assert verdict(altered) is Verdict.FAIL and verdict(Dataset.open(folder)) is Verdict.PASS


def verdict(dataset):
    return run_check(CHECKS["T5"], Subject("d", dataset=dataset), AuditContext(Plan(), load_rules())).verdict


def test_a_truncated_validation_is_refused_or_found(folder, tmp_path):
    from golfctl.errors import DataError

    dataset = Dataset.open(with_tokens(folder, tmp_path, lambda tokens_N: tokens_N[:-40]))
    with pytest.raises(DataError, match="held-out"):
        check_dataset(dataset)


def test_overlapping_documents_are_found(folder, tmp_path):
    import shutil

    out = tmp_path / "overlap"
    shutil.copytree(folder, out)
    (out / "dataset.json").unlink()  # as fetched: bare shards
    dataset = Dataset.open(out)
    train, held = (np.array(read_shard(shards[0])) for shards in (dataset.train_shards, dataset.val_shards))
    first = held[: int(np.flatnonzero(held == dataset.tokenizer.bos)[1])]
    path = dataset.train_shards[0]
    path.unlink()
    write_shard(path, np.concatenate([train, first]).astype(np.uint16))
    (problem,) = shared_documents(Dataset.open(out))
    assert problem.startswith("1 held-out documents") and verdict(Dataset.open(out)) is Verdict.FAIL
