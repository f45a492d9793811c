import json

import pytest
import safetensors.torch
import torch

from golfctl.core.canonical import sha256_bytes
from golfctl.errors import CheckpointError, InputError
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import named_tensors
from golfctl.model.weights.new_model import build_model
from golfctl.packing.checkpoint import METADATA_KEY, Checkpoint, read_checkpoint, write_checkpoint

SPEC = ModelSpec.from_dict(
    {"vocab_size": 32, "layers": 2, "dim": 8, "attention": {"heads": 2, "kv_heads": 1}, "feed_forward": {"hidden": 16}}
)
MATRIX = "blocks.0.attn.c_q.weight"


def make(**changes):
    tensors = {name: tensor.clone() for name, tensor in named_tensors(build_model(SPEC, seed=3)).items()}
    values = {"tokenizer": b"proto", "step": 7, "provenance": {"seed": 3}}
    return Checkpoint(SPEC, tensors | changes.pop("tensors", {}), **(values | changes))


def test_round_trip_is_exact_and_bytes_are_equal(tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(b"proto")
    write_checkpoint(tmp_path / "a.safetensors", make())
    write_checkpoint(tmp_path / "b.safetensors", make())
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    found = read_checkpoint(tmp_path / "a.safetensors")
    assert (found.spec, found.step, found.provenance, found.tokenizer) == (SPEC, 7, {"seed": 3}, b"proto")
    assert found.tokenizer_digest == sha256_bytes(b"proto")
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in make().tensors.items())


def test_there_is_exactly_one_metadata_key(tmp_path):
    write_checkpoint(tmp_path / "a.safetensors", make())
    with safetensors.safe_open(tmp_path / "a.safetensors", framework="pt") as stream:
        metadata = stream.metadata()
    assert list(metadata) == [METADATA_KEY]
    assert json.loads(metadata[METADATA_KEY])["step"] == 7


def test_another_shape_names_the_tensor_expected_and_found(tmp_path):
    with pytest.raises(CheckpointError, match=r"c_q\.weight has shape \[4, 8\].*expects \[8, 8\]"):
        write_checkpoint(tmp_path / "a.safetensors", make(tensors={MATRIX: torch.zeros(4, 8)}))
    assert not list(tmp_path.iterdir())


def test_missing_unknown_and_infinite_tensors_are_named(tmp_path):
    checkpoint = make()
    del checkpoint.tensors[MATRIX]
    for bad, message in (
        (checkpoint, r"c_q\.weight \[8, 8\] is missing"),
        (make(tensors={"extra": torch.zeros(2)}), r"extra \[2\] is not part of"),
        (make(tensors={MATRIX: torch.full((8, 8), float("nan"))}), "NaN or infinity"),
        (make(tensors={MATRIX: torch.zeros(8, 8, dtype=torch.float16)}), "fp32 or bf16"),
    ):
        with pytest.raises(CheckpointError, match=message):
            write_checkpoint(tmp_path / "a.safetensors", bad)


def test_a_file_of_another_model_is_refused_on_reading(tmp_path):
    write_checkpoint(tmp_path / "a.safetensors", make())
    with safetensors.safe_open(tmp_path / "a.safetensors", framework="pt") as stream:
        header = json.loads(stream.metadata()[METADATA_KEY])
    header["spec"]["dim"] = 16
    tensors = make().tensors
    (tmp_path / "b.safetensors").write_bytes(safetensors.torch.save(tensors, {METADATA_KEY: json.dumps(header)}))
    with pytest.raises(CheckpointError, match=r"has shape .* the model spec expects"):
        read_checkpoint(tmp_path / "b.safetensors")


@pytest.mark.parametrize("keep", [0, 5, 200, -10])
def test_truncated_files_are_named(tmp_path, keep):
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, make())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"a\.safetensors is truncated"):
        read_checkpoint(path)


def test_no_file_no_metadata_wrong_tokenizer(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_checkpoint(tmp_path / "none.safetensors")
    (tmp_path / "plain.safetensors").write_bytes(safetensors.torch.save({"a": torch.zeros(1)}))
    with pytest.raises(CheckpointError, match="no golfctl checkpoint"):
        read_checkpoint(tmp_path / "plain.safetensors")
    write_checkpoint(tmp_path / "a.safetensors", make())
    assert read_checkpoint(tmp_path / "a.safetensors").tokenizer == b""
    (tmp_path / "tokenizer.model").write_bytes(b"other")
    with pytest.raises(CheckpointError, match="another tokenizer"):
        read_checkpoint(tmp_path / "a.safetensors")
