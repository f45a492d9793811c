import pytest

from golfctl.errors import ConfigError
from golfctl.training.config import TrainConfig


def test_the_budget_is_one_of_two():
    for values in ({}, {"steps": 10, "seconds": 5.0}):
        with pytest.raises(ConfigError, match="exactly one of steps and seconds"):
            TrainConfig.from_dict(values)


@pytest.mark.parametrize("key", ["batch_tokens", "micro_batch_tokens"])
def test_batches_hold_whole_sequences(key):
    with pytest.raises(ConfigError, match=f"{key} 100 is not a multiple"):
        TrainConfig.from_dict({"steps": 1, "sequence_length": 64, key: 100})


def test_an_unknown_key_suggests_the_near_one():
    with pytest.raises(ConfigError, match="did you mean 'batch_tokens'"):
        TrainConfig.from_dict({"steps": 1, "batch_token": 64})


@pytest.mark.parametrize("late", [{"qat": {"rounding": "hard"}}, {"average": {"kind": "swa"}}])
def test_what_would_never_begin_is_an_error(late):
    TrainConfig.from_dict({"steps": 10, **late})
    with pytest.raises(ConfigError, match="would never begin"):
        TrainConfig.from_dict({"steps": 10, "schedule": {"min_scale": 0.3}, **late})


def test_round_trip():
    config = TrainConfig.from_dict({"seconds": 2.5, "muon": {"rows": "equal"}})
    assert TrainConfig.from_dict(config.to_dict()) == config
    assert config.batch_sequences == 64
