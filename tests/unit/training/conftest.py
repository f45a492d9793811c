"""A dataset and a recipe small enough that a whole training run takes a fraction of a second."""

import random

import pytest

from golfctl.core.recipe import Recipe
from golfctl.data.build import build_dataset, split_explicit
from golfctl.data.text.sources import Document
from golfctl.data.tokenizers.training import train_tokenizer

WORDS = tuple("the a model token byte loss train step file reads writes of and small large quickly".split())  # noqa: SIM905


def prose(seed, sentences):
    rng = random.Random(seed)
    return " ".join(" ".join(rng.choices(WORDS, k=8)).capitalize() + "." for _ in range(sentences))


@pytest.fixture(scope="session")
def dataset_path(tmp_path_factory):
    train = [Document(f"train-{i}", prose(i, 40)) for i in range(12)]
    held_out = [Document("held-out", prose(99, 30))]
    tokenizer = train_tokenizer([d.text for d in train], vocab_size=300)
    out = tmp_path_factory.mktemp("data") / "set"
    build_dataset(out, split_explicit(train, held_out), tokenizer, source="test", split="explicit")
    return out


TABLES = {
    "model": {
        "layers": 3,
        "dim": 16,
        "attention": {"heads": 2, "kv_heads": 1},
        "feed_forward": {"hidden": 24},
    },
    "train": {
        "steps": 6,
        "batch_tokens": 128,
        "sequence_length": 16,
        "threads": 1,
        "log_every": 2,
        "checkpoint_seconds": 1000.0,
        "dtype": "float32",
        "node_benchmark_seconds": 0.0,
        "average": {"decay": 0.9},
    },
}


@pytest.fixture(scope="session")
def tiny_tables():
    """A function: the tables of the tiny recipe, to be changed at will."""
    return lambda: {name: dict(table) for name, table in TABLES.items()}


@pytest.fixture
def tiny_recipe(tiny_tables):
    """A function: `train.*` values replaced by keyword, other tables by `tables`."""

    def make(**values):
        tables = tiny_tables()
        tables["train"] |= values
        if "seconds" in values:
            del tables["train"]["steps"]
        return Recipe(tables, "test recipe")

    return make
