"""Calibrated packing end to end on a tiny run: gptq and entropy, training text and self-generated."""

import pytest
import torch

from golfctl.errors import DataError, InputError
from golfctl.packing.config import PackConfig
from golfctl.packing.hessians.calibration import HELD_OUT_TOKENS, held_out_windows, training_windows
from golfctl.packing.measures.losses import measure
from golfctl.packing.pack import pack
from golfctl.packing.unpack import load_artifact


def test_windows_come_from_all_shards_but_never_from_the_held_out_end(dataset, shards):
    windows = training_windows(dataset, 320, 500, 16, seed=0)
    assert windows.shape == (500, 16)
    assert torch.equal(windows, training_windows(dataset, 320, 500, 16, seed=0))
    assert ((windows[:, 1:] - windows[:, :-1]) % 320 == 1).all()
    last = shards(dataset.path, [HELD_OUT_TOKENS + 40], 60000)
    assert training_windows(last, 60000, 20, 16, seed=0).max() < 40
    assert held_out_windows(last, 60000, 16).min() == 40


def test_too_little_text_and_another_vocabulary_are_named(dataset):
    with pytest.raises(DataError, match="too few training tokens"):
        training_windows(dataset, 320, 10**6, 16, seed=0)
    with pytest.raises(DataError, match="beyond the model's vocabulary of 100"):
        training_windows(dataset, 100, 10, 16, seed=0)


def test_training_text_without_a_dataset_says_what_to_do(run):
    with pytest.raises(InputError, match="--calibration self"):
        pack(run, PackConfig(quantizer="gptq"))


@pytest.mark.parametrize("quantizer", ["gptq", "entropy"])
@pytest.mark.parametrize("source", ["train", "self"])
def test_the_artifact_says_what_it_was_calibrated_on_and_packs_the_same_again(run, dataset, quantizer, source):
    config = PackConfig(quantizer=quantizer, calibration=f"{source}:2048", coder="rans")
    data = dataset.path if source == "train" else None
    first, second = pack(run, config, data=data), pack(run, config, data=data)
    assert first.sha256 == second.sha256
    stored = load_artifact(first.path).manifest.provenance["calibration"]
    assert stored["source"] == source and stored["tokens"] == 2048 and stored == first.calibration
    assert all(group.weighted_error is not None for group in first.groups if group.group in ("attention", "mlp"))


def test_a_smaller_loss_costs_bytes_and_brings_the_outputs_nearer(run, dataset):
    found = [
        pack(
            run, PackConfig(quantizer="entropy", loss=loss, calibration="train:2048"), data=dataset.path, measured=True
        )
        for loss in (1e-4, 1e-2)
    ]
    assert found[0].file_bytes > found[1].file_bytes
    assert found[0].held_out.kl < found[1].held_out.kl


@pytest.mark.slow
def test_fit_through_the_service_stays_under_its_margin(loud_run, dataset):
    config = PackConfig(fit=True, budget="15000", margin=200, calibration="train:2048", coder="rans")
    packed = pack(loud_run, config, data=dataset.path)
    assert 0.98 * 14_800 <= packed.counted_bytes <= 14_800


def test_measuring_a_model_against_itself_gives_no_kl(run):
    model = load_artifact(pack(run, PackConfig()).path).model
    found = measure(model, model, torch.randint(0, 320, (3, 40)))
    assert found.kl == 0 and found.loss_before == found.loss_after and found.tokens == 3 * 39
