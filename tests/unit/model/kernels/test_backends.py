"""Attention back ends: masks, segment bounds, choices, refusals. Agreement: `tests/contracts/test_components.py`."""

import pytest
import torch

from golfctl.errors import DependencyError, UsageError
from golfctl.model.kernels.backends import BACKENDS, attend, choose
from golfctl.model.kernels.visible import Visible, segment_bounds


def heads(length=9, keys=None, dtype=torch.float32, grad=False, seed=0):
    generator = torch.Generator().manual_seed(seed)
    keys = keys or length
    shapes = [(2, length, 4, 8), (2, keys, 2, 8), (2, keys, 2, 8)]
    return [torch.randn(shape, generator=generator).to(dtype).requires_grad_(grad) for shape in shapes]


def test_segment_bounds_begin_at_rows_and_documents():
    ids = torch.tensor([[5, 1, 7, 1], [1, 6, 6, 6]])
    assert segment_bounds(ids, 1, multiple=1).tolist() == [0, 1, 3, 4, 8]
    padded = segment_bounds(ids, 1)
    assert padded.tolist() == [0, 1, 3, 4] + [8] * 60 and padded.dtype == torch.int32


def test_bounds_are_found_from_document_numbers():
    ids = torch.tensor([[5, 1, 7, 1], [1, 6, 6, 6]])
    documents = (ids == 1).int().cumsum(1)
    assert Visible(documents).starts().tolist() == segment_bounds(ids, 1, multiple=1).tolist()


@pytest.mark.parametrize("name", [n for n in BACKENDS if n not in ("varlen", "fa3")])
@pytest.mark.parametrize("keys", [300, 400])
def test_long_and_shifted_queries(name, keys):
    """Queries are the last rows of the keys; 300 rows are more than one block of `folded` and `sliced`."""
    q, k, v = heads(300, keys)
    documents = torch.arange(keys).expand(2, keys) // 70
    for visible in (Visible(), Visible(documents)):
        expected = attend(q, k, v, visible, "math")
        torch.testing.assert_close(attend(q, k, v, visible, name), expected, atol=2e-6, rtol=0)


def test_auto_takes_forms_of_its_own_for_bf16_on_cpus():
    assert choose(*heads(dtype=torch.bfloat16, grad=True)[:2], Visible()) == "folded"
    assert choose(*heads(dtype=torch.bfloat16)[:2], Visible()) == "sliced"
    assert choose(*heads(dtype=torch.bfloat16, keys=20)[:2], Visible()) == "sliced"
    assert choose(*heads(dtype=torch.bfloat16, keys=20, grad=True)[:2], Visible()) == "sdpa"
    assert choose(*heads(1, dtype=torch.bfloat16, keys=20)[:2], Visible()) == "sdpa"
    assert choose(*heads(dtype=torch.bfloat16)[:2], Visible(torch.zeros(2, 9).int())) == "sdpa"


def test_auto_saves_the_softmax_where_a_cpu_trains_in_full_precision():
    assert choose(*heads(128, grad=True)[:2], Visible()) == "saved"
    assert choose(*heads(128, grad=True, dtype=torch.float64)[:2], Visible()) == "saved"
    assert choose(*heads(128)[:2], Visible()) == "sdpa"
    with torch.no_grad():
        assert choose(*heads(128, grad=True)[:2], Visible()) == "sdpa"
    assert choose(*heads(100, grad=True)[:2], Visible()) == "sdpa"  # no whole number of blocks
    assert choose(*heads(128, keys=192, grad=True)[:2], Visible()) == "sdpa"
    q_BTHd, k_BTKd = torch.empty(4, 2048, 8, 64, requires_grad=True), torch.empty(4, 2048, 4, 64)
    assert choose(q_BTHd, k_BTKd, Visible()) == "sdpa"  # shares of more than 64 MB


@pytest.mark.parametrize("name", ["folded", "sliced"])
def test_bf16_forms_are_causal_bit_for_bit(name):
    q, k, v = heads(200, dtype=torch.bfloat16)
    before = attend(q, k, v, Visible(), name)
    for x in (q, k, v):
        x[:, 141:] = torch.randn(x[:, 141:].shape).to(x.dtype)
    after = attend(q, k, v, Visible(), name)
    assert torch.equal(before[:, :141], after[:, :141]) and not torch.equal(before[:, 141:], after[:, 141:])


def test_unknown_and_unfit_back_ends_are_refused():
    with pytest.raises(UsageError, match="unknown attention back end 'spda'; did you mean 'sdpa'"):
        attend(*heads(), Visible(), "spda")
    for name in ("varlen", "fa3"):
        with pytest.raises((UsageError, DependencyError), match="whole sequences on CUDA"):
            attend(*heads(), Visible(), name)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["varlen", "fa3"])
@pytest.mark.parametrize("documents", [False, True])
def test_kernels_agree_with_the_formula(name, documents):
    q, k, v = (x.cuda() for x in heads(200, dtype=torch.bfloat16))
    visible = Visible((torch.arange(200).expand(2, 200) // 70).cuda()) if documents else Visible()
    try:
        found = attend(q, k, v, visible, name)
    except DependencyError as error:
        pytest.skip(str(error))
    torch.testing.assert_close(found, attend(q, k, v, visible, "math"), atol=0.02, rtol=0)
