import os
import signal

import pytest
import torch

from golfctl.core.canonical import sha256_file
from golfctl.errors import CheckpointError, ConfigError, InterruptedRun
from golfctl.packing.hessians.from_training import calibration_path, open_calibration
from golfctl.training import train as trains
from golfctl.training.config import TrainConfig
from golfctl.training.run.run_folders import run_records
from golfctl.training.train import train

pytestmark = pytest.mark.usefixtures("one_thread")


def test_statistics_are_collected_on_the_training_clock(tmp_path, tiny_recipe, dataset_path):
    result = train(tiny_recipe(calibration="train:1024"), dataset_path, tmp_path / "run")
    path = calibration_path(result.checkpoint)
    calibration, belongs_to = open_calibration(path)
    assert belongs_to == sha256_file(result.checkpoint)
    moments = calibration.stats["blocks.0.attn.c_q.weight"].hessian_CC
    assert moments.shape == (16, 16) and torch.linalg.eigvalsh(moments.double()).min() > -1e-6
    assert calibration.source["source"] == "train"
    assert run_records(tmp_path / "run", "train.calibration")[-1]["file"] == path.name
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CheckpointError, match="truncated"):
        open_calibration(path)


def test_a_stop_while_collecting_leaves_it_to_the_resumed_run(tmp_path, tiny_recipe, dataset_path, monkeypatch):
    recipe = tiny_recipe(calibration="train:1024")
    whole = train(recipe, dataset_path, tmp_path / "whole").checkpoint
    collect = trains.save_calibration

    def interrupted(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        return collect(*arguments)

    monkeypatch.setattr(trains, "save_calibration", interrupted)
    with pytest.raises(InterruptedRun, match="SIGTERM while collecting statistics for .*0000006.* is whole: --resume"):
        train(recipe, dataset_path, tmp_path / "run")
    assert run_records(tmp_path / "run", "train.end")[-1]["exit_code"] == 130
    monkeypatch.setattr(trains, "save_calibration", collect)
    ended = train(recipe, dataset_path, tmp_path / "run", resume=True)
    assert ended.checkpoint.read_bytes() == whole.read_bytes()
    assert open_calibration(calibration_path(ended.checkpoint))[1] == sha256_file(whole)


def test_text_the_model_writes_itself_is_no_matter_of_training():
    with pytest.raises(ConfigError, match="touches no training data"):
        TrainConfig.from_dict({"steps": 1, "calibration": "self:4096"})
