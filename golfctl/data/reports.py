"""What `golfctl data … --json` prints, and the JSON Schemas of those documents and of `dataset.json`."""

from typing import Any

from golfctl.core.config import Config
from golfctl.data.dataset import Dataset
from golfctl.data.dataset_json import Manifest
from golfctl.data.tokenizers.tokenizer import Tokenizer
from golfctl.data.validation import Validation


class TokenizerReport(Config):
    """A tokenizer file, as `data tokenizer` writes it."""

    path: str
    sha256: str
    bytes: int
    vocab_size: int
    normalizer: str
    reversible: bool


class DatasetReport(Config):
    """A data set in figures; bytes are of the held-out text (`docs/data.md`).

    `reversible` says whether the held-out text comes back from its tokens, which was tried; null: it is unknown.
    """

    path: str
    sha256: str
    described: bool
    source: str | None
    vocab_size: int
    tokenizer_sha256: str
    normalizer: str
    reversible: bool | None
    train_shards: int
    train_tokens: int
    validation_tokens: int
    validation_documents: int
    raw_bytes: int
    raw_is_decoded: bool
    decoded_bytes: int
    carried_bytes: int
    billed_bytes: int
    hidden_bytes: int
    bytes_per_token: float
    text_sha256: str


class CheckReport(Config):
    """One question about a data set; `ok` null means that it could not be asked, and `detail` says why."""

    name: str
    ok: bool | None
    detail: str


class OverlapReport(Config):
    """Held-out documents and tokens that the training shards hold too."""

    documents: int
    train_documents: int
    run_tokens: int
    tokens: int
    share: float


class VerifyReport(Config):
    """Everything `data verify` found; `sha256` has the digest of each shard and of the held-out texts, by file name."""

    dataset: DatasetReport
    sha256: dict[str, str]
    overlap: OverlapReport | None
    checks: tuple[CheckReport, ...]
    ok: bool

    @property
    def failures(self) -> str:
        """The failed checks as one line; empty when there are none."""
        return "; ".join(f"{check.name}: {check.detail}" for check in self.checks if check.ok is False)


def describe_tokenizer(path: str, tokenizer: Tokenizer) -> TokenizerReport:
    """Facts of a tokenizer file."""
    return TokenizerReport(
        path=path, sha256=tokenizer.digest, bytes=len(tokenizer.proto), vocab_size=tokenizer.vocab_size,
        normalizer=tokenizer.normalizer, reversible=tokenizer.reversible,
    )  # fmt: skip


def describe_dataset(dataset: Dataset) -> DatasetReport:
    """Facts of a data set; reads the held-out tokens and raises as `Dataset.validation` does."""
    held, tokenizer = dataset.validation(), dataset.tokenizer
    return DatasetReport(
        path=str(dataset.path), sha256=dataset.digest, described=dataset.manifest is not None,
        source=dataset.manifest.source if dataset.manifest else None, vocab_size=tokenizer.vocab_size,
        tokenizer_sha256=tokenizer.digest, normalizer=tokenizer.normalizer, reversible=_comes_back(held),
        train_shards=len(dataset.train_shards), train_tokens=dataset.train_tokens(),
        validation_tokens=len(held.tokens_N), validation_documents=len(held.starts_D), raw_bytes=held.raw_bytes,
        raw_is_decoded=held.raw_is_decoded, decoded_bytes=held.decoded_bytes, carried_bytes=held.carried_bytes,
        billed_bytes=held.billed_bytes, hidden_bytes=held.hidden_bytes,
        bytes_per_token=held.raw_bytes / len(held.tokens_N), text_sha256=held.text_sha256,
    )  # fmt: skip


def _comes_back(held: Validation) -> bool | None:
    """Whether all of the text is carried, by a tokenizer that could do so with others; None where it is unknown."""
    if held.raw_is_decoded:
        return None
    return held.carried_bytes == held.raw_bytes and held.tokenizer.space_ids is None


def dataset_schema() -> dict[str, Any]:
    """JSON Schema of `dataset/1`: the file `dataset.json`."""
    return _schema(Manifest, "dataset-1.json", "Description of a data set folder (dataset.json)")


def report_schema() -> dict[str, Any]:
    """JSON Schema of `data-report/1`."""
    return _schema(DatasetReport, "data-report-1.json", "Report of golfctl data build and fetch")


def tokenizer_schema() -> dict[str, Any]:
    """JSON Schema of `data-tokenizer/1`."""
    return _schema(TokenizerReport, "data-tokenizer-1.json", "Report of golfctl data tokenizer")


def verify_schema() -> dict[str, Any]:
    """JSON Schema of `data-verify/1`."""
    return _schema(VerifyReport, "data-verify-1.json", "Report of golfctl data verify")


def _schema(model: type[Config], name: str, title: str) -> dict[str, Any]:
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": name}
    return dialect | model.model_json_schema(mode="serialization") | {"title": title}
