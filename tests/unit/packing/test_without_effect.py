"""Flags over a recipe's `[pack]`: another quantizer, or --fit, takes the effect of some keys, and that is said."""

import pytest

from golfctl.errors import ConfigError
from golfctl.packing.config import PackConfig
from golfctl.packing.without_effect import without_stale

ENTROPY = {"quantizer": "entropy", "loss": 0.01, "calibration": "self:4096", "tensors": {"a": 1.5}}
ROWS = {
    "quantizer": "gptq",
    "bits": 6,
    "bits_embed": 8,
    "clip": "sd:12",
    "calibration": "self:4096",
    "feedback_embed": False,
    "scale_floor": True,
}


@pytest.mark.parametrize(
    ("table", "flags", "dropped"),
    [
        (ENTROPY, {"quantizer": "gptq"}, {"loss", "tensors"}),
        (ENTROPY, {"quantizer": "round"}, {"loss", "tensors", "calibration"}),
        (ENTROPY, {"quantizer": "entropy"}, set()),
        (ENTROPY, {"bits": 6, "quantizer": "gptq-lite"}, {"loss", "tensors", "calibration"}),
        (ENTROPY, {"fit": True}, {"loss", "tensors"}),
        (ROWS, {"quantizer": "entropy"}, {"bits", "bits_embed", "clip", "feedback_embed", "scale_floor"}),
        (ROWS, {"quantizer": "gptq-lite"}, {"clip", "calibration", "feedback_embed"}),
        (ROWS, {"quantizer": "round"}, {"calibration", "feedback_embed"}),
        (ROWS, {"fit": True}, {"bits", "bits_embed", "clip", "feedback_embed", "scale_floor"}),
        (ROWS, {"fit": True, "quantizer": "gptq"}, set()),
        (ROWS, {"fit": True, "quantizer": "gptq", "clip": "percentile"}, {"bits", "bits_embed"}),
        (ROWS, {"clip": "percentile", "quantizer": "gptq-lite"}, {"calibration", "feedback_embed"}),
        (ROWS, {"coder": "lzma:9"}, set()),
        ({}, {"fit": True}, set()),
        ({"quantizer": "round", "bits": 6, "bits_embed": 16}, {"fit": True, "quantizer": "round"}, {"bits"}),
    ],
)
def test_what_has_no_effect_is_dropped_and_named(table, flags, dropped):
    kept, notes = without_stale(table, flags)
    assert set(table) - set(kept) == dropped
    assert {
        key for key in table for note in notes if key in note.split(" not used")[0].replace(",", "").split()
    } == dropped
    PackConfig.from_dict({**kept, **flags}, "here")


def test_what_flags_themselves_contradict_stays_an_error():
    flags = {"quantizer": "gptq", "loss": 0.1}
    kept, notes = without_stale(ENTROPY, flags)
    assert kept["loss"] == ENTROPY["loss"] and not any("loss" in note for note in notes)
    with pytest.raises(ConfigError, match="loss has no effect on quantizer 'gptq'"):
        PackConfig.from_dict({**kept, **flags}, "here")


@pytest.mark.parametrize("table", [{"bits": "6"}, {"bits": [6], "bits_embed": {}}, {"clip": 3}, {"quantizer": ["x"]}])
def test_values_of_any_type_are_left_for_the_config_to_judge(table):
    """A recipe is looked at here before its values are checked."""
    kept, _ = without_stale(table, {"fit": True, "quantizer": "gptq"})
    if "quantizer" not in table:
        with pytest.raises(ConfigError):
            PackConfig.from_dict({**kept, "fit": True}, "here")
