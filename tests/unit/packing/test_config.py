"""The [pack] table: defaults, contradictions, suggestions."""

import pytest

from golfctl.errors import ConfigError
from golfctl.packing.config import PackConfig
from golfctl.packing.hessians.wording import CalibrationChoice, parse_calibration


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"bitz": 6}, "did you mean 'bits'"),
        ({"bits": 9}, "bits"),
        ({"clip": "sdd"}, "unknown clip rule"),
        ({"clip": "sd:-1"}, "out of range"),
        ({"clip": "max:3"}, "takes no number"),
        ({"quantizer": "gptq", "calibration": "none"}, "needs calibration"),
        ({"calibration": "train"}, "no effect"),
        ({"calibration": "validation", "quantizer": "gptq"}, "unknown calibration source"),
        ({"quantizer": "gptq-lite", "clip": "max"}, "take quantizer = 'round'"),
        ({"quantizer": "entropy", "bits": 6}, "its knob is loss"),
        ({"fit": True, "bits": 6}, "its knob is loss"),
        ({"loss": 0.1}, "loss has no effect"),
        ({"fit": True, "loss": 0.1}, "loss has no effect on fit: fit finds it"),
        ({"fit": True, "budget": "none"}, "needs a budget"),
        ({"fit": True, "quantizer": "gptq-lite", "bits": 6}, "bits has no effect on fit: fit finds it"),
        ({"fit": True, "quantizer": "gptq-lite", "calibration": "none"}, "fit needs calibration"),
        ({"fit": True, "tensors": {"tok_emb.weight": 1}}, "tensors has no effect on fit"),
        ({"tensors": {"tok_emb.weight": 5.5}}, "bits of single tensors are 2 to 8"),
        ({"quantizer": "entropy", "tensors": {"tok_emb.weight": 40}}, "octaves lie between"),
        ({"quantizer": "round", "feedback_embed": False}, "belongs to gptq"),
        ({"margin": 10}, "without fit"),
        ({"bits": 32, "clip": "percentile"}, "clip has no effect on tensors of 32 bits"),
        ({"bits_embed": 1, "clip_embed": "max"}, "clip_embed has no effect on tensors of 1 bits"),
    ],
)
def test_bad_tables_are_named(table, words):
    with pytest.raises(ConfigError, match=words):
        PackConfig.from_dict(table)


def test_the_table_survives_a_round_trip():
    config = PackConfig(quantizer="gptq", calibration="self:65536", clip="sd:12.85", code=("a.py",))
    assert PackConfig.from_dict(config.to_dict()) == config


def test_calibration_sources():
    assert parse_calibration("train:4096") == CalibrationChoice("train", 4096)
    assert parse_calibration("self").tokens == 64 * 2048
    with pytest.raises(ConfigError, match="number of tokens"):
        parse_calibration("train:10")
