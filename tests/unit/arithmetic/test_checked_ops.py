"""Every operation on the checked list, against the definition of its group, by numpy's single operations."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from golfctl.arithmetic.checked_ops import CHECKED, CONDITIONS, MOVES, SINGLE, WHOLE
from golfctl.arithmetic.guard import Guard
from golfctl.errors import UsageError

SHAPE = (24, 32)
PLACE = torch.arange(24).flip(0)
KEEP = torch.arange(24 * 32).view(SHAPE) % 3 == 0
A = torch.ops.aten

# Each of these takes a tensor [24, 32] and gives a tensor, or several, of its values and of zeros.
MOVED = {
    "_reshape_alias.default": lambda x: A._reshape_alias(x, [32, 24], [24, 1]),
    "_unsafe_view.default": lambda x: A._unsafe_view(x, [32, 24]),
    "alias.default": A.alias,
    "as_strided.default": lambda x: x.as_strided((5, 7), (3, 2), 4),
    "cat.default": lambda x: torch.cat((x, x[:3])),
    "clone.default": lambda x: x.t().clone(memory_format=torch.contiguous_format),
    "constant_pad_nd.default": lambda x: torch.nn.functional.pad(x, (1, 2)),
    "copy_.default": lambda x: torch.zeros_like(x.t()).copy_(x.t()),
    "detach.default": A.detach,
    "diagonal.default": lambda x: x.diagonal(),
    "embedding.default": lambda x: torch.nn.functional.embedding(PLACE[:5], x),
    "expand.default": lambda x: x[:, None].expand(24, 3, 32),
    "fill_.Scalar": lambda x: x.clone().fill_(0),
    "fill_.Tensor": lambda x: x.clone().fill_(x[3, 4]),
    "flip.default": lambda x: x.flip(0, 1),
    "gather.default": lambda x: x.gather(0, PLACE[:, None].expand(SHAPE)),
    "index.Tensor": lambda x: x[PLACE, PLACE],
    "index_copy.default": lambda x: x.index_copy(0, PLACE[:4], x[4:8]),
    "index_copy_.default": lambda x: x.clone().index_copy_(0, PLACE[:4], x[4:8]),
    "index_put.default": lambda x: x.index_put((PLACE[:4],), x[4:8]),
    "index_put_.default": lambda x: x.clone().index_put_((PLACE[:4],), x[4:8]),
    "index_select.default": lambda x: x.index_select(1, PLACE),
    "lift_fresh.default": A.lift_fresh,
    "masked_fill.Scalar": lambda x: x.masked_fill(KEEP, 0),
    "masked_fill.Tensor": lambda x: x.masked_fill(KEEP, x[1, 1]),
    "masked_fill_.Scalar": lambda x: x.clone().masked_fill_(KEEP, 0),
    "masked_fill_.Tensor": lambda x: x.clone().masked_fill_(KEEP, x[1, 1]),
    "masked_select.default": lambda x: x.masked_select(KEEP),
    "permute.default": lambda x: x.permute(1, 0),
    "repeat.default": lambda x: x.repeat(2, 3),
    "roll.default": lambda x: x.roll(5, 0),
    "scatter.src": lambda x: x.scatter(0, PLACE[None].expand(24, 24), x.flip(0)),
    "scatter.value": lambda x: x.scatter(1, PLACE[:, None], 0),
    "scatter_.src": lambda x: x.clone().scatter_(1, PLACE[:, None], x.flip(0)),
    "scatter_.value": lambda x: x.clone().scatter_(1, PLACE[:, None], 0),
    "select.int": lambda x: x.select(1, 4),
    "slice.Tensor": lambda x: x[3:20:2],
    "split.Tensor": lambda x: x.split(7),
    "split_with_sizes.default": lambda x: x.split([4, 20]),
    "squeeze.default": lambda x: x[:, None].squeeze(),
    "squeeze.dim": lambda x: x[:, None].squeeze(1),
    "stack.default": lambda x: torch.stack((x, x.flip(0))),
    "t.default": lambda x: x.t(),
    "transpose.int": lambda x: x.transpose(0, 1),
    "tril.default": lambda x: x.tril(),
    "triu.default": lambda x: x.triu(1),
    "unbind.int": lambda x: x.unbind(),
    "unfold.default": lambda x: x.unfold(1, 5, 2),
    "unsqueeze.default": lambda x: x.unsqueeze(1),
    "view.default": lambda x: x.view(32, 24),
    "where.self": lambda x: torch.where(KEEP, x, x.flip(0)),
    "zero_.default": lambda x: x.clone().zero_(),
}
# Each makes a tensor [2, 3] of one value, or of none that is stated (None).
MADE = {
    "_local_scalar_dense.default": (lambda x: torch.full((2, 3), x[0, 0].item()), "first"),
    "empty.memory_format": (lambda x: torch.empty(2, 3), None),
    "empty_like.default": (lambda x: torch.empty_like(x[:2, :3]), None),
    "empty_strided.default": (lambda x: torch.empty_strided((2, 3), (3, 1)), None),
    "full.default": (lambda x: torch.full((2, 3), 0.1), 0.1),
    "full_like.default": (lambda x: torch.full_like(x[:2, :3], 0.1), 0.1),
    "new_empty.default": (lambda x: x.new_empty(2, 3), None),
    "new_empty_strided.default": (lambda x: x.new_empty_strided((2, 3), (3, 1)), None),
    "new_full.default": (lambda x: x.new_full((2, 3), 0.1), 0.1),
    "new_ones.default": (lambda x: x.new_ones(2, 3), 1),
    "new_zeros.default": (lambda x: x.new_zeros(2, 3), 0),
    "ones.default": (lambda x: torch.ones(2, 3), 1),
    "ones_like.default": (lambda x: torch.ones_like(x[:2, :3]), 1),
    "scalar_tensor.default": (lambda x: torch.scalar_tensor(0.1).expand(2, 3), 0.1),
    "zeros.default": (lambda x: torch.zeros(2, 3), 0),
    "zeros_like.default": (lambda x: torch.zeros_like(x[:2, :3]), 0),
}


def C(x):
    return np.float32(x)


def searched(x, y):
    """Of every row of y, the places in the sorted row of x."""
    return np.array([np.searchsorted(np.sort(a), b) for a, b in zip(x, y, strict=True)])


# What torch does with x and y, and the same in numpy.
DONE = {
    "_to_copy.default": (lambda x, y: x.double(), lambda x, y: x.astype(np.float64)),
    "abs.default": (lambda x, y: x.abs(), lambda x, y: np.abs(x)),
    "add.Scalar": (lambda x, y: A.add.Scalar(x, 0.1), lambda x, y: x + C(0.1)),
    "add.Tensor": (lambda x, y: x + y, lambda x, y: x + y),
    "add_.Scalar": (lambda x, y: A.add_.Scalar(x.clone(), 0.1), lambda x, y: x + C(0.1)),
    "add_.Tensor": (lambda x, y: x.clone().add_(y), lambda x, y: x + y),
    "amax.default": (lambda x, y: x.amax(1), lambda x, y: x.max(1)),
    "amin.default": (lambda x, y: x.amin(1), lambda x, y: x.min(1)),
    "argmax.default": (lambda x, y: x.argmax(1), lambda x, y: x.argmax(1)),
    "argmin.default": (lambda x, y: x.argmin(1), lambda x, y: x.argmin(1)),
    "bucketize.Tensor": (
        lambda x, y: torch.bucketize(x, y[0].sort(stable=True)[0]),
        lambda x, y: np.searchsorted(np.sort(y[0]), x),
    ),
    "ceil.default": (lambda x, y: x.ceil(), lambda x, y: np.ceil(x)),
    "clamp.default": (lambda x, y: x.clamp(-0.5, 0.7), lambda x, y: np.clip(x, C(-0.5), C(0.7))),
    "clamp_max.default": (lambda x, y: x.clamp_max(0.7), lambda x, y: np.minimum(x, C(0.7))),
    "clamp_min.default": (lambda x, y: x.clamp_min(-0.5), lambda x, y: np.maximum(x, C(-0.5))),
    "div.Scalar": (lambda x, y: A.div.Scalar(x, 0.3), lambda x, y: x / C(0.3)),
    "div.Tensor": (lambda x, y: x / y, lambda x, y: x / y),
    "div_.Scalar": (lambda x, y: A.div_.Scalar(x.clone(), 0.3), lambda x, y: x / C(0.3)),
    "div_.Tensor": (lambda x, y: x.clone().div_(y), lambda x, y: x / y),
    "eq.Scalar": (lambda x, y: x == 0, lambda x, y: x == 0),
    "eq.Tensor": (lambda x, y: x == y, lambda x, y: x == y),
    "floor.default": (lambda x, y: x.floor(), lambda x, y: np.floor(x)),
    "ge.Scalar": (lambda x, y: x >= 0, lambda x, y: x >= 0),
    "ge.Tensor": (lambda x, y: x >= y, lambda x, y: x >= y),
    "gt.Scalar": (lambda x, y: x > 0, lambda x, y: x > 0),
    "gt.Tensor": (lambda x, y: x > y, lambda x, y: x > y),
    "isnan.default": (lambda x, y: x.isnan(), lambda x, y: np.isnan(x)),
    "le.Scalar": (lambda x, y: x <= 0, lambda x, y: x <= 0),
    "le.Tensor": (lambda x, y: x <= y, lambda x, y: x <= y),
    "leaky_relu.default": (
        lambda x, y: torch.nn.functional.leaky_relu(x, 0.3),
        lambda x, y: np.where(x > 0, x, x * C(0.3)),
    ),
    "lt.Scalar": (lambda x, y: x < 0, lambda x, y: x < 0),
    "lt.Tensor": (lambda x, y: x < y, lambda x, y: x < y),
    "max.default": (lambda x, y: x.max(), lambda x, y: x.max()),
    "max.dim": (lambda x, y: x.max(1)[0], lambda x, y: x.max(1)),
    "maximum.default": (torch.maximum, np.maximum),
    "min.default": (lambda x, y: x.min(), lambda x, y: x.min()),
    "min.dim": (lambda x, y: x.min(1)[0], lambda x, y: x.min(1)),
    "minimum.default": (torch.minimum, np.minimum),
    "mul.Scalar": (lambda x, y: A.mul.Scalar(x, 0.3), lambda x, y: x * C(0.3)),
    "mul.Tensor": (lambda x, y: x * y, lambda x, y: x * y),
    "mul_.Scalar": (lambda x, y: A.mul_.Scalar(x.clone(), 0.3), lambda x, y: x * C(0.3)),
    "mul_.Tensor": (lambda x, y: x.clone().mul_(y), lambda x, y: x * y),
    "ne.Scalar": (lambda x, y: x != 0, lambda x, y: x != 0),
    "ne.Tensor": (lambda x, y: x != y, lambda x, y: x != y),
    "neg.default": (lambda x, y: -x, lambda x, y: -x),
    "pow.Tensor_Scalar": (
        lambda x, y: torch.cat((x.pow(2), x.pow(3))),
        lambda x, y: np.concatenate((x * x, x * x * x)),
    ),
    "reciprocal.default": (lambda x, y: x.reciprocal(), lambda x, y: C(1) / x),
    "relu.default": (lambda x, y: x.relu(), lambda x, y: np.where(x < 0, C(0), x)),
    "rsub.Scalar": (lambda x, y: 0.3 - x, lambda x, y: C(0.3) - x),
    "searchsorted.Tensor": (lambda x, y: torch.searchsorted(x.sort(stable=True)[0], y), searched),
    "sign.default": (lambda x, y: x.sign(), lambda x, y: np.sign(x)),
    "sort.stable": (lambda x, y: x.sort(stable=True)[0], lambda x, y: np.sort(x, 1, kind="stable")),
    "sub.Scalar": (lambda x, y: A.sub.Scalar(x, 0.1), lambda x, y: x - C(0.1)),
    "sub.Tensor": (lambda x, y: x - y, lambda x, y: x - y),
    "sub_.Scalar": (lambda x, y: A.sub_.Scalar(x.clone(), 0.1), lambda x, y: x - C(0.1)),
    "sub_.Tensor": (lambda x, y: x.clone().sub_(y), lambda x, y: x - y),
}  # fmt: skip

# The same for whole numbers from −50 to 50, y without 0.
COUNTED = {
    "__lshift__.Scalar": (lambda x, y: x << 3, lambda x, y: x << 3),
    "__rshift__.Scalar": (lambda x, y: x >> 3, lambda x, y: x >> 3),
    "all.default": (lambda x, y: (x > -60).all(), lambda x, y: (x > -60).all()),
    "all.dim": (lambda x, y: (x > -48).all(1), lambda x, y: (x > -48).all(1)),
    "any.default": (lambda x, y: (x > 90).any(), lambda x, y: (x > 90).any()),
    "any.dim": (lambda x, y: (x > 48).any(1), lambda x, y: (x > 48).any(1)),
    "arange.default": (lambda x, y: torch.arange(9), lambda x, y: np.arange(9)),
    "arange.start": (lambda x, y: torch.arange(3, 9), lambda x, y: np.arange(3, 9)),
    "arange.start_step": (lambda x, y: torch.arange(3, 90, 4), lambda x, y: np.arange(3, 90, 4)),
    "bincount.default": (lambda x, y: (x.flatten() + 50).bincount(), lambda x, y: np.bincount(x.reshape(-1) + 50)),
    "bitwise_and.Scalar": (lambda x, y: A.bitwise_and.Scalar(x, 7), lambda x, y: x & 7),
    "bitwise_and.Tensor": (lambda x, y: x & y, lambda x, y: x & y),
    "bitwise_not.default": (lambda x, y: ~x, lambda x, y: ~x),
    "bitwise_or.Tensor": (lambda x, y: x | y, lambda x, y: x | y),
    "bitwise_xor.Tensor": (lambda x, y: x ^ y, lambda x, y: x ^ y),
    "cumsum.default": (lambda x, y: x.cumsum(1), lambda x, y: x.cumsum(1)),
    "div.Scalar_mode": (lambda x, y: A.div.Scalar_mode(x, 7, rounding_mode="floor"), lambda x, y: x // 7),
    "div.Tensor_mode": (lambda x, y: torch.div(x, y, rounding_mode="floor"), lambda x, y: x // y),
    "equal.default": (lambda x, y: torch.tensor(torch.equal(x, y)), lambda x, y: np.array_equal(x, y)),
    "floor_divide.default": (lambda x, y: x // y, lambda x, y: x // y),
    "logical_and.default": (lambda x, y: x.logical_and(y), lambda x, y: np.logical_and(x, y)),
    "logical_not.default": (lambda x, y: x.logical_not(), lambda x, y: np.logical_not(x)),
    "logical_or.default": (lambda x, y: x.logical_or(y), lambda x, y: np.logical_or(x, y)),
    "nonzero.default": (lambda x, y: x.nonzero(), lambda x, y: np.argwhere(x)),
    "remainder.Scalar": (lambda x, y: x % 7, lambda x, y: x % 7),
    "remainder.Tensor": (lambda x, y: x % y, lambda x, y: x % y),
    "sum.default": (lambda x, y: x.sum(), lambda x, y: x.sum()),
    "sum.dim_IntList": (lambda x, y: x.sum(1), lambda x, y: x.sum(1)),
}


def floats(seed: int) -> Tensor:
    """Values of all sizes, subnormal ones, infinities and both zeros among them."""
    random = np.random.default_rng(seed)
    x = (random.standard_normal(SHAPE) * 10.0 ** random.integers(-45, 38, SHAPE)).astype(np.float32)
    x[:12] = random.standard_normal((12, 32))
    x[20, :4] = 0.0, -0.0, np.inf, -np.inf
    return torch.from_numpy(x)


class Seen(TorchDispatchMode):
    """The operations that ran."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(str(func).removeprefix("aten."))
        return func(*args, **(kwargs or {}))


def guarded(name, function, *args):
    """What `function` gives under the guard; the operation of that name must be among what it runs."""
    with Seen() as seen, Guard():
        y = function(*args)
    assert name in seen.names, f"{name} is not reached: {seen.names}"
    return y


def same(found: Tensor, expected: np.ndarray) -> None:
    assert found.numpy().dtype == np.asarray(expected).dtype
    np.testing.assert_array_equal(found.numpy(), expected)
    np.testing.assert_array_equal(np.signbit(found.numpy()), np.signbit(expected))  # −0 too


def test_every_operation_has_its_case():
    puts = {"index_put.default", "index_put_.default"}
    assert set(MOVED) | set(MADE) == set(MOVES) | puts
    assert set(DONE) == set(SINGLE) | set(CONDITIONS) - puts
    assert set(COUNTED) == set(WHOLE)
    assert len(CHECKED) == len(MOVED) + len(MADE) + len(DONE) + len(COUNTED)


@pytest.mark.parametrize("name", MOVED)
def test_moves(name):
    """What is done to floats is done to the numbers of their places."""
    x, numbers = floats(1), torch.arange(1, 24 * 32 + 1).view(SHAPE)
    found, places = (guarded(name, MOVED[name], tensor) for tensor in (x, numbers))
    values = np.concatenate(([np.float32(0)], x.numpy().reshape(-1)))
    pairs = [(found, places)] if isinstance(found, Tensor) else zip(found, places, strict=True)
    for one, place in pairs:
        same(one, values[place.numpy()])


@pytest.mark.parametrize("name", MADE)
def test_makes(name):
    make, value = MADE[name]
    x = floats(1)
    made = guarded(name, make, x)
    assert made.shape == (2, 3)
    if value is not None:
        same(made, np.full((2, 3), x.numpy()[0, 0] if value == "first" else value, np.float32))


@pytest.mark.parametrize("name", DONE)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_single_operations(name):
    ours, numpys = DONE[name]
    x, y = floats(1), floats(2)
    same(guarded(name, ours, x, y), numpys(x.numpy(), y.numpy()))


@pytest.mark.parametrize("name", COUNTED)
def test_whole_numbers(name):
    ours, numpys = COUNTED[name]
    x, y = torch.randint(-50, 51, SHAPE), torch.randint(1, 51, SHAPE)
    same(guarded(name, ours, x, y), np.asarray(numpys(x.numpy(), y.numpy())))


@pytest.mark.parametrize(
    ("what", "name"),
    [
        (lambda x: x.sqrt(), "aten.sqrt.default"),
        (lambda x: x @ x.t(), "aten.mm.default"),
        (lambda x: x.softmax(-1), "aten._softmax.default"),
        (lambda x: torch.add(x, x, alpha=2), "aten.add.Tensor"),
        (lambda x: x.sum(), "aten.sum.default"),
        (lambda x: x.cumsum(0), "aten.cumsum.default"),
        (lambda x: x.pow(2.5), "aten.pow.Tensor_Scalar"),
        (lambda x: torch.arange(0.0, 1.0, 0.1), "aten.arange.start_step"),
        (lambda x: torch.complex(x, x) * 1j, "aten.complex.default"),
        (lambda x: x.index_put((PLACE[:4],), x[:4], accumulate=True), "aten.index_put.default"),
        (lambda x: torch.lerp(x, x, 0.5), "aten.lerp.Scalar"),
        (lambda x: x.mean(), "aten.mean.default"),
        (lambda x: torch.rand(3), "aten.rand.default"),
    ],
)
def test_everything_else_is_refused_by_name(what, name):
    with Guard(), pytest.raises(UsageError, match=name):
        what(floats(1))
