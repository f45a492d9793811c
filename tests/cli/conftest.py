"""One small packed run of a random model, and its data set, which the tests of `eval` share."""

import json
import os
from pathlib import Path

import pytest
import torch

from golfctl.cli.main import exit_code_of
from golfctl.core.journal import Journal
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import named_tensors
from golfctl.model.weights.new_model import build_model
from golfctl.packing.checkpoint import Checkpoint, write_checkpoint

LINE = "Chapter {i}.\n\nThe quick brown fox jumps over the lazy dog {i} times;\n    it is  well known.\tReally?\n"


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """A folder with a data set and one packed run of a random model."""
    folder = tmp_path_factory.mktemp("eval")
    here = Path.cwd()
    os.chdir(folder)
    try:
        lines = [json.dumps({"text": LINE.format(i=i) * (1 + i % 3)}) for i in range(60)]
        (folder / "books.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        assert exit_code_of(["data", "build", "books.jsonl", "--vocab", "340", "--holdout", "0.2"]) == 0
        write_run(folder / "runs" / "tiny", folder / "data/books", 340)
        assert exit_code_of(["pack"]) == 0
    finally:
        os.chdir(here)
    return folder


def write_run(run, data, vocab_size):
    """A run folder with the checkpoint of a random model for a data set; it is not packed yet."""
    run.mkdir(parents=True)
    tokenizer = (data / "tokenizer.model").read_bytes()
    (run / "tokenizer.model").write_bytes(tokenizer)
    (run / "recipe.toml").write_text("[eval]\nbatch = 8\n")
    values = {"vocab_size": vocab_size, "layers": 2, "dim": 32, "attention": {"heads": 4, "kv_heads": 2}}
    model = build_model(ModelSpec.from_dict(values), 0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    checkpoint = Checkpoint(model.spec, named_tensors(model), tokenizer, 3, {"sequence_length": 64})
    write_checkpoint(run / "checkpoint-0000003.safetensors", checkpoint)
    Journal(run / "journal.jsonl").append("train.start", {"data": {"path": str(data)}})


@pytest.fixture
def folder(run_folder, monkeypatch):
    monkeypatch.chdir(run_folder)
    return run_folder
