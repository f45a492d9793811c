"""What every part, form of paths and back end must keep: roles, counts, round trips, causality, incremental form."""

from pathlib import Path

import pytest
import torch

from golfctl.model.census import census
from golfctl.model.kernels.backends import BACKENDS
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec, components
from golfctl.model.table import PARTS, PATHS
from golfctl.model.weights.names import entries_of, load_named_tensors, named_tensors, roles_by_name, shapes_by_name
from golfctl.model.weights.new_model import build_model, empty_model
from tests.oracles import gpt
from tests.unit.model.cases import FULL_PARTS, SMALL, gradients, shaken, small, tokens

UNREAD = ("blocks.0.attn.vr_lambda", "blocks.0.attn.vrl_alpha")
PAGE = Path(__file__).parents[2] / "docs" / "model.md"
CASES = {
    "plain": small(),
    **{f"part {name}": small(parts={name: FULL_PARTS[name]}) for name in PARTS},
    "part value_residual sigmoid": small(parts={"value_residual": {"form": "sigmoid"}}),
    "part bigram trigram": small(parts={"bigram": {"buckets": 30, "dim": 8, "trigram": True, "stop_at_bos": True}}),
    "part output_gate query": small(parts={"output_gate": {"source": "query"}}),
    "part smear early": small(parts={"smear": {"before_norm": True, "stop_at_bos": True}}),
    **{f"paths {name}": small(paths={"form": name, "first": 3}) for name in PATHS if name != "sequential"},
    "skips none": small(residual={"skips": "none"}),
    "skips gated": small(residual={"skips": "gated", "ln_scale": True}),
    "documents": small(attention={"heads": 4, "kv_heads": 2, "documents": True}),
    "partial rope": small(attention={"heads": 4, "kv_heads": 1, "rotary": {"dims": 4, "reference_length": 16}}),
    "recurrence": small(recurrence={"first": 1, "last": 1, "extra": 2}),
    "everything": small(
        parts={name: FULL_PARTS[name] for name in PARTS if name != "dense_gate"},
        attention={"heads": 4, "kv_heads": 2, "documents": True}, residual={"skips": "gated", "ln_scale": True},
        recurrence={"first": 1, "last": 2}, paths={"form": "simultaneous_lanes", "first": 3}, head={"tied": False},
    ),
}  # fmt: skip
every_case = pytest.mark.parametrize("spec", CASES.values(), ids=CASES)


@every_case
def test_every_parameter_is_declared_once_with_a_role(spec):
    model = build_model(spec, 0)
    names = [name for entry in entries_of(model) for name in entry.names]
    assert sorted(names) == sorted(shapes_by_name(spec)) and set(roles_by_name(spec).values()) <= set(Role)
    assert {name: tuple(t.shape) for name, t in named_tensors(model).items()} == shapes_by_name(spec)
    counted = census(spec)
    assert counted.parameters == sum(p.numel() for p in model.parameters()) == sum(counted.by_role.values())
    assert set(counted.by_component) == set(components(spec)) == set(counted.multiplied_by_component())


@every_case
def test_config_round_trips_and_builds_the_same_model(spec):
    again = ModelSpec.from_dict(spec.to_dict())
    assert again == spec and again.to_json() == spec.to_json()
    one, two = named_tensors(build_model(spec, 3)), named_tensors(build_model(again, 3))
    assert all(torch.equal(one[name], two[name]) and one[name].isfinite().all() for name in one)


@every_case
def test_every_parameter_learns(spec):
    model = shaken(spec)
    ids = tokens(spec, 3, 24)
    model.loss(ids[:, :-1], ids[:, 1:]).backward()
    idle = {name for name, gradient in gradients(model).items() if not gradient.abs().max() > 0}
    assert idle <= set(UNREAD)


@every_case
def test_no_row_depends_on_later_tokens(spec, one_thread):
    model = shaken(spec).eval()
    ids = tokens(spec, 2, 25)
    with torch.no_grad():
        before = model(ids)
        for j in (1, 9, 24):
            for change in (1, spec.bos - ids[:, j]):
                changed = ids.clone()
                changed[:, j] = (changed[:, j] + change) % spec.vocab_size
                assert torch.equal(before[:, :j], model(changed)[:, :j])


@every_case
def test_incremental_forward_agrees(spec):
    model = shaken(spec)
    ids = tokens(spec, 3, 18)
    ids[0, 7] = ids[1, 8] = spec.bos
    with torch.no_grad():
        full = model(ids).log_softmax(-1)
    for cuts in ([18], [1] * 18, [5, 1, 8, 4]):
        cache = model.start_cache(3, 18)
        pieces = [model.extend(piece, cache) for piece in ids.split(cuts, dim=1)]
        apart = (torch.cat(pieces, 1).log_softmax(-1) - full).abs()
        assert apart.max() <= 1e-4 and apart.mean() <= 1e-5


@every_case
def test_rolling_cache_sees_the_latest_positions_however_it_is_fed(spec):
    model, reach = shaken(spec), 6
    ids = tokens(spec, 2, 18)
    ids[0, 7] = ids[1, 8] = spec.bos
    plain = spec.to_dict()
    plain["attention"]["rotary"]["reference_length"] = 0
    plain["attention"]["reach"] = reach
    with torch.no_grad():
        expected = gpt.logits(ids, plain, named_tensors(model)).log_softmax(-1)
    for cuts in ([18], [1] * 18, [5, 1, 8, 4]):
        cache = model.start_rolling_cache(2, reach)
        pieces = []
        for piece in ids.split(cuts, dim=1):
            model.extend(tokens(spec, 2, 3), cache.fork())
            pieces.append(model.extend(piece, cache))
        torch.testing.assert_close(torch.cat(pieces, 1).log_softmax(-1), expected, atol=1e-4, rtol=0)


@every_case
def test_chosen_rows_are_those_of_the_whole(spec):
    model = shaken(spec)
    ids = tokens(spec, 2, 22)
    with torch.no_grad():
        torch.testing.assert_close(model.hidden(ids, first=17), model.hidden(ids)[:, 17:], atol=5e-6, rtol=0)


@every_case
def test_bf16_is_close_and_leaves_masters_alone(spec):
    model = shaken(spec)
    ids = tokens(spec, 2, 22)
    wide = model.loss(ids, ids).item()
    model.set_compute_dtype(torch.bfloat16)
    assert abs(model.loss(ids, ids).item() - wide) < 0.15
    model.loss(ids, ids).backward()
    assert all(p.dtype == torch.float32 for p in model.parameters())


@every_case
def test_names_load_into_an_empty_model(spec):
    model, other = shaken(spec), empty_model(spec)
    load_named_tensors(other, named_tensors(model))
    ids = tokens(spec, 2, 9)
    assert torch.equal(model(ids), other(ids))


@pytest.mark.parametrize("name", [name for name in BACKENDS if name not in ("varlen", "fa3")])
@pytest.mark.parametrize("documents", [False, True])
def test_back_ends_agree(name, documents):
    spec = small(attention={"heads": 4, "kv_heads": 2, "documents": documents})
    model = shaken(spec)
    ids = tokens(spec, 2, 40)
    ids[0, 13] = ids[1, 20] = ids[1, 21] = spec.bos
    model.backend = "math"
    expected = model.loss(ids, ids)
    expected.backward()
    slopes = gradients(model)
    model.zero_grad()
    model.backend = name
    found = model.loss(ids, ids)
    found.backward()
    assert abs(found.item() - expected.item()) <= 1e-5
    for key, slope in gradients(model).items():
        torch.testing.assert_close(slope, slopes[key], atol=2e-6, rtol=2e-5)


@pytest.mark.parametrize("name", [*PARTS, *PATHS, *BACKENDS])
def test_the_page_describes_it(name):
    assert f"`{name}`" in PAGE.read_text(encoding="utf-8")


def test_parts_work_with_their_defaults():
    for name in PARTS:
        assert ModelSpec.from_dict(SMALL | {"parts": {name: {}}}).parts[name] == PARTS[name].Config()
