"""The JSON Schema of a recipe: its tables are the configurations of the rooms that own them."""

from typing import Any

from golfctl.core.schema import document, record


def recipe_schema() -> dict[str, Any]:
    """JSON Schema of `recipe/1`: `recipe.toml` as one JSON object. Contradictions between values only golfctl sees."""
    from pydantic.json_schema import models_json_schema

    from golfctl.data.config import DataConfig
    from golfctl.model.spec import ModelSpec
    from golfctl.packing.config import PackConfig
    from golfctl.scoring.config import EvalConfig
    from golfctl.training.config import TrainConfig

    tables: dict[str, Any] = {
        "data": DataConfig,
        "model": ModelSpec,
        "train": TrainConfig,
        "pack": PackConfig,
        "eval": EvalConfig,
    }
    refs, definitions = models_json_schema([(config, "validation") for config in tables.values()])
    by_model = {model: ref for (model, _), ref in refs.items()}
    fields = {name: by_model[config] for name, config in tables.items()}
    return document("recipe-1.json", "A golfctl recipe", _bare(record({}, fields) | definitions))


def _bare(value: Any) -> Any:
    """Without titles and docstrings: rewording a sentence is no change of the schema."""
    if isinstance(value, dict):
        words = ("title", "description")
        return {key: _bare(item) for key, item in value.items() if key not in words or not isinstance(item, str)}
    return [_bare(item) for item in value] if isinstance(value, list) else value
