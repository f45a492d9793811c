"""Statistics that training left beside its checkpoint: used where they fit, and never silently where they do not."""

from dataclasses import replace

import pytest
import torch

from golfctl.core.canonical import sha256_file
from golfctl.core.journal import read_journal
from golfctl.errors import CheckpointError, NumericsError
from golfctl.packing.checkpoint import read_checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.hessians import which_statistics as calibrating
from golfctl.packing.hessians.calibration import calibrate
from golfctl.packing.hessians.from_training import calibration_path, write_calibration
from golfctl.packing.hessians.which_statistics import statistics_for
from golfctl.packing.hessians.wording import parse_calibration
from golfctl.packing.pack import pack


@pytest.fixture
def stored(run, dataset):
    """The checkpoint, with statistics beside it as training writes them."""
    checkpoint = read_checkpoint(run)
    found = calibrate(checkpoint, parse_calibration("train:2048"), dataset.path, True, 0)
    write_calibration(calibration_path(run), found, sha256_file(run))
    return run


def found_by(path, dataset, **settings):
    return statistics_for(path, read_checkpoint(path), PackConfig(**settings), dataset.path)


@pytest.mark.parametrize("calibration", [None, "train", "train:2048"])
def test_what_training_left_is_used_and_gives_the_same_artifact(stored, dataset, calibration):
    config = PackConfig(quantizer="gptq", calibration=calibration or "train:2048", coder="rans")
    beside = pack(stored, config, data=dataset.path)
    assert beside.notes[0] == "statistics of training used: calibration-0000007.safetensors"
    calibration_path(stored).unlink()
    fresh = pack(stored, config.model_copy(update={"calibration": "train:2048"}), data=dataset.path)
    assert fresh.calibration == beside.calibration
    if calibration == "train:2048":
        assert fresh.sha256 == beside.sha256


def test_the_receipt_says_which_statistics_and_how_long_they_took(stored, dataset):
    config = PackConfig(quantizer="gptq", coder="rans")
    pack(stored, config, data=dataset.path)
    pack(stored, config.model_copy(update={"seed": 1, "calibration": "train:2048"}), data=dataset.path)
    used, again = (r.body for r in read_journal(stored.parent / "journal.jsonl").records if r.kind == "pack")
    assert used["calibration_seconds"] == 0 and "statistics of training used" in used["notes"][0]
    assert again["calibration_seconds"] > 0 and "seed 0, not 1: calibrated again" in again["notes"][0]


def test_statistics_of_another_checkpoint_are_replaced_and_that_is_said(stored, dataset):
    beside = calibration_path(stored)
    checkpoint = read_checkpoint(stored)
    stats = {name: replace(s, hessian_CC=torch.eye(len(s.hessian_CC))) for name, s in
             calibrate(checkpoint, parse_calibration("train:1024"), dataset.path, False, 0).stats.items()}  # fmt: skip
    write_calibration(beside, calibrating.Calibration(stats, {"source": "train", "seed": 0, "tokens": 1024}), "0" * 64)
    found = found_by(stored, dataset, quantizer="gptq", calibration="train:2048")
    assert "was collected for another checkpoint: calibrated again" in found.notes[0]
    assert found.calibration.source["tokens"] == 2048


def test_statistics_that_lack_what_is_asked_for(stored, dataset):
    more = found_by(stored, dataset, quantizer="gptq", calibration="train:4096")
    assert "saw 2,048 tokens, not the 4,096 of train:4096: calibrated again" in more.notes[0]
    found = calibrate(read_checkpoint(stored), parse_calibration("train:2048"), dataset.path, False, 0)
    write_calibration(calibration_path(stored), found, sha256_file(stored))
    assert "holds no gradients" in found_by(stored, dataset, quantizer="entropy", calibration="train:2048").notes[0]


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"x" * 64])
def test_a_damaged_file_is_an_error_that_names_it(stored, dataset, damage):
    beside = calibration_path(stored)
    beside.write_bytes(damage(beside.read_bytes()))
    with pytest.raises(CheckpointError, match="calibration-0000007"):
        pack(stored, PackConfig(quantizer="gptq", coder="rans"), data=dataset.path)


def test_self_generated_text_never_uses_training_statistics(stored, dataset):
    found = found_by(stored, dataset, quantizer="gptq", calibration="self:2048")
    assert found.calibration.source["source"] == "self" and not found.notes


@pytest.mark.parametrize("quantizer", ["gptq", "entropy"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda h: h * float("nan"), "NaN"),
        (lambda h: h - 2 * h.trace() * torch.eye(len(h)), "negative diagonal"),
        (lambda h: h.trace() * (torch.eye(len(h)) + 9 * torch.eye(len(h)).flip(0)), "not positive definite"),
    ],
)
def test_moments_that_cannot_be_are_an_error_that_names_the_tensor(stored, dataset, quantizer, spoil, words):
    name = "blocks.1.mlp.fc.weight"
    beside = calibration_path(stored)
    good = calibrate(read_checkpoint(stored), parse_calibration("train:2048"), dataset.path, True, 0)
    bad = {**good.stats, name: replace(good.stats[name], hessian_CC=spoil(good.stats[name].hessian_CC))}
    write_calibration(beside, good._replace(stats=bad), sha256_file(stored))
    with pytest.raises(NumericsError, match=rf"blocks\.1\.mlp\.fc\.weight: .*{words}"):
        pack(stored, PackConfig(quantizer=quantizer, coder="rans"), data=dataset.path)
    assert not (stored.parent / "model.golf").exists()
