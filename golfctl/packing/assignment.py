"""Which scheme every tensor gets: by role, each tensor exactly once."""

import math
from typing import NamedTuple

from golfctl.core.config import Config
from golfctl.core.table import suggestion
from golfctl.errors import ConfigError
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import roles_by_name, shapes_by_name
from golfctl.packing.config import PackConfig
from golfctl.packing.without_effect import FLOAT_BITS, TERNARY_BITS
from golfctl.quant.scheme_options import GridOptions, RowOptions, parse_clip

GROUPS = ("attention", "mlp", "other matrices", "embedding", "head", "gains")


class Assignment(NamedTuple):
    """One tensor's scheme and options, and the group it is reported under."""

    name: str
    role: Role
    group: str
    scheme: str
    options: Config | None


def assign(spec: ModelSpec, config: PackConfig) -> list[Assignment]:
    """One assignment per tensor, in the model's order of declaration.

    Raises:
        ConfigError: a setting for a tensor that does not exist or has none.
    """
    grid = _grid_options(spec, config) if config.method == "entropy" else None
    found = {name: _one(name, role, config, grid) for name, role in roles_by_name(spec).items()}
    for name, setting in config.tensors.items():
        if name not in found:
            raise ConfigError(f"[pack] tensors: the model has no tensor {name!r}{suggestion(name, list(found))}")
        found[name] = _set(found[name], setting, config)
    return list(found.values())


def adjustable(one: Assignment) -> bool:
    """Whether a tensor's bits or step may differ from those of its group."""
    return one.scheme == "grid/1" or isinstance(one.options, RowOptions)


def _set(one: Assignment, setting: float, config: PackConfig) -> Assignment:
    """An assignment with its tensor's own bits, or its step moved by octaves."""
    if not adjustable(one):
        raise ConfigError(f"[pack] tensors: {one.name} is kept as {one.scheme} and has no setting")
    if isinstance(one.options, GridOptions):
        return one._replace(options=one.options.model_copy(update={"step": one.options.step * 2.0**setting}))
    if not config.in_octaves:
        return one._replace(scheme=f"int{int(setting)}-row/1")
    rule, value = parse_clip(one.options.clip) if isinstance(one.options, RowOptions) else ("", None)
    if not isinstance(one.options, RowOptions) or rule != "sd" or value is None:
        raise ConfigError(f"[pack] tensors: {one.name} is not clipped by sd:K, so octaves say nothing")
    return one._replace(options=one.options.model_copy(update={"clip": f"sd:{value * 2.0**setting:.6g}"}))


def group_of(name: str, role: Role) -> str:
    """The group a tensor is reported under."""
    if role is Role.GAIN:
        return "gains"
    if role is Role.EMBEDDING:
        return "embedding"
    if role is Role.HEAD:
        return "head"
    if ".attn." in name:
        return "attention"
    return "mlp" if ".mlp." in name else "other matrices"


def quantized_parameters(spec: ModelSpec) -> int:
    """Weights that are not gains."""
    roles = roles_by_name(spec)
    return sum(math.prod(shape) for name, shape in shapes_by_name(spec).items() if roles[name] is not Role.GAIN)


def _grid_options(spec: ModelSpec, config: PackConfig) -> GridOptions:
    """The step at which all weights together cost `target_loss`: each one costs step²/24."""
    step = math.sqrt(24 * config.target_loss / quantized_parameters(spec))
    return GridOptions(step=step, damping=config.damping, output_damping=config.output_damping)


def _one(name: str, role: Role, config: PackConfig, grid: GridOptions | None) -> Assignment:
    group = group_of(name, role)
    if role is Role.GAIN:
        return Assignment(name, role, group, f"{config.gains}/1", None)
    if grid is not None:
        return Assignment(name, role, group, "grid/1", grid)
    bits = config.matrix_bits if role is Role.MATRIX else config.embedding_bits
    if bits == TERNARY_BITS:
        return Assignment(name, role, group, "ternary-group/1", None)
    if bits in FLOAT_BITS:
        return Assignment(name, role, group, f"fp{bits}/1", None)
    options = config.matrix_options() if role is Role.MATRIX else config.embedding_options()
    return Assignment(name, role, group, f"int{bits}-row/1", options)
