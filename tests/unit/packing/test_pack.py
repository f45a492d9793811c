"""A checkpoint to an artifact: contents, determinism, budget, receipts, refusals."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from golfctl.artifact import open_artifact
from golfctl.core.journal import read_journal
from golfctl.errors import BudgetError, CheckpointError, InputError, NumericsError, StorageError, UsageError
from golfctl.model.weights.names import roles_by_name, shapes_by_name
from golfctl.packing import pack as pack_module
from golfctl.packing.assignment import assign
from golfctl.packing.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.pack import pack
from golfctl.packing.unpack import load_artifact


def test_every_tensor_is_assigned_exactly_once_by_role(spec):
    assigned = assign(spec, PackConfig(bits=5, bits_embed=7, gains="fp16"))
    assert [one.name for one in assigned] == list(shapes_by_name(spec))
    schemes = {"matrix": "int5-row/1", "embedding": "int7-row/1", "head": "int7-row/1", "gain": "fp16/1"}
    assert all(one.scheme == schemes[roles_by_name(spec)[one.name]] for one in assigned)


def test_the_loaded_model_is_the_checkpoint_up_to_rounding(run):
    result = pack(run, PackConfig())
    checkpoint, loaded = read_checkpoint(run), load_artifact(result.path)
    from golfctl.model.weights.names import named_tensors

    for name, tensor in named_tensors(loaded.model).items():
        step = checkpoint.tensors[name].abs().max() / 31
        assert (tensor - checkpoint.tensors[name]).abs().max() <= 0.51 * step + 1e-7, name
    assert loaded.tokenizer.digest == checkpoint.tokenizer_digest
    assert loaded.eval_stack == {"stride": 64}
    assert loaded.manifest.provenance["checkpoint"]["step"] == 7
    assert not loaded.model.training


def test_floats_of_32_bits_come_back_exactly(run):
    result = pack(run, PackConfig(bits=32, bits_embed=32, coder="zlib:9"))
    from golfctl.model.weights.names import named_tensors

    tensors = named_tensors(load_artifact(result.path).model)
    for name, tensor in read_checkpoint(run).tensors.items():
        assert torch.equal(tensors[name], tensor)


def test_the_ledger_sums_to_the_file_and_the_groups_to_the_model(run, spec, tmp_path):
    source = tmp_path / "train_gpt.py"
    source.write_text("print('x')\n")
    result = pack(run, PackConfig(code=(str(source),), external=(str(run.parent / "recipe.toml"),)))
    assert sum(row.bytes for row in result.ledger if row.where == "file") == result.path.stat().st_size
    assert result.counted_bytes == result.file_bytes + (run.parent / "recipe.toml").stat().st_size
    assert sum(group.parameters for group in result.groups) == sum(
        int(np.prod(shape)) for shape in shapes_by_name(spec).values()
    )
    payload = sum(row.bytes for row in result.ledger if row.name in ("matrices", "embeddings", "small"))
    assert sum(group.bytes for group in result.groups) == pytest.approx(payload, abs=len(result.groups))


def test_packing_again_gives_the_same_bytes_and_extends_the_journal(run):
    first = pack(run, PackConfig())
    second = pack(run, PackConfig())
    assert first.sha256 == second.sha256
    records = read_journal(run.parent / "journal.jsonl").records
    assert [record.kind for record in records] == ["train.start", "pack", "pack"]
    assert records[1].body["artifact_sha256"] == first.sha256


@pytest.mark.slow
def test_two_processes_with_different_hash_seeds_give_the_same_bytes(run):
    code = (
        "import sys, pathlib\nfrom golfctl.packing.pack import pack\nfrom golfctl.packing.config import PackConfig\n"
        "print(pack(pathlib.Path(sys.argv[1]), PackConfig(), pathlib.Path(sys.argv[2])).sha256)"
    )
    digests = set()
    for seed in ("0", "12345"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        out = str(run.parent / f"{seed}.golf")
        done = subprocess.run(
            [sys.executable, "-c", code, str(run), out], env=environment, capture_output=True, text=True, check=True
        )
        digests.add(done.stdout.strip())
    assert len(digests) == 1


def test_slim_leaves_out_what_is_optional(run):
    full, slim = pack(run, PackConfig()), pack(run, PackConfig(slim=True))
    artifact = open_artifact(slim.path)
    assert slim.file_bytes < full.file_bytes
    assert artifact.manifest.provenance is None and artifact.manifest.evaluation is None
    assert artifact.manifest.tokenizer.section is None
    assert load_artifact(slim.path).tokenizer is None


def test_over_budget_says_the_figures_and_writes_nothing(run):
    with pytest.raises(BudgetError, match="1,000"):
        pack(run, PackConfig(budget="1000"))
    assert not (run.parent / "model.golf").exists()
    assert len(read_journal(run.parent / "journal.jsonl").records) == 1


def test_no_budget_is_asked_for_by_name(run):
    assert pack(run, PackConfig(budget="none")).budget is None


def test_a_full_disk_leaves_the_old_artifact(run, monkeypatch):
    first = pack(run, PackConfig())

    def full(path, data):
        raise StorageError("no room left")

    monkeypatch.setattr(pack_module, "atomic_write", full)
    with pytest.raises(StorageError):
        pack(run, PackConfig(bits=5))
    assert open_artifact(first.path).sha256 == first.sha256


def test_a_missing_checkpoint_and_one_of_another_shape(run, spec):
    with pytest.raises(InputError, match="no such file"):
        pack(run.with_name("nothing.safetensors"), PackConfig())
    data = bytearray(run.read_bytes())
    header = int.from_bytes(data[:8], "little")
    text = data[8 : 8 + header].replace(b'\\"layers\\":2', b'\\"layers\\":1')
    run.write_bytes(data[:8] + text + data[8 + header :])
    with pytest.raises(CheckpointError, match="not part of the model spec"):
        pack(run, PackConfig())


def test_weights_that_a_scheme_cannot_hold_are_named(run):
    checkpoint = read_checkpoint(run)
    name = "blocks.0.attn.c_q.weight"
    tensors = {**checkpoint.tensors, name: checkpoint.tensors[name] * 1e30}
    write_checkpoint(run, Checkpoint(checkpoint.spec, tensors, checkpoint.tokenizer, 7))
    with pytest.raises(NumericsError, match=r"blocks\.0\.attn\.c_q\.weight: .* overflows fp16"):
        pack(run, PackConfig())


def test_missing_code_and_two_files_of_one_name(run, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        pack(run, PackConfig(code=(str(tmp_path / "none.py"),)))
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.py").write_text(folder)
    with pytest.raises(UsageError, match="share one name"):
        pack(run, PackConfig(code=(str(tmp_path / "a" / "x.py"), str(tmp_path / "b" / "x.py"))))


def test_the_result_is_plain_json(run):
    assert json.loads(json.dumps(pack(run, PackConfig()).to_dict()))["budget"]["ok"] is True
