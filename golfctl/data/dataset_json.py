"""`dataset.json`: what a dataset folder holds, written as canonical JSON beside its shards."""

from golfctl.core.canonical import sha256_json
from golfctl.core.config import Config

FORMAT = "golfctl-dataset/1"
FILE = "dataset.json"


class ShardEntry(Config):
    """One shard: file name, number of tokens, SHA-256 of the file."""

    file: str
    tokens: int
    sha256: str


class TokenizerEntry(Config):
    """The tokenizer file, and whether it gives every text back."""

    file: str
    sha256: str
    vocab_size: int
    normalizer: str
    reversible: bool


class TrainEntry(Config):
    """The training part: counts, raw UTF-8 bytes, shards in reading order."""

    documents: int
    tokens: int
    raw_bytes: int
    shards: tuple[ShardEntry, ...]


class ValidationEntry(Config):
    """The held-out part, exact to the byte.

    `document_raw_bytes` are the UTF-8 bytes of each document before the tokenizer saw it; `text_sha256` is the digest
    of all those documents concatenated. `decoded_bytes` is what the tokens give back, `hidden_bytes` = raw − decoded
    is what the normaliser took, `changed_documents` how many documents do not come back as they were.
    """

    tokens: int
    document_raw_bytes: tuple[int, ...]
    text_file: str
    text_file_sha256: str
    text_sha256: str
    decoded_bytes: int
    billed_bytes: int
    hidden_bytes: int
    changed_documents: int
    shards: tuple[ShardEntry, ...]


class Manifest(Config):
    """The whole of `dataset.json`."""

    format: str = FORMAT
    source: str
    licence: str
    split: str
    tokenizer: TokenizerEntry
    train: TrainEntry
    validation: ValidationEntry

    @property
    def digest(self) -> str:
        """What a run was trained on: SHA-256 over tokenizer and shard digests, whatever the folder is called."""
        return content_digest(self.tokenizer.sha256, self.train.shards + self.validation.shards)


def content_digest(tokenizer_sha256: str, shards: tuple[ShardEntry, ...]) -> str:
    """Digest of a dataset's contents: tokenizer digest and every shard's name, length and digest, in order."""
    return sha256_json({"tokenizer": tokenizer_sha256, "shards": [shard.to_dict() for shard in shards]})
