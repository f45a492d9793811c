"""Every byte has an owner, and the sums are exact."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golfctl.artifact import counted_bytes, encode_artifact, ledger_of, overhead_bytes, read_artifact, tensor_bytes
from golfctl.artifact.byte_ledger import share_out
from golfctl.coding import encode
from tests.samples import sample_draft
from tests.seed_model import seed_draft


@given(st.integers(0, 10**9), st.lists(st.integers(1, 10**7), min_size=1, max_size=50))
def test_shares_sum_and_stay_within_one_unit_of_proportion(amount, weights):
    shares = share_out(amount, weights)
    assert sum(shares) == amount
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * sum(weights) - amount * weight) < sum(weights)


def test_ties_go_to_the_first():
    assert share_out(5, [1, 1, 1]) == [2, 2, 1]


def test_file_rows_sum_to_the_file_and_all_rows_to_the_counted_bytes():
    data = encode_artifact(sample_draft())
    ledger = ledger_of(read_artifact(data))
    assert sum(row.bytes for row in ledger if row.where == "file") == len(data)
    assert counted_bytes(ledger) == len(data) + 12
    assert [row.name for row in ledger] == [
        "preamble", "manifest", "matrices", "small", "tokenizer", "code", "notes", "run.sh",
    ]  # fmt: skip


def test_bytes_of_tensors_sum_to_their_sections_and_are_exact_where_a_stream_is_theirs_alone():
    draft = sample_draft()
    artifact = read_artifact(encode_artifact(draft))
    sizes = tensor_bytes(artifact)
    assert sum(size.bytes for size in sizes.values()) == artifact.file_bytes - overhead_bytes(artifact)
    own = {stream.parts[0][0]: len(stream.payload) for stream in draft.sections[0].streams}
    for name, size in sizes.items():
        assert size.bytes - size.shared_bytes == own.get(name, 0)
        assert not size.exact  # scales and gains share a stream
    codes_only = read_artifact(encode_artifact(seed_draft(layers=1)))
    assert tensor_bytes(codes_only)["blocks.0.attn.c_q.weight"].bytes > 0


def test_container_overhead_of_the_seed_model():
    """Bar of design.md 5: everything but tensor payload is at most 4,096 bytes for the 11-layer seed model."""
    artifact = read_artifact(encode_artifact(seed_draft()))
    assert artifact.manifest.parameters == 26_928_220
    assert overhead_bytes(artifact) <= 4096


@pytest.mark.parametrize("coder", ["raw/1", "lzma/1"])
def test_streams_split_into_the_arrays_that_went_in(coder):
    from golfctl.inspection.decoding import decoded_parts
    from tests.samples import sample_tensors

    artifact = read_artifact(encode_artifact(sample_draft(coder=coder, small_coder=coder)))
    expected = {(t.name, p): a for t, arrays in sample_tensors() for p, a in arrays.items()}
    for tensor, part, array in decoded_parts(artifact):
        want = expected.pop((tensor.name, part.name))
        assert array.dtype == want.dtype and np.array_equal(array, want)
    assert not expected and len(encode(coder, np.zeros(3, np.int8))) > 0
