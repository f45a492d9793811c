"""Artifacts whose manifest lies about its tensors are refused before anything is decoded."""

import dataclasses

import numpy as np
import pytest
import torch

from golfctl.artifact import encode_artifact, read_artifact
from golfctl.errors import ArtifactError
from golfctl.packing.assignment import assign
from golfctl.packing.checkpoint import read_checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.drafting import draft_artifact, tensor_sections
from golfctl.packing.quantising import quantize_tensors
from golfctl.packing.unpack import check_tensor_table, decode_parts, load_artifact, model_spec
from golfctl.quant import dequantize


@pytest.fixture
def draft(run):
    checkpoint, config = read_checkpoint(run), PackConfig()
    assignments = assign(checkpoint.spec, config)
    quantized = quantize_tensors(checkpoint, assignments, {})
    sections = tensor_sections(assignments, quantized, "zlib:9")
    return draft_artifact(checkpoint, assignments, quantized, sections, config, None, {"a": 1}), quantized


def test_parts_come_back_exactly(draft):
    drafted, quantized = draft
    for name, found in decode_parts(read_artifact(encode_artifact(drafted))).items():
        assert found.scheme == quantized[name].scheme
        assert np.array_equal(
            dequantize(found.scheme, found.shape, found.parts),
            dequantize(found.scheme, found.shape, quantized[name].parts),
        )


def test_a_scheme_with_other_parts_is_refused(draft, tmp_path):
    drafted, _ = draft
    tensors = list(drafted.tensors)
    index = next(i for i, tensor in enumerate(tensors) if tensor.scheme == "int6-row/1")
    tensors[index] = dataclasses.replace(tensors[index], scheme="fp32/1")
    path = tmp_path / "x.golf"
    path.write_bytes(encode_artifact(dataclasses.replace(drafted, tensors=tuple(tensors))))
    with pytest.raises(ArtifactError, match="fp32/1 has parts"):
        load_artifact(path)


def test_a_scheme_nobody_knows_is_named(draft, tmp_path):
    drafted, _ = draft
    tensors = [dataclasses.replace(tensor, scheme="magic/7") for tensor in drafted.tensors]
    path = tmp_path / "x.golf"
    path.write_bytes(encode_artifact(dataclasses.replace(drafted, tensors=tuple(tensors))))
    with pytest.raises(ArtifactError, match="magic/7"):
        load_artifact(path)


def test_a_model_spec_of_another_size_is_refused(draft):
    drafted, _ = draft
    for change, words in (({"layers": 3}, "is missing"), ({"layers": 1}, "not part"), ({"vocab_size": 300}, "shape")):
        artifact = read_artifact(encode_artifact(dataclasses.replace(drafted, model={**drafted.model, **change})))
        with pytest.raises(ArtifactError, match=words):
            check_tensor_table(artifact.manifest, model_spec(artifact))


def test_a_model_spec_of_another_version_is_refused(draft):
    drafted, _ = draft
    artifact = read_artifact(encode_artifact(dataclasses.replace(drafted, model={**drafted.model, "warp": 9})))
    with pytest.raises(ArtifactError, match="warp"):
        model_spec(artifact)


def test_loading_gives_float32_on_the_cpu(draft, tmp_path):
    path = tmp_path / "x.golf"
    path.write_bytes(encode_artifact(draft[0]))
    model = load_artifact(path).model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
