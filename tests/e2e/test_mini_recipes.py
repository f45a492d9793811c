"""Every `-mini` recipe trains: a few steps on the embedded corpus bring the loss well below the uniform one."""

import math
from pathlib import Path

import pytest

from golfctl.core.recipe import Recipe
from golfctl.data.text.embedded import embedded_dataset
from golfctl.training.train import train

MINIS = sorted((Path(__file__).parents[2] / "examples").glob("*-mini.toml"))
STEPS = 20


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOLFCTL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield embedded_dataset()


def test_there_are_minis():
    assert len(MINIS) == 9


@pytest.mark.slow
@pytest.mark.parametrize("path", MINIS, ids=lambda path: path.stem)
def test_mini_recipe_learns(path, corpus, tmp_path):
    recipe = Recipe.load(path, [f"train.steps={STEPS}", "train.held_out_tokens=4096"])
    del recipe.tables["train"]["seconds"]
    recipe.tables["train"]["average"] = {"kind": "none"}
    result = train(recipe, corpus, tmp_path / "run")
    assert result.step == STEPS and result.held_out is not None
    assert result.held_out.loss < math.log(1024) - 0.7
