"""Self-generated text: seeded, drawn from the model's own predictions."""

import pytest
import torch

from golfctl.model.weights.new_model import build_model
from golfctl.packing.hessians.generating import generate


@pytest.fixture(scope="module")
def model(spec):
    model = build_model(spec, 3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return model.eval()


def test_the_seed_decides_the_text_and_batches_do_not_mix(model):
    first = generate(model, 6, 20, seed=1, batch=6)
    assert first.shape == (6, 20) and first.dtype == torch.long
    assert torch.equal(first, generate(model, 6, 20, seed=1, batch=6))
    assert not torch.equal(first, generate(model, 6, 20, seed=2, batch=6))
    assert generate(model, 5, 7, seed=1, batch=2).shape == (5, 7)


def test_tokens_follow_the_model_s_own_predictions(model):
    ids = generate(model, 64, 24, seed=3)
    with torch.no_grad():
        probabilities = (model(ids[:, :-1]) / 0.8).softmax(-1)
    drawn = probabilities.gather(2, ids[:, 1:, None]).mean()
    expected = probabilities.square().sum(-1).mean()  # the mean probability of a token drawn from them
    assert float(drawn) == pytest.approx(float(expected), rel=0.15)
