"""torch's operations that portable arithmetic may use: those that give the same bits on every machine.

Each is in one of four groups, and tests hold every one of them against the group's definition, by numpy:
`MOVES` copy or view values and compute nothing; `SINGLE` do what one IEEE operation does, or compare; `WHOLE` are exact
for whole numbers and truth values, and refused for others; `CONDITIONS` are exact where a condition holds.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


MOVES = _names("""
    _local_scalar_dense.default _reshape_alias.default _unsafe_view.default alias.default as_strided.default cat.default
    clone.default constant_pad_nd.default copy_.default detach.default diagonal.default embedding.default
    empty.memory_format empty_like.default empty_strided.default expand.default fill_.Scalar fill_.Tensor flip.default
    full.default full_like.default gather.default index.Tensor index_copy.default index_copy_.default
    index_select.default lift_fresh.default masked_fill.Scalar masked_fill.Tensor masked_fill_.Scalar
    masked_fill_.Tensor masked_select.default new_empty.default new_empty_strided.default new_full.default
    new_ones.default new_zeros.default ones.default ones_like.default permute.default repeat.default roll.default
    scalar_tensor.default scatter.src scatter.value scatter_.src scatter_.value select.int slice.Tensor split.Tensor
    split_with_sizes.default squeeze.default squeeze.dim stack.default t.default transpose.int tril.default triu.default
    unbind.int unfold.default unsqueeze.default view.default where.self zero_.default zeros.default zeros_like.default
""")
"""Values stay what they are. Where some are put in place of others, the places must differ."""

SINGLE = _names("""
    _to_copy.default abs.default amax.default amin.default argmax.default argmin.default bucketize.Tensor ceil.default
    clamp.default clamp_max.default clamp_min.default div.Scalar div.Tensor div_.Scalar div_.Tensor eq.Scalar eq.Tensor
    floor.default ge.Scalar ge.Tensor gt.Scalar gt.Tensor isnan.default le.Scalar le.Tensor leaky_relu.default lt.Scalar
    lt.Tensor max.default max.dim maximum.default min.default min.dim minimum.default mul.Scalar mul.Tensor mul_.Scalar
    mul_.Tensor ne.Scalar ne.Tensor neg.default reciprocal.default relu.default searchsorted.Tensor sign.default
    sort.stable
""")
"""Each value is one IEEE operation, or a choice among values."""

WHOLE = _names("""
    __lshift__.Scalar __rshift__.Scalar all.default all.dim any.default any.dim arange.default
    arange.start arange.start_step bincount.default bitwise_and.Scalar bitwise_and.Tensor bitwise_not.default
    bitwise_or.Tensor bitwise_xor.Tensor cumsum.default div.Scalar_mode div.Tensor_mode equal.default
    floor_divide.default logical_and.default logical_not.default logical_or.default nonzero.default remainder.Scalar
    remainder.Tensor sum.default sum.dim_IntList
""")
"""Whole numbers and truth values alone."""


def _unscaled(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """No factor on the second term: with one, some processors round twice and others once."""
    return len(args) < 3 and kwargs.get("alpha", 1) == 1


def _square_or_cube(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return args[1] in (2, 3)


def _not_added(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Values are put in place of others; the places must differ."""
    return not (len(args) > 3 and args[3]) and not kwargs.get("accumulate", False)


def _whole(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    asked = kwargs.get("dtype")
    floats = asked is not None and asked.is_floating_point
    return not (floats or any(isinstance(x, float | complex) for x in args)) and not any(
        x.is_floating_point() or x.is_complex() for x in args if isinstance(x, Tensor)
    )


def _real(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """A complex product is four real ones, which some processors fuse."""
    return not any(isinstance(x, complex) or (isinstance(x, Tensor) and x.is_complex()) for x in args)


Condition = Callable[[tuple[Any, ...], dict[str, Any]], bool]
CONDITIONS: dict[str, Condition] = {
    "add.Tensor": _unscaled,
    "add.Scalar": _unscaled,
    "add_.Scalar": _unscaled,
    "add_.Tensor": _unscaled,
    "sub.Tensor": _unscaled,
    "sub.Scalar": _unscaled,
    "sub_.Scalar": _unscaled,
    "sub_.Tensor": _unscaled,
    "rsub.Scalar": _unscaled,
    "pow.Tensor_Scalar": _square_or_cube,
    "index_put.default": _not_added,
    "index_put_.default": _not_added,
}


def _overload(name: str) -> Any:
    packet, _, overload = name.partition(".")
    return getattr(getattr(torch.ops.aten, packet), overload)


CHECKED: dict[Any, Condition | None] = {
    **{_overload(name): None for name in [*MOVES, *SINGLE]},
    **{_overload(name): _real for name in SINGLE if name.split(".")[0].rstrip("_") in ("mul", "div", "reciprocal")},
    **{_overload(name): _whole for name in WHOLE},
    **{_overload(name): condition for name, condition in CONDITIONS.items()},
}
"""Every operation of the four groups, with the condition under which it is exact; None: always."""
