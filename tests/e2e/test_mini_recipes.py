"""Every `-mini` recipe trains: a few steps on the embedded corpus bring the loss well below the uniform one."""

import math

import pytest

from golfctl.core.config import apply_overrides
from golfctl.core.packaged import packaged_recipe, recipe_names
from golfctl.core.recipe import Recipe
from golfctl.data.text.embedded import embedded_dataset
from golfctl.training.train import train

MINIS = [name for name in recipe_names() if name.endswith("-mini")]
STEPS = 20
NO_BENCHMARK = "train.node_benchmark_seconds=0"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOLFCTL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield embedded_dataset()


def test_there_are_minis():
    assert len(MINIS) == 9


@pytest.mark.slow
@pytest.mark.parametrize("name", MINIS)
def test_mini_recipe_learns(name, corpus, tmp_path):
    found = packaged_recipe(name)
    shorter = apply_overrides(found.tables, [f"train.steps={STEPS}", "train.held_out_tokens=4096", NO_BENCHMARK])
    recipe = Recipe(shorter, found.where)
    del recipe.tables["train"]["seconds"]
    recipe.tables["train"]["average"] = {"kind": "none"}
    result = train(recipe, corpus, tmp_path / "run")
    assert result.step == STEPS and result.held_out is not None
    assert result.held_out.loss < math.log(1024) - 0.7
