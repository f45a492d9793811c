"""Groups, entropy against a plain count, payload checks that digests cannot make."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golfctl.artifact import Stream, encode_artifact, ledger_of, read_artifact
from golfctl.coding import encode
from golfctl.errors import ArtifactError, UsageError
from golfctl.inspection.decoding import source_files
from golfctl.inspection.entropy import add_entropy, symbol_entropy_bits, tensor_entropies
from golfctl.inspection.report import build_report
from golfctl.inspection.tensor_groups import group_names, group_of
from golfctl.inspection.verify import verify_payloads
from tests.samples import sample_draft


def read(draft):
    return read_artifact(encode_artifact(draft))


def plain_entropy_bits(symbols):
    counts = Counter(symbols)
    return -sum(n * math.log2(n / len(symbols)) for n in counts.values())


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=200), st.sampled_from(["int8", "int16", "int32", "int64"]))
def test_entropy_of_integers_is_that_of_their_counts(values, dtype):
    assert symbol_entropy_bits(np.array(values, dtype)) == pytest.approx(plain_entropy_bits(values), abs=1e-9)


def test_entropy_of_floats_is_that_of_their_byte_planes():
    array = np.random.default_rng(0).normal(size=300).astype(np.float16)
    planes = array.view(np.uint8).reshape(-1, 2).T.tolist()
    assert symbol_entropy_bits(array) == pytest.approx(sum(map(plain_entropy_bits, planes)))
    assert symbol_entropy_bits(np.ones(50, np.float32)) == 0.0


def test_waste_is_bytes_beyond_entropy():
    artifact = read(sample_draft(coder="raw/1"))
    report = build_report(artifact, ledger_of(artifact), None)
    add_entropy(report, tensor_entropies(artifact))
    for tensor in report["tensors"]:
        assert tensor["waste_bytes"] == tensor["bytes"] - tensor["entropy_bytes"]
    embedding = report["tensors"][0]
    assert 0 < embedding["entropy_bytes"] < 512 < embedding["bytes"]  # stored as one byte a code: waste shows


@pytest.mark.parametrize(
    ("name", "group"),
    [("tok_emb.weight", "tok_emb"), ("blocks.10.attn.c_q.weight", "blocks.10"), ("skip_weights", "skip_weights"),
     ("ve_layer_scales.0", "ve_layer_scales"), ("smear.gate", "smear")],
)  # fmt: skip
def test_groups(name, group):
    assert group_of(name) == group


def test_groups_keep_the_order_of_first_appearance():
    assert group_names(["b.0.x", "a", "b.1.x", "b.0.y"]) == {"b.0": ["b.0.x", "b.0.y"], "a": ["a"], "b.1": ["b.1.x"]}


def with_stream(draft, index, payload):
    section = draft.sections[0]
    streams = list(section.streams)
    streams[index] = Stream(payload, streams[index].parts)
    return replace(draft, sections=(replace(section, streams=tuple(streams)), *draft.sections[1:]))


def test_sealed_nonsense_is_found_by_decoding():
    with pytest.raises(ArtifactError, match=r"stream 1 of section 'matrices' at offset [\d,]+ does not decode"):
        verify_payloads(read(with_stream(sample_draft(), 1, b"\0nonsense")))


def test_a_stream_of_the_wrong_length_is_found():
    with pytest.raises(ArtifactError, match="stream 0 of section 'matrices'"):
        verify_payloads(read(with_stream(sample_draft(), 0, encode("lzma/1", np.zeros((32, 17), np.int8)))))


def test_codes_out_of_the_scheme_s_range_are_found():
    with pytest.raises(ArtifactError, match="tensor 'tok_emb.weight'"):
        verify_payloads(read(with_stream(sample_draft(), 0, encode("lzma/1", np.full((32, 16), 100, np.int8)))))


def test_an_unknown_scheme_and_coder_are_named():
    draft = sample_draft()
    tensors = (replace(draft.tensors[0], scheme="int6-spiral/1"), *draft.tensors[1:])
    with pytest.raises(ArtifactError, match="int6-spiral/1"):
        verify_payloads(read(replace(draft, tensors=tensors)))
    sections = (replace(draft.sections[0], coder="lzmax/1"), *draft.sections[1:])
    with pytest.raises(ArtifactError, match="lzmax/1"):
        verify_payloads(read(replace(draft, sections=sections)))


def test_parts_that_do_not_fit_their_scheme_are_named():
    draft = sample_draft()
    tensors = (replace(draft.tensors[0], shape=(16, 32)), *draft.tensors[1:])
    with pytest.raises(
        ArtifactError, match=r"part 'codes' should be int8 of shape \[16, 32\], found int8 of shape \[32, 16\]"
    ):
        verify_payloads(read(replace(draft, tensors=tensors)))


def test_a_tokenizer_that_is_not_the_one_named_is_found():
    draft = sample_draft()
    with pytest.raises(ArtifactError, match="the tokenizer in section 'tokenizer' has sha256"):
        verify_payloads(read(replace(draft, tokenizer=replace(draft.tokenizer, sha256="0" * 64))))


def test_source_without_code_says_how_to_embed_it():
    with pytest.raises(UsageError, match="golfctl pack --code"):
        source_files(read(replace(sample_draft(), sections=sample_draft().sections[:3])))
