"""What surrounds a checkpoint: its run's recipe and journal. Nothing here comes from the clock or the host."""

from pathlib import Path
from typing import Any, NamedTuple

import golfctl
from golfctl.core.canonical import sha256_file
from golfctl.core.files import read_bytes
from golfctl.core.journal import read_journal
from golfctl.core.recipe import Recipe
from golfctl.packing.checkpoint import Checkpoint
from golfctl.packing.config import PackConfig

RECIPE_FILE = "recipe.toml"
JOURNAL_FILE = "journal.jsonl"
TRAINING_RECORDS = "train."
_NOT_PROVENANCE = ("budget", "code", "external")  # facts of the file or of the asker, not of where weights come from


class RunContext(NamedTuple):
    """`folder` holds the checkpoint; `recipe` and `journal_head` are None where it is no run directory."""

    folder: Path
    recipe: Recipe | None
    journal_head: str | None

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """The evaluation stack the model was made for: the recipe's `[eval]` table."""
        return (self.recipe.tables.get("eval") or None) if self.recipe else None


def run_context(checkpoint: Path) -> RunContext:
    """Recipe and journal beside `checkpoint`.

    The head is that of the last record of training, not of a later receipt, so that packing again gives the same bytes.

    Raises:
        ConfigError, CheckpointError: the recipe or the journal is there but damaged.
    """
    folder = Path(checkpoint).parent
    recipe, journal = folder / RECIPE_FILE, folder / JOURNAL_FILE
    head = None
    if journal.is_file():
        records = [record for record in read_journal(journal).records if record.kind.startswith(TRAINING_RECORDS)]
        head = records[-1].hash if records else None
    return RunContext(folder, Recipe.load(recipe) if recipe.is_file() else None, head)


def provenance(path: Path, checkpoint: Checkpoint, context: RunContext, config: PackConfig) -> dict[str, Any]:
    """Where the weights come from and how they were packed, as plain JSON values; the same on every machine."""
    return {
        "checkpoint": {"sha256": sha256_file(path), "step": checkpoint.step},
        "training": checkpoint.provenance,
        "journal": context.journal_head,
        "pack": {key: value for key, value in config.to_dict().items() if key not in _NOT_PROVENANCE},
        "golfctl": golfctl.__version__,
    }


def read_source(path: str, limit_bytes: int = 1 << 24) -> bytes:
    """A source file to embed or count; InputError when it is missing."""
    return read_bytes(Path(path), limit_bytes)
