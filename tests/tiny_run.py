"""A tiny run: checkpoint, tokenizer, recipe and journal."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from golfctl.core.journal import Journal
from golfctl.data.shards import write_shard
from golfctl.data.tokenizers.training import train_tokenizer
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import named_tensors
from golfctl.model.weights.new_model import build_model
from golfctl.packing.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from golfctl.packing.hessians.calibration import HELD_OUT_TOKENS

TEXT = "the quick brown fox jumps over the lazy dog while seven wizards boil jam in a bucket of quartz "


@pytest.fixture(scope="session")
def tokenizer():
    words = TEXT.split()
    return train_tokenizer([" ".join(words[i:] + words[:i]) for i in range(len(words))], 320)


@pytest.fixture(scope="session")
def spec(tokenizer):
    return ModelSpec.from_dict(
        {"vocab_size": tokenizer.vocab_size, "layers": 2, "dim": 32, "attention": {"heads": 4, "kv_heads": 2}}
    )


@pytest.fixture
def run(tmp_path, spec, tokenizer):
    """A run folder with one checkpoint; returns the path of the checkpoint."""
    folder = tmp_path / "runs" / "tiny"
    folder.mkdir(parents=True)
    (folder / "tokenizer.model").write_bytes(tokenizer.proto)
    (folder / "recipe.toml").write_text("[pack]\nbits = 6\n[eval]\nstride = 64\n")
    Journal(folder / "journal.jsonl").append("train.start", {"data": {"path": "nowhere"}})
    path = folder / "checkpoint-0000007.safetensors"
    tensors = {name: tensor + 0.01 for name, tensor in named_tensors(build_model(spec, 1)).items()}
    write_checkpoint(path, Checkpoint(spec, tensors, tokenizer.proto, 7, {"seed": 1, "sequence_length": 32}))
    return path


@pytest.fixture
def loud_run(run):
    """The tiny run with weights that are not small, so that every matrix matters."""
    checkpoint, generator = read_checkpoint(run), torch.Generator().manual_seed(4)
    tensors = {n: t + 0.1 * torch.randn(t.shape, generator=generator) for n, t in checkpoint.tensors.items()}
    write_checkpoint(run, replace(checkpoint, tensors=tensors))
    return run


class Shards:
    """As much of a dataset as calibration looks at."""

    def __init__(self, path, lengths, vocab_size=320):
        self.path, self.digest, self.train_shards = path, "d" * 64, []
        for i, length in enumerate(lengths):
            shard = path / f"train_{i:06d}.bin"
            write_shard(shard, (np.arange(length) % vocab_size).astype(np.uint16))
            self.train_shards.append(shard)


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    found = Shards(tmp_path, [5000, HELD_OUT_TOKENS + 3000])
    monkeypatch.setattr("golfctl.packing.hessians.which_statistics.Dataset.open", lambda path: found)
    monkeypatch.setattr("golfctl.packing.hessians.calibration.Dataset.open", lambda path: found)
    monkeypatch.setattr("golfctl.packing.pack.Dataset.open", lambda path: found)
    return found


@pytest.fixture
def shards():
    """The class, for other lengths and vocabularies."""
    return Shards
