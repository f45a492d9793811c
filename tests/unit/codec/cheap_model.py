"""A stand-in for a model: rows are running counts of what followed what, so no network is needed."""

from functools import cache

import numpy as np
import torch

from golfctl.codec.text_model import TextModel
from golfctl.data.tokenizers.training import train_tokenizer
from golfctl.scoring.config import EvalConfig

WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "the",
    "lazy",
    "dog",
    "while",
    "seven",
    "wizards",
    "boil",
    "jam",
    "in",
    "a",
    "bucket",
    "of",
    "quartz",
]


class CountScorer:
    """Rows of a lane: how often each token followed the one it was shown, over all lanes, one more everywhere."""

    def __init__(self, vocab_size):
        self.vocab_size = vocab_size

    def reset(self, prefix_N):
        self.counts_VV = np.full((self.vocab_size, self.vocab_size), 0.02, np.float32)

    def predict(self, step):
        rows_KV = self.counts_VV[step.token_K]
        return torch.from_numpy(np.log(rows_KV / rows_KV.sum(-1, keepdims=True)))

    def observe(self, step, targets_K):
        for token, target in zip(step.token_K, targets_K, strict=True):
            self.counts_VV[token, target] += 1


class CheapModel(TextModel):
    """Everything of a `TextModel` that compressing needs."""

    def __init__(self, tokenizer, artifact=b"an artifact"):
        object.__setattr__(self, "tokenizer", tokenizer)
        object.__setattr__(self, "artifact", artifact)

    @property
    def artifact_bytes(self):
        return self.artifact

    @property
    def named_tokenizer(self):
        return None

    @property
    def vocab_size(self):
        return self.tokenizer.vocab_size

    def settled(self, config):
        return EvalConfig.from_dict({**config.to_dict(), "seq_len": 16, "stride": 1, "rolling": True})

    def scorer(self, config, lanes, tokens):
        return CountScorer(self.vocab_size)


@cache
def tokenizer_of(kind="reversible"):
    texts = [" ".join(WORDS[i:] + WORDS[:i]) for i in range(len(WORDS))]
    if kind == "reversible":
        return train_tokenizer(texts, 320)
    return lossy_tokenizer(texts, kind)


def lossy_tokenizer(texts, kind):
    """A tokenizer with NFKC, its own spaces and, but for kind `bytes`, without byte fallback."""
    import io

    import sentencepiece

    from golfctl.data.tokenizers.tokenizer import Tokenizer

    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=out, vocab_size=330 if kind == "bytes" else 60, model_type="bpe",
        byte_fallback=kind == "bytes", minloglevel=2, hard_vocab_limit=False, character_coverage=1.0,
        bos_id=-1 if kind == "no bos" else 1, eos_id=-1 if kind == "no bos" else 2,
    )  # fmt: skip
    return Tokenizer.from_bytes(out.getvalue())
