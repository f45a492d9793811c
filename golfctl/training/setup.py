"""From a recipe to everything a run is made of: configs checked against each other, dataset open, device chosen."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from golfctl.core.canonical import sha256_json
from golfctl.core.progress import Progress
from golfctl.core.recipe import Recipe
from golfctl.data.config import DataConfig
from golfctl.data.dataset import Dataset
from golfctl.data.shard_digests import remembered_sha256
from golfctl.errors import ConfigError, DataError
from golfctl.model.spec import ModelSpec
from golfctl.packing.config import PackConfig
from golfctl.scoring.config import EvalConfig
from golfctl.training.config import TrainConfig
from golfctl.training.qat import check_row_grid

_MEMORY_SHARE = 0.6
_CPU_MICRO_TOKENS = 4096
_BYTES_PER_LAYER_UNIT = {2: 40, 4: 80, 8: 160}  # activation bytes per token, layer and unit of width, by element size
_BYTES_PER_LOGIT = 16


@dataclass(frozen=True)
class Setup:
    """A run before it starts: `recipe` is complete, defaults included; its digest identifies the run's settings."""

    recipe: Recipe
    train: TrainConfig
    data: DataConfig
    pack: PackConfig
    spec: ModelSpec
    dataset: Dataset
    device: torch.device
    dtype: torch.dtype

    @property
    def digest(self) -> str:
        """SHA-256 of the tables that decide what training computes."""
        tables = {name: self.recipe.tables[name] for name in ("data", "model", "train")}
        if self.train.qat.rounding != "none":  # it trains on packing's grid
            tables["pack"] = {"bits": self.pack.matrix_bits, "rows": self.pack.matrix_options().to_dict()}
        return sha256_json(tables)

    def micro_sequences(self, rows: int) -> int:
        """Sequences per forward pass of a rank with `rows` of them: as configured, else as memory allows (on CPU: as
        caches like it), in micro-batches of equal size where that is possible."""
        if self.train.micro_batch_tokens:
            return self.train.micro_batch_tokens // self.train.sequence_length
        most = max(1, self._micro_tokens() // self.train.sequence_length)
        return max(1, math.ceil(rows / math.ceil(rows / most))) if rows else most

    def _micro_tokens(self) -> int:
        if self.device.type != "cuda":
            return _CPU_MICRO_TOKENS
        free, _ = torch.cuda.mem_get_info(self.device)
        return int(_MEMORY_SHARE * free / activation_bytes_per_token(self.spec, self.dtype))


def activation_bytes_per_token(spec: ModelSpec, dtype: torch.dtype) -> float:
    """Rough activation memory of one token in a training pass (fitted to 0.22 MB for 11 × 512 in bf16)."""
    extra = spec.recurrence.extra * (spec.recurrence.last - spec.recurrence.first + 1) if spec.recurrence else 0
    per_unit = _BYTES_PER_LAYER_UNIT[dtype.itemsize]
    return (spec.layers + extra) * spec.dim * per_unit + spec.vocab_size * _BYTES_PER_LOGIT


def prepare(recipe: Recipe, data_path: Path, device: torch.device) -> Setup:
    """Read every table of `recipe`, open the dataset at `data_path`, and check them against each other.

    A recipe without `model.vocab_size` takes the tokenizer's.

    Raises:
        ConfigError: unknown or contradictory keys, or a vocabulary that is not the tokenizer's.
        DataError: the dataset is missing or bad.
    """
    train = recipe.read("train", TrainConfig)
    data = recipe.read("data", DataConfig)
    dataset = Dataset.open(data_path)
    spec = _model_spec(recipe, dataset)
    pack = recipe.read("pack", PackConfig)
    recipe.read("eval", EvalConfig)  # a mistake in a later step's table is found now, not after the training
    if train.qat.rounding != "none":
        check_row_grid(pack)
    if train.recurrence_start and spec.recurrence is None:
        raise ConfigError(f"{recipe.where} [train] recurrence_start: the model has no [model.recurrence]")
    dtype = choose_dtype(train.dtype, device)
    resolved = recipe.replace(train=train.to_dict(), data=data.to_dict(), model=spec.to_dict())
    return Setup(resolved, train, data, pack, spec, dataset, device, dtype)


def check_shards(dataset: Dataset, progress: Progress) -> None:
    """Hold the shards against their description, with digests remembered from earlier runs; rank 0 does it for all.

    Raises:
        DataError: a shard was changed, or stands whole in both parts; `data verify` compares documents and runs of
            tokens.
    """
    digests = dataset.check_shards([*dataset.val_shards, *dataset.train_shards], remembered_sha256, progress)
    held_out = {digests[path.name]: path.name for path in dataset.val_shards}
    for path in dataset.train_shards:
        if scored := held_out.get(digests[path.name]):
            raise DataError(
                f"{dataset.path}: {path.name} and {scored} are the same text: training on what is scored; "
                "build the data again"
            )


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype of the forward pass: bfloat16 where "auto" finds hardware for it, masters stay fp32."""
    if name != "auto":
        chosen: torch.dtype = getattr(torch, name)
        return chosen
    if device.type == "cuda":
        real = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if real else torch.float32
    return torch.bfloat16 if device.type == "cpu" and cpu_has_bfloat16() else torch.float32


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 faster than float32 (AMX tiles or AVX-512 BF16)."""
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)


def _model_spec(recipe: Recipe, dataset: Dataset) -> ModelSpec:
    table: dict[str, Any] = dict(recipe.tables.get("model", {}))
    tokenizer = dataset.tokenizer
    table.setdefault("vocab_size", tokenizer.vocab_size)
    spec = recipe.replace(model=table).read("model", ModelSpec)
    if spec.vocab_size != tokenizer.vocab_size:
        raise ConfigError(
            f"{recipe.where} [model] vocab_size = {spec.vocab_size}, but the tokenizer of {dataset.path} has "
            f"{tokenizer.vocab_size} pieces: leave vocab_size out, or take other data"
        )
    if spec.uses_bos and tokenizer.bos != spec.bos:
        raise ConfigError(
            f"{recipe.where} [model] bos = {spec.bos}, but the tokenizer of {dataset.path} begins documents with "
            f"{tokenizer.bos}"
        )
    return spec
