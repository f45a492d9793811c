"""One computation, whatever the number of ranks. Ranks are threads here; `test_gloo.py` has real processes."""

import pytest
import torch

from golfctl.errors import CheckpointError
from golfctl.optim.collectives import Alone
from golfctl.optim.schedule import RunPoint
from golfctl.training.setup import prepare
from golfctl.training.trainer import Trainer
from golfctl.training.trainer_state import placed_moments, restore, state_of
from tests.oracles.thread_group import ThreadWorld

pytestmark = pytest.mark.usefixtures("one_thread")
STEPS = 20
CPU = torch.device("cpu")


def make_setup(tiny_recipe, dataset_path, **values):
    recipe = tiny_recipe(steps=STEPS, batch_tokens=128, **values)
    recipe.tables["model"] = {**recipe.tables["model"], "layers": 11, "dim": 8, "feed_forward": {"hidden": 24}}
    return prepare(recipe, dataset_path, CPU)


def train_steps(setup, group, steps=STEPS):
    trainer = Trainer(setup, group)
    for step in range(steps):
        trainer.step(RunPoint(step, 0.0, STEPS, None))
    return trainer


def weights(trainer):
    return {name: p.detach().clone() for name, p in trainer.parameters.items()}


def distance(found, expected):
    return max(float((found[n] - expected[n]).norm() / expected[n].norm().clamp_min(1e-30)) for n in expected)


PRECISIONS = [("float64", 1e-10), ("float32", 2e-4)]
OPTIONS = [{}, {"clip": {"norm": 0.0}}, {"muon": {"rows": "equal"}, "unbanked": "muon"}]


def check_worlds(setup, worlds, limit, steps):
    alone = weights(train_steps(setup, Alone(), steps))
    for world in worlds:
        ranks = ThreadWorld(world).run(lambda group: weights(train_steps(setup, group, steps)))
        for rank in ranks[1:]:
            assert all(torch.equal(rank[name], ranks[0][name]) for name in rank)
        assert distance(ranks[0], alone) < limit


@pytest.mark.parametrize(("dtype", "limit"), PRECISIONS)
def test_three_ranks_compute_what_one_does(tiny_recipe, dataset_path, dtype, limit):
    check_worlds(make_setup(tiny_recipe, dataset_path, dtype=dtype), [3], limit, steps=6)


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "limit"), PRECISIONS)
@pytest.mark.parametrize("options", OPTIONS)
def test_any_number_of_ranks_computes_the_same(tiny_recipe, dataset_path, dtype, limit, options):
    check_worlds(make_setup(tiny_recipe, dataset_path, dtype=dtype, **options), [2, 3, 4, 8], limit, STEPS)


def test_more_ranks_than_sequences_still_agree(tiny_recipe, dataset_path):
    setup = make_setup(tiny_recipe, dataset_path, dtype="float64", sequence_length=64)  # 2 sequences a step
    alone = weights(train_steps(setup, Alone(), 4))
    ranks = ThreadWorld(3).run(lambda group: weights(train_steps(setup, group, 4)))
    assert distance(ranks[0], alone) < 1e-10


def test_clipping_locally_is_another_computation(tiny_recipe, dataset_path):
    """The records' way: it depends on the number of ranks, which is why it is only an option."""
    setup = make_setup(tiny_recipe, dataset_path, dtype="float64", clip={"norm": 0.05, "of": "local"})
    alone = weights(train_steps(setup, Alone(), 4))
    ranks = ThreadWorld(2).run(lambda group: weights(train_steps(setup, group, 4)))
    assert distance(ranks[0], alone) > 1e-4


@pytest.mark.parametrize("world", [2, 8])
def test_the_collectives_of_a_step_are_those_of_the_plan(tiny_recipe, dataset_path, world):
    setup = make_setup(tiny_recipe, dataset_path)

    def run(group):
        trainer = Trainer(setup, group)
        trainer.step(RunPoint(0, 0.0, STEPS, None))
        return group.trace, trainer.optimizers.plan()

    for trace, plan in ThreadWorld(world).run(run):
        assert trace == plan
    per_rank = -(-22 // world)  # 22 query and output matrices of 8 × 8
    assert ("reduce_scatter", per_rank * world * 64 * 4) in plan and ("all_gather", per_rank * 64 * 4) in plan
    assert [entry.operation for entry in plan] == ["reduce_scatter"] * 4 + ["all_reduce"] * 2 + ["all_gather"] * 4


@pytest.mark.parametrize(("before", "after"), [(1, 3), (4, 1), (2, 8)])
def test_a_state_fits_any_number_of_ranks(tiny_recipe, dataset_path, before, after):
    setup = make_setup(tiny_recipe, dataset_path, dtype="float64")
    whole = weights(train_steps(setup, Alone(), 6))
    half = ThreadWorld(before).run(lambda group: state_of(train_steps(setup, group, 3), 0.0))[0]

    def go_on(group):
        trainer = Trainer(setup, group)
        restore(trainer, half, "half")
        for step in range(3, 6):
            trainer.step(RunPoint(step, 0.0, STEPS, None))
        return weights(trainer)

    assert distance(ThreadWorld(after).run(go_on)[0], whole) < 1e-10


def test_a_state_of_other_tensors_is_refused(tiny_recipe, dataset_path):
    setup = make_setup(tiny_recipe, dataset_path)
    half = state_of(train_steps(setup, Alone(), 3), 0.0)
    for name, tensor in half.tensors.items():
        lacking = {other: t for other, t in half.tensors.items() if other != name}
        for tensors in (lacking, half.tensors | {name: tensor.new_zeros(3, 5, 7)}):
            if name.startswith("adam.step") and tensors is lacking:
                continue  # a state before AdamW's first step has none
            with pytest.raises(CheckpointError, match="half"):
                restore(Trainer(setup, Alone()), half._replace(tensors=tensors), "half")


@pytest.mark.parametrize(("fused", "place"), [(True, "meta"), (False, "cpu")])
def test_adams_counter_lies_where_its_form_wants_it(fused, place):
    """Fused AdamW reads it on the parameter's device; a state file gives CPU tensors."""
    saved = {key: torch.ones(2) for key in ("exp_avg", "exp_avg_sq", "step")}
    moved = placed_moments(saved, torch.empty(2, device="meta"), fused)
    assert {key: tensor.device.type for key, tensor in moved.items()} == {
        "exp_avg": "meta", "exp_avg_sq": "meta", "step": place,
    }  # fmt: skip


def test_the_deployed_average_leaves_the_live_weights_alone(tiny_recipe, dataset_path):
    trainer = train_steps(make_setup(tiny_recipe, dataset_path), Alone(), 5)
    live = weights(trainer)
    deployed = trainer.checkpoint().tensors
    assert all(torch.equal(p, live[name]) for name, p in trainer.parameters.items())
    assert not torch.equal(
        deployed["tok_emb.weight"], next(p for name, p in live.items() if name.endswith("tok_emb__weight"))
    )
