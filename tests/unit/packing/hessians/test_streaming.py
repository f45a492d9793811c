"""Calibration in several passes: the same numbers as in one, never more sums at once than allowed."""

import pytest
import torch

from golfctl.core.progress import SILENT
from golfctl.model.roles import Role
from golfctl.model.weights.names import roles_by_name, shapes_by_name
from golfctl.model.weights.new_model import build_model
from golfctl.packing.hessians.collecting import collect
from golfctl.packing.hessians.streaming import SpilledStats, collect_streamed, groups_of, sum_bytes


@pytest.mark.parametrize("gradients", [False, True])
def test_passes_over_groups_find_what_one_pass_finds(spec, gradients, one_thread):
    model = build_model(spec, 3).eval()
    ids = torch.randint(0, spec.vocab_size, (4, 32), generator=torch.Generator().manual_seed(5))
    whole = collect(model, ids, 2, gradients, 7)
    parts = collect_streamed(model, ids, 2, gradients, 7, SILENT, memory_bytes=60_000)
    assert isinstance(parts, SpilledStats) and len(parts.maps) > 2
    assert set(parts) == set(whole)
    for name, one in whole.items():
        assert torch.equal(parts[name].hessian_CC, one.hessian_CC), name
        assert (parts[name].gradient is None) == (one.gradient is None)
        assert one.gradient is None or torch.equal(parts[name].gradient, one.gradient), name
        assert (parts[name].table, parts[name].tokens) == (one.table, one.tokens)


def test_groups_hold_every_tensor_once_and_stay_within_the_memory(spec):
    groups = groups_of(spec, True, 100_000)
    shapes, roles = shapes_by_name(spec), roles_by_name(spec)
    assert sorted(name for group in groups for name in group) == sorted(
        name for name in shapes if roles[name] is not Role.GAIN
    )
    for group in groups:
        assert len(group) == 1 or sum(sum_bytes(shapes[name], True) for name in group) <= 100_000
    assert len(groups_of(spec, True, 1 << 30)) == 1


def test_the_files_go_with_the_statistics(spec, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = build_model(spec, 3).eval()
    stats = collect_streamed(model, torch.zeros(1, 32, dtype=torch.long), 1, False, 0, SILENT, 20_000)
    assert len(list(tmp_path.rglob("*.safetensors"))) == len(stats.maps)
    del stats
    assert not list(tmp_path.iterdir())
