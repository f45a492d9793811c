"""Sizes foretold from shapes, against packed Gaussian weights."""

import pytest
import torch

from golfctl.core.packaged import packaged_recipe
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import shapes_by_name
from golfctl.packing.checkpoint import Checkpoint, write_checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.measures.size_forecast import forecast
from golfctl.packing.pack import pack

SPEC = ModelSpec.from_dict({"vocab_size": 512, "layers": 2, "dim": 128, "attention": {"heads": 4, "kv_heads": 2}})


@pytest.mark.parametrize(
    "table",
    [
        {"coder": "rans"},
        {"bits": 4, "bits_embed": 6, "coder": "lzma:6"},
        {"quantizer": "round", "clip": "sd:12.85", "clip_embed": "sd:20", "coder": "rans"},
        {"bits": 16, "bits_embed": 16, "coder": "zlib:9"},
    ],
)
def test_the_forecast_holds_within_its_own_error(table, tmp_path):
    generator = torch.Generator().manual_seed(0)
    tensors = {n: 0.05 * torch.randn(shape, generator=generator) for n, shape in shapes_by_name(SPEC).items()}
    path = tmp_path / "checkpoint-0000001.safetensors"
    write_checkpoint(path, Checkpoint(SPEC, tensors))
    config = PackConfig.from_dict(table)
    packed, foretold = pack(path, config).file_bytes, forecast(SPEC, config)
    assert abs(packed - foretold.bytes) <= foretold.error_bytes


def test_the_records_own_sizes_lie_within_the_error():
    recipe = packaged_recipe("pr1150")
    foretold = forecast(recipe.read("model", ModelSpec), recipe.read("pack", PackConfig))
    for model_bytes in (15_839_748, 15_852_252):  # PR #1150's logs
        assert abs(model_bytes - foretold.bytes) <= foretold.error_bytes


def test_what_is_fitted_is_known():
    foretold = forecast(SPEC, PackConfig(fit=True, margin=1000), limit_bytes=16_000_000)
    assert 15_900_000 < foretold.bytes <= 15_999_000


def test_a_smaller_loss_is_foretold_larger():
    sizes = [forecast(SPEC, PackConfig(quantizer="entropy", loss=loss)).bytes for loss in (1e-4, 1e-2)]
    assert sizes[0] > sizes[1]
