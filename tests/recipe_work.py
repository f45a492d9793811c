"""What the matrices of golfctl's own recipes would cost a reader if all of them were under `rans-lp/1`."""

import numpy as np

from golfctl.artifact import PREDICTED_CODER, prediction_work
from golfctl.coding import accepts
from golfctl.core.packaged import packaged_recipe, recipe_names
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import shapes_by_name


def recipe_work():
    """The sum over every matrix that the coder takes, by recipe that trains."""
    found = {}
    for name in recipe_names():
        recipe = packaged_recipe(name)
        if not recipe.only_evaluates:
            shapes = shapes_by_name(recipe.read("model", ModelSpec)).values()
            taken = [tuple(shape) for shape in shapes if accepts(PREDICTED_CODER, np.int8, tuple(shape))]
            found[name] = sum(prediction_work(shape) for shape in taken)
    return found
