import json

import pytest
import safetensors.torch
import torch

from golfctl.errors import CheckpointError
from golfctl.training.run.state import Position, TrainingState, read_state, write_state


def test_round_trip_is_exact(tmp_path):
    position = Position(step=3, seconds=1.25, tokens=9, loader={"cursor": [1, 2]})
    tensors = {"a": torch.randn(3, 4), "adam.step.a": torch.tensor(3.0)}
    write_state(tmp_path / "s.safetensors", TrainingState(position, tensors))
    found = read_state(tmp_path / "s.safetensors")
    assert found.position == position
    assert all(torch.equal(found.tensors[k], v) for k, v in tensors.items())


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_truncated_state_is_named(tmp_path, keep):
    path = tmp_path / "s.safetensors"
    write_state(path, TrainingState(Position(), {"a": torch.zeros(9)}))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"s\.safetensors"):
        read_state(path)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[]", "5", '{"step": "x"}', '{"step": 1e999}', '{"x": 1}'])
def test_a_position_that_is_damaged_is_named(tmp_path, text):
    path = tmp_path / "s.safetensors"
    path.write_bytes(safetensors.torch.save({"a": torch.zeros(9)}, {"golfctl": text}))
    with pytest.raises(CheckpointError, match=r"s\.safetensors"):
        read_state(path)


def test_a_format_from_outside_is_shown_short(tmp_path):
    """A fuzzed file named its format with 5,000 digits, and so did the message."""
    path = tmp_path / "state-0000001.safetensors"
    header = {"golfctl": json.dumps({"format": "golfctl-training-state/" + "9" * 5000})}
    path.write_bytes(safetensors.torch.save({"a": torch.zeros(1)}, header))
    with pytest.raises(CheckpointError, match="has format 'golfctl-training-state/999") as caught:
        read_state(path)
    assert len(str(caught.value)) < 400
