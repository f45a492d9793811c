"""A small reversible tokenizer, and a small lossy one as the community trains them."""

import io

import pytest
from sentencepiece import SentencePieceTrainer

from golfctl.data.tokenizers.tokenizer import Tokenizer
from golfctl.data.tokenizers.training import train_tokenizer

TEXTS = [
    f"Chapter {i}.\n\nThe quick brown fox jumps over the lazy dog {i * 7} times;\n    it is  well known.\tReally?\n"
    for i in range(60)
]


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return list(TEXTS)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """Reversible, 340 pieces."""
    return train_tokenizer(TEXTS, 340)


@pytest.fixture(scope="session")
def lossy() -> Tokenizer:
    """`nmt_nfkc`, extra white space removed, byte fallback: the contest's settings."""
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS), model_writer=model, model_type="bpe", vocab_size=340, byte_fallback=True,
        normalization_rule_name="nmt_nfkc", add_dummy_prefix=False, split_digits=True, character_coverage=0.999,
        pad_id=0, bos_id=1, eos_id=2, unk_id=3, hard_vocab_limit=False, minloglevel=2, num_threads=1,
    )  # fmt: skip
    return Tokenizer(model.getvalue())
