"""The baseline network: counts, names, roles, seeded init, causality, the incremental forward."""

import math

import pytest
import torch

from golfctl.errors import CheckpointError, ConfigError, UsageError
from golfctl.model.census import census
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.taps import lookup_tap, tap
from golfctl.model.weights.names import (
    banks,
    entries_of,
    load_named_tensors,
    named_tensors,
    roles_by_name,
    shapes_by_name,
)
from golfctl.model.weights.new_model import build_model, empty_model
from tests.unit.model.cases import shaken, small, tokens


def test_baseline_counts_as_the_record_does():
    counted = census(ModelSpec())
    assert counted.parameters == 17_059_912
    assert sum(counted.by_role.values()) == sum(counted.by_component.values()) == 17_059_912
    assert counted.by_role[Role.EMBEDDING] == 524_288
    assert counted.flops_per_token(1024) == 6 * (524_288 + 16_515_072) + 9 * 12 * 1025 * 512 // 2


def test_every_parameter_is_claimed_once():
    model = build_model(small(), 0)
    entries = entries_of(model)
    assert [id(e.parameter) for e in entries] == [id(p) for p in model.parameters()]
    names = [name for e in entries for name in e.names]
    assert sorted(names) == sorted(roles_by_name(model.spec)) == sorted(shapes_by_name(model.spec))
    assert {name: tuple(t.shape) for name, t in named_tensors(model).items()} == shapes_by_name(model.spec)
    assert census(model.spec).parameters == sum(p.numel() for p in model.parameters())


def test_banks_stack_matrices_with_their_names_and_blocks():
    layout = {e.path: e for e in banks(build_model(small(), 0))}
    assert {path: tuple(e.parameter.shape) for path, e in layout.items()} == {
        "banks.qo": (8, 32, 32), "banks.kv": (8, 16, 32), "banks.mlp_up": (4, 48, 32), "banks.mlp_down": (4, 32, 48),
    }  # fmt: skip
    qo = layout["banks.qo"]
    assert qo.names[1] == "blocks.1.attn.c_q.weight" and qo.names[4] == "blocks.0.attn.proj.weight"
    assert qo.layers == (0, 1, 2, 3, 0, 1, 2, 3) and qo.role is Role.MATRIX


def test_names_round_trip():
    model, other = shaken(small()), empty_model(small())
    load_named_tensors(other, named_tensors(model))
    ids = tokens(model.spec, 2, 9)
    assert torch.equal(model(ids), other(ids))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("tok_emb.weight"), "'tok_emb.weight' is missing"),
        (lambda t: t.update({"blocks.0.attn.c_x.weight": torch.zeros(1)}), "did you mean 'blocks.0.attn.c_"),
        (lambda t: t.update({"skip_weights": torch.zeros(1, 32)}), r"shape \[1, 32\]; this model needs \[2, 32\]"),
    ],
)
def test_wrong_checkpoints_are_refused(change, message):
    model = build_model(small(), 0)
    tensors = dict(named_tensors(model))
    change(tensors)
    with pytest.raises(CheckpointError, match=message):
        load_named_tensors(model, tensors)


def test_init_depends_on_seed_and_name_alone():
    one, again, other = (named_tensors(build_model(small(), seed)) for seed in (1, 1, 2))
    deeper = named_tensors(build_model(small(layers=5), 1))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["tok_emb.weight"], other["tok_emb.weight"])
    assert torch.equal(one["blocks.3.mlp.fc.weight"], deeper["blocks.3.mlp.fc.weight"])
    assert one["blocks.0.attn.proj.weight"].abs().max() == 0


def test_untied_head_starts_at_the_uniform_distribution():
    model = build_model(small(head={"tied": False}), 0)
    ids = tokens(model.spec, 2, 9)
    assert model.loss(ids, ids).item() == pytest.approx(math.log(48), abs=1e-6)
    assert roles_by_name(model.spec)["lm_head.weight"] is Role.HEAD


def test_no_row_depends_on_later_tokens():
    model = shaken(small())
    ids = tokens(model.spec, 2, 40)
    with torch.no_grad():
        before = model(ids)
        for j in (1, 17, 39):
            changed = ids.clone()
            changed[:, j] = (changed[:, j] + 1) % 48
            after = model(changed)
            assert torch.equal(before[:, :j], after[:, :j])
            assert not torch.equal(before[:, j:], after[:, j:])


def test_incremental_forward_agrees_in_steps_and_chunks():
    model = shaken(small())
    ids = tokens(model.spec, 3, 30)
    with torch.no_grad():
        full = model(ids).log_softmax(-1)
    cache = model.start_cache(3, 30)
    parts = [model.extend(ids[:, :11], cache), model.step(ids[:, 11], cache)[:, None], model.extend(ids[:, 12:], cache)]
    apart = (torch.cat(parts, 1).log_softmax(-1) - full).abs()
    assert apart.max() <= 1e-4 and apart.mean() <= 1e-5
    with pytest.raises(UsageError, match="30 used"):
        model.step(ids[:, 0], cache)


def test_chosen_rows_are_those_of_the_whole():
    model = shaken(small())
    ids = tokens(model.spec, 2, 30)
    with torch.no_grad():
        torch.testing.assert_close(model.hidden(ids, first=23), model.hidden(ids)[:, 23:], atol=2e-6, rtol=0)


def test_taps_see_every_matrix_product():
    model = shaken(small())
    seen = {}

    def watch(name, x, y):
        assert x.shape[:-1] == y.shape[:-1] and list(shapes_by_name(model.spec)[name]) == [y.shape[-1], x.shape[-1]]
        seen[name] = seen.get(name, 0) + 1

    ids = tokens(model.spec, 1, 5)
    plain = model.loss(ids, ids)
    with tap(model, watch):
        torch.testing.assert_close(model.loss(ids, ids), plain, atol=1e-6, rtol=0)  # taps need the plain form
    model.loss(ids, ids)
    matrices = {n for n, r in roles_by_name(model.spec).items() if r is Role.MATRIX} | {"tok_emb.weight"}
    assert set(seen) == matrices and set(seen.values()) == {1}


def test_lookups_can_be_watched():
    model = shaken(small(parts={"bigram": {"buckets": 9, "dim": 4, "trigram": True}, "value_embedding": {}}))
    ids, seen = tokens(model.spec, 2, 5), []
    with lookup_tap(model, lambda name, rows, y: seen.append((name, tuple(rows.shape), y.shape[-1]))):
        model(ids)
    table = "bigram.embed.weight"
    assert sorted(seen) == sorted([
        (table, (2, 5), 4), (table, (2, 5), 4), ("tok_emb.weight", (2, 5), 32), ("ve_shared.embed.weight", (2, 5), 128),
    ])  # fmt: skip


def test_autocast_runs_and_stays_close():
    model = shaken(small())
    ids = tokens(model.spec, 2, 20)
    exact = model(ids)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (model(ids) - exact).abs().max() < 0.3


def test_bf16_compute_keeps_fp32_masters():
    model = shaken(small())
    ids = tokens(model.spec, 2, 20)
    exact = model(ids)
    model.set_compute_dtype(torch.bfloat16)
    rounded = model(ids)
    assert rounded.dtype == torch.float32 and 0 < (rounded - exact).abs().max() < 0.3
    model.loss(ids, ids).backward()
    assert {p.grad.dtype for p in model.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"atention": {}}, "unknown key 'atention'; did you mean 'attention'"),
        ({"attention": {"heads": 5}}, "5 heads must divide dim = 32"),
        ({"attention": {"heads": 4, "kv_heads": 2, "rotary": {"dims": 10}}}, "10 rotated dimensions do not fit"),
        ({"parts": {"bigrm": {}}}, "unknown model part 'bigrm'"),
        ({"recurrence": {"first": 2, "last": 4}}, "last = 4, but the last of 4 layers is 3"),
        ({"recurrence": {"first": 2, "last": 1}}, "last = 1 comes before first = 2"),
        ({"dim": "32"}, "dim"),
    ],
)
def test_contradictions_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        small(**changes)


def test_one_block_has_no_skips():
    model = shaken(small(layers=1))
    assert "skip_weights" not in named_tensors(model) and all(t.numel() for t in named_tensors(model).values())


def test_spec_round_trips_through_json():
    spec = small(recurrence={"first": 1, "last": 2})
    assert ModelSpec.from_dict(spec.to_dict()) == spec
