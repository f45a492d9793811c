"""`torch.compile` takes the whole loss as one graph: no Python that depends on data, whatever the components."""

import pytest
import torch

from golfctl.model.kernels.visible import segment_bounds
from tests.contracts.test_components import CASES
from tests.unit.model.cases import gradients, shaken, tokens


def one_graph(spec, dtype=None):
    model = shaken(spec)
    model.set_compute_dtype(dtype)
    ids = tokens(spec, 2, 20)
    ids[0, 5] = ids[1, 9] = spec.bos
    bounds = segment_bounds(ids, spec.bos)
    plain = model.loss(ids, ids, bounds=bounds)
    plain.backward()
    expected = gradients(model)
    model.zero_grad()
    torch._dynamo.reset()
    compiled = torch.compile(model.loss, fullgraph=True, dynamic=False, backend="aot_eager")
    found = compiled(ids, ids, bounds=bounds)
    found.backward()
    atol = 1e-5 if dtype is None else 0.1
    torch.testing.assert_close(found, plain, atol=atol, rtol=0)
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(gradient, expected[name], atol=atol, rtol=1e-4)


CHOSEN = [
    "everything", "part dense_gate", "part bigram trigram", "paths parallel", "paths merged_lanes",
    "paths sequential_lanes",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CHOSEN)
def test_the_loss_is_one_graph(name):
    one_graph(CASES[name])


@pytest.mark.slow
def test_bf16_is_one_graph():
    one_graph(CASES["part value_residual sigmoid"], torch.bfloat16)
