"""JSON Schemas of a recipe, whose tables are the configurations of the rooms that own them, and of a list of them."""

from typing import Any

from golfctl.core.schema import Json, count, document, listing, record


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


def recipe_list_schema() -> dict[str, Any]:
    """JSON Schema of `recipe-list/1`: what `golfctl recipe list --json` prints."""
    text: Json = {"type": "string", "minLength": 1}
    optional: Json = {"anyOf": [count("null: an eval recipe, which has no model", 1), {"type": "null"}]}
    recipe = record(
        {
            "name": text | {"description": "what commands take in place of a file"},
            "kind": {"enum": ["train", "eval"], "description": "eval: an [eval] table and nothing to train"},
            "description": text,
            "parameters": optional,
            "target_bytes": optional | {"description": "size that the packed artifact is meant to have"},
        }
    )
    return document("recipe-list-1.json", "Recipes that come with golfctl", record({"recipes": listing(recipe)}))


def _bare(value: Any) -> Any:
    """Without titles and docstrings: rewording a sentence is no change of the schema."""
    if isinstance(value, dict):
        words = ("title", "description")
        return {key: _bare(item) for key, item in value.items() if key not in words or not isinstance(item, str)}
    return [_bare(item) for item in value] if isinstance(value, list) else value
