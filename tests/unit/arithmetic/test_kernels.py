"""Each kernel against its definition, written out plainly, and against the function it approximates."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from golfctl import arithmetic
from golfctl.arithmetic.known_digests import sample
from golfctl.errors import UsageError
from tests.oracles import portable as oracle

SMALL = 2e-7  # of a float32


def doubles(*shape, span=8.0):
    return sample(*shape, span=span).double()


@pytest.mark.parametrize(
    ("name", "span"),
    [("exp", 160.0), ("log", 1e6), ("tanh", 12.0), ("sigmoid", 80.0), ("sin", 1e4), ("cos", 1e4), ("sqrt", 1e6)],
)
def test_elementary_functions(name, span):
    """Within 8 units of the last place of a float64 of Python's; float32 is the same value, rounded once."""
    x = sample(40, 25, span=span)
    if name in ("log", "sqrt"):
        x = x.abs()
    wide = getattr(arithmetic, name)(x.double())
    python = {"sigmoid": lambda v: 1 / (1 + math.exp(-v))}.get(name) or getattr(math, name)
    expected = np.array([python(v) for v in x.double().flatten().tolist()]).reshape(x.shape)
    np.testing.assert_allclose(
        wide.numpy(), expected, rtol=8 * 2**-52, atol=8 * 2**-53 if name in ("sin", "cos") else 0
    )
    single = getattr(arithmetic, name)(x)
    assert single.dtype == torch.float32
    assert torch.equal(single, wide.float())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("exp", -math.inf, 0.0), ("exp", math.inf, math.inf), ("exp", 0.0, 1.0), ("exp", 710.0, math.inf),
        ("exp", -709.0, 0.0), ("log", 0.0, -math.inf), ("log", -1.0, math.nan), ("log", math.inf, math.inf),
        ("log", 1.0, 0.0), ("log", 5e-324, math.log(5e-324)), ("tanh", math.inf, 1.0), ("tanh", -math.inf, -1.0),
        ("tanh", 1e-30, 1e-30), ("sigmoid", -math.inf, 0.0), ("sigmoid", math.inf, 1.0), ("sin", 1e8, math.nan),
        ("cos", 0.0, 1.0), ("sqrt", -1.0, math.nan), ("sqrt", -0.0, -0.0),
        *[(name, math.nan, math.nan) for name in ("exp", "log", "tanh", "sigmoid", "sin", "cos", "sqrt")],
    ],
)  # fmt: skip
def test_ends_of_the_elementary_functions(name, value, expected):
    found = getattr(arithmetic, name)(torch.tensor([value], dtype=torch.float64)).numpy()
    canonical = np.array([expected])
    assert found.tobytes() == canonical.tobytes(), found


def test_the_sign_of_tanh():
    x = sample(1000)
    assert torch.equal(arithmetic.tanh(-x), -arithmetic.tanh(x))
    assert math.copysign(1, arithmetic.tanh(torch.tensor([-0.0])).item()) == -1


def test_scalars():
    for x in (0.1, 1.0, 2.5, 700.0):
        assert arithmetic.scalar_exp(x) == pytest.approx(math.exp(x), rel=1e-15)
        assert arithmetic.scalar_log(x) == pytest.approx(math.log(x), rel=1e-15)
        assert arithmetic.scalar_cos(x) == pytest.approx(math.cos(x), abs=1e-15)
        assert arithmetic.scalar_pow(x, 0.37) == pytest.approx(x**0.37, rel=1e-14)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 64, 300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sums_have_16_parts_and_a_tree(count, dtype):
    x, y = sample(3, count).to(dtype), sample(3, count).flip(0).to(dtype)
    assert arithmetic.sum_last(x).tolist() == [
        oracle.tree_sum(row).astype(x.numpy().dtype) for row in x.double().numpy()
    ]
    products = x.double().numpy() * y.double().numpy()
    assert arithmetic.dot_last(x, y).tolist() == [oracle.tree_sum(row).astype(x.numpy().dtype) for row in products]


def test_a_sum_is_the_exact_one_nearly():
    x = sample(1, 999)
    exact = sum(Fraction(value) for value in x[0].tolist())
    assert arithmetic.sum_last(x).item() == pytest.approx(float(exact), rel=1e-7)


@pytest.mark.parametrize("shape", [(1, 1), (5, 70), (2, 3, 1024)])
def test_rows(shape):
    x = sample(*shape, span=30.0)
    wide = x.double()
    close = {"atol": SMALL * 16, "rtol": SMALL}
    torch.testing.assert_close(arithmetic.softmax(x), wide.softmax(-1).float(), **close)
    torch.testing.assert_close(arithmetic.log_softmax(x), wide.log_softmax(-1).float(), **close)
    torch.testing.assert_close(arithmetic.logsumexp(x), wide.logsumexp(-1).float(), **close)
    rows = wide.log_softmax(-1)
    torch.testing.assert_close(
        arithmetic.entropy_of_log_rows(rows), -(rows.exp() * rows).sum(-1), atol=1e-12, rtol=1e-12
    )
    expected = [oracle.softmax(row) for row in x.numpy().reshape(-1, shape[-1])]
    assert np.array_equal(arithmetic.softmax(x).numpy().reshape(-1, shape[-1]), expected)


def test_rows_with_impossible_tokens():
    x = torch.tensor([[0.0, -math.inf, 0.0], [-math.inf] * 3])
    assert arithmetic.softmax(x)[0].tolist() == [0.5, 0, 0.5]
    assert arithmetic.log_softmax(x)[0].tolist() == [
        pytest.approx(-math.log(2)),
        -math.inf,
        pytest.approx(-math.log(2)),
    ]
    assert arithmetic.entropy_of_log_rows(arithmetic.log_softmax(x))[0].item() == pytest.approx(math.log(2))
    assert arithmetic.logsumexp(x)[1].item() == -math.inf


@pytest.mark.parametrize(("rows", "inputs", "outputs"), [(1, 1, 1), (3, 5, 31), (4, 17, 32), (9, 40, 33), (2, 64, 100)])
def test_products_sum_in_order_of_inputs(rows, inputs, outputs):
    x, weight = sample(rows, inputs), sample(outputs, inputs, span=2.0)
    assert np.array_equal(arithmetic.product(x, weight).numpy(), oracle.product(x.numpy(), weight.numpy()))


def test_products_follow_a_weight_that_changes():
    x, weight = sample(2, 8), sample(3, 4, 8)
    for _ in range(3):
        for part in (weight[1], weight[2], weight[1].t().contiguous().t()):
            assert np.array_equal(arithmetic.product(x, part).numpy(), oracle.product(x.numpy(), part.numpy()))
        weight.mul_(1.5)
    with torch.inference_mode():
        other = weight.clone()
        for _ in range(2):
            assert np.array_equal(arithmetic.product(x, other[0]).numpy(), oracle.product(x.numpy(), other[0].numpy()))
            other.mul_(1.5)


@pytest.mark.parametrize(("heads", "groups", "size"), [(2, 1, 16), (4, 2, 24), (3, 3, 80), (1, 1, 5)])
def test_attention_is_its_definition(heads, groups, size):
    q, k, v = sample(2, 4, heads, size), sample(2, 23, groups, size), sample(2, 23, groups, size).flip(1)
    low, high = torch.tensor([[0, 1, 5, 9], [0, 0, 3, 3]]), torch.tensor([[23, 2, 11, 21], [1, 3, 7, 3]])
    y = arithmetic.attend(q, k, v, low, high)
    assert np.array_equal(y.numpy(), oracle.attend(*(x.numpy() for x in (q, k, v, low, high))))
    mask = (torch.arange(23) >= low[..., None]) & (torch.arange(23) < high[..., None])
    swapped = [x.double().transpose(1, 2) for x in (q, k, v)]
    score = swapped[0] @ swapped[1].repeat_interleave(heads // groups, 1).mT / math.sqrt(size)
    share = score.masked_fill(~mask[:, None], -math.inf).softmax(-1).nan_to_num()
    expected = (share @ swapped[2].repeat_interleave(heads // groups, 1)).transpose(1, 2)
    torch.testing.assert_close(y.double(), expected, atol=1e-5, rtol=1e-5)
    assert (y[1, 3] == 0).all()  # it sees nothing


def test_attention_depends_on_what_is_seen_alone():
    """Not on places: keys moved along, or the rest of the array replaced, give the same bits."""
    q, k, v = sample(1, 1, 4, 32), sample(1, 40, 2, 32), sample(1, 40, 2, 32).flip(1)
    base = arithmetic.attend(q, k, v, torch.tensor([[7]]), torch.tensor([[30]]))
    for shift in (1, 3, 7):
        moved = arithmetic.attend(
            q, k[:, shift:], v[:, shift:], torch.tensor([[7 - shift]]), torch.tensor([[30 - shift]])
        )
        assert torch.equal(moved, base)
    k[:, 30:], v[:, :7] = math.nan, math.inf
    assert torch.equal(arithmetic.attend(q, k, v, torch.tensor([[7]]), torch.tensor([[30]])), base)


def test_norms_and_rotation():
    x, gain = sample(2, 5, 3, 24), sample(3)
    x[1, 2] = 0
    assert np.array_equal(arithmetic.rms(x, 0.3).numpy(), oracle.rms(x.numpy(), 0.3))
    expected = torch.nn.functional.rms_norm(x.double(), (24,), eps=2**-23) * 0.3
    torch.testing.assert_close(arithmetic.rms(x, 0.3), expected.float(), atol=SMALL, rtol=SMALL)
    cos, sin = arithmetic.rotation(10000.0, 16, torch.arange(100, 105))
    angle = torch.arange(100, 105)[:, None] * 10000.0 ** (-torch.arange(8).double() / 8)
    torch.testing.assert_close(cos, angle.cos().float(), atol=SMALL, rtol=SMALL)
    torch.testing.assert_close(sin, angle.sin().float(), atol=SMALL, rtol=SMALL)
    for turn in ((cos, sin), (cos.expand(2, 5, 8), sin.expand(2, 5, 8))):
        y = arithmetic.align(x, *turn, gain)
        assert np.array_equal(y.numpy(), oracle.align(x.numpy(), cos.numpy(), sin.numpy(), gain.numpy()))
    normal = expected / 0.3 * gain[:, None]
    a, b, c, s = normal[..., :8], normal[..., 8:16], cos[:, None].double(), sin[:, None].double()
    turned = torch.cat((a * c + b * s, b * c - a * s, normal[..., 16:]), -1)
    torch.testing.assert_close(y.double(), turned, atol=1e-6, rtol=1e-6)
    assert torch.equal(arithmetic.align(x, cos, sin), arithmetic.align(x, cos, sin, torch.ones(3)))


def test_rows_do_not_depend_on_their_neighbours_or_on_threads():
    """One row alone, all of them, any memory layout, 1 or 2 threads: the same bits."""
    x, weight = sample(600, 96), sample(130, 96)
    q, k = sample(6, 40, 4, 64), sample(6, 40, 2, 64)
    low, high = torch.zeros(6, 40, dtype=torch.int64), torch.arange(1, 41).repeat(6, 1)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(
                (
                    arithmetic.product(x, weight),
                    arithmetic.log_softmax(x.repeat(8, 4)),
                    arithmetic.exp(x.repeat(8, 4)),
                    arithmetic.attend(q, k, k, low, high),
                )
            )
    finally:
        torch.set_num_threads(before)
    for one in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], one, strict=True))
    products, _, _, attended = found[0]
    for row in (0, 1, 2, 3, 599):
        assert torch.equal(arithmetic.product(x[row], weight), products[row])
    assert torch.equal(arithmetic.product(x.t().contiguous().t(), weight), products)
    part = arithmetic.attend(q[3:4, 39:], k[3:4, :40], k[3:4], low[3:4, 39:], high[3:4, 39:])
    assert torch.equal(part, attended[3:4, 39:])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: arithmetic.exp(x.bfloat16()),
        lambda x: arithmetic.product(x.double(), x),
        lambda x: arithmetic.product(x, x.t()),
        lambda x: arithmetic.dot_last(x, x.double()),
        lambda x: arithmetic.rms(x.double()),
        lambda x: arithmetic.rotation(10000.0, 15, torch.arange(3)),
        lambda x: arithmetic.rotation(10000.0, 16, torch.tensor([1 << 24])),
        lambda x: arithmetic.align(x[None, None], x, x),
        lambda x: arithmetic.attend(*[x[None, None]] * 3, torch.tensor([[0]]), torch.tensor([[9]])),
        lambda x: arithmetic.attend(*[x[None, None]] * 3, torch.tensor([[0]]), torch.tensor([0])),
    ],
)
def test_what_does_not_fit_is_an_error(wrong):
    with pytest.raises(UsageError):
        wrong(sample(4, 6))
