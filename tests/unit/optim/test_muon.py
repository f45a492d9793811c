from functools import partial

import pytest
import torch

from golfctl.optim.groups import RoleGroups
from golfctl.optim.muon import Muon, MuonConfig
from golfctl.optim.step import AdamConfig, ClipConfig, Optimizers, Rates
from tests.oracles.muon import muon_matrix_step

SHAPES = [(5, 8, 8), (3, 6, 12), (3, 12, 6), (10, 4)]


def banks(dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(s, generator=generator).to(dtype)) for s in SHAPES]


def set_gradients(parameters, step):
    generator = torch.Generator().manual_seed(100 + step)
    for p in parameters:
        p.grad = torch.randn(p.shape, generator=generator).to(p.dtype)


@pytest.mark.parametrize("rows", ["plain", "equal"])
@pytest.mark.parametrize("polynomial", ["standard", "polar-express"])
def test_twenty_steps_equal_a_plain_loop_over_matrices(rows, polynomial):
    ours = banks()
    plain = [[m.detach().clone() for m in (p if p.ndim == 3 else p[None])] for p in ours]
    buffers = [[torch.zeros_like(m) for m in ms] for ms in plain]
    config = MuonConfig(lr=0.03, weight_decay=0.1, rows=rows, polynomial=polynomial)
    optimizer = Muon(ours, config)
    for step in range(20):
        set_gradients(ours, step)
        optimizer.step()
        for i, p in enumerate(ours):
            gradient = p.grad if p.ndim == 3 else p.grad[None]
            for b in range(len(gradient)):
                plain[i][b], buffers[i][b] = muon_matrix_step(
                    plain[i][b], gradient[b], buffers[i][b], 0.03, 0.95, 0.1, rows == "equal", polynomial != "standard"
                )
    for p, expected in zip(ours, plain, strict=True):
        whole = torch.stack(expected).reshape(p.shape)
        assert float((p.detach() - whole).norm() / whole.norm()) < 1e-10


def test_first_step_equals_torch_muon_up_to_its_bf16():
    """torch.optim.Muon averages momentum; the first direction is the same, and its Newton-Schulz runs in bf16."""
    ours = torch.nn.Parameter(torch.randn(12, 20, generator=torch.Generator().manual_seed(4)))
    theirs = torch.nn.Parameter(ours.detach().clone())
    oracle = torch.optim.Muon([theirs], lr=0.1, weight_decay=0.1, momentum=0.95, nesterov=True)
    ours.grad = torch.randn(12, 20, generator=torch.Generator().manual_seed(5))
    theirs.grad = ours.grad.clone()
    before = ours.detach().clone()
    oracle.step()
    Muon([ours], MuonConfig(lr=0.1, weight_decay=0.1, momentum=0.95)).step()
    moved = before - ours.detach()
    assert float((before - theirs.detach() - moved).norm() / moved.norm()) < 0.03


def test_momentum_is_state_and_survives_a_restart():
    first, second = banks(seed=1), banks(seed=1)
    a, b = Muon(first, MuonConfig()), Muon(second, MuonConfig())
    for step in range(3):
        set_gradients(first, step)
        a.step()
    for mine, theirs in zip(first, second, strict=True):
        theirs.data.copy_(mine.data)
    b.restore_momentum([m.clone() for m in a.gathered_momentum()])
    for parameters, optimizer in ((first, a), (second, b)):
        set_gradients(parameters, 3)
        optimizer.step()
    assert all(torch.equal(x, y) for x, y in zip(first, second, strict=True))


def test_vectors_are_refused():
    with pytest.raises(ValueError, match="matrices"):
        Muon([torch.nn.Parameter(torch.zeros(3))], MuonConfig())


@pytest.mark.slow
def test_compiled_products_are_one_graph_per_shape_and_the_same_update(monkeypatch):
    groups = [RoleGroups({str(i): p for i, p in enumerate(banks(torch.float32))}, {}, {}, {}) for _ in range(2)]
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph

    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    sides = [Optimizers(g, MuonConfig(), AdamConfig(), ClipConfig(), None, i == 1) for i, g in enumerate(groups)]
    for step in range(3):
        for side, group in zip(sides, groups, strict=True):
            set_gradients(group.banks.values(), step)
            side.step(Rates(1.0, 0.95))
    assert len(graphs) == len(SHAPES)
    for eager, compiled in zip(groups[0].banks.values(), groups[1].banks.values(), strict=True):
        torch.testing.assert_close(compiled, eager)
