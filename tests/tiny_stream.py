"""Fixtures of the scorer tests: a small random model whose parameters all matter, and a random stream."""

import numpy as np
import pytest

VOCAB = 48


def random_model(seed: int = 0, **changes):
    import torch

    from golfctl.model.spec import ModelSpec
    from golfctl.model.weights.new_model import build_model

    values = {
        "vocab_size": VOCAB, "layers": 3, "dim": 32, "attention": {"heads": 4, "kv_heads": 2},
        "feed_forward": {"hidden": 64}, **changes,
    }  # fmt: skip
    model = build_model(ModelSpec.from_dict(values), seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.15 * torch.randn(parameter.shape, generator=generator)
    return model.eval().requires_grad_(False)


@pytest.fixture
def tiny_model(one_thread):
    return random_model()


@pytest.fixture
def tokens_N():
    """401 tokens with repeats, so that counts have something to find."""
    rng = np.random.default_rng(5)
    phrases = [rng.integers(2, VOCAB, size=rng.integers(3, 12)) for _ in range(9)]
    text = np.concatenate([phrases[i] for i in rng.integers(0, len(phrases), size=120)])[:400]
    return np.concatenate([[1], text]).astype(np.uint16)
