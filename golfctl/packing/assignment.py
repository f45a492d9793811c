"""Which scheme every tensor gets: by role, each tensor exactly once."""

from typing import NamedTuple

from golfctl.core.config import Config
from golfctl.model.names import roles_by_name
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.packing.config import FLOAT_BITS, PackConfig

GROUPS = ("attention", "mlp", "other matrices", "embedding", "head", "gains")


class Assignment(NamedTuple):
    """One tensor's scheme and options, and the group it is reported under."""

    name: str
    role: Role
    group: str
    scheme: str
    options: Config | None


def assign(spec: ModelSpec, config: PackConfig) -> list[Assignment]:
    """One assignment per tensor, in the model's order of declaration."""
    return [_one(name, role, config) for name, role in roles_by_name(spec).items()]


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


def _one(name: str, role: Role, config: PackConfig) -> Assignment:
    group = group_of(name, role)
    if role is Role.GAIN:
        return Assignment(name, role, group, f"{config.gains}/1", None)
    bits = config.bits if role is Role.MATRIX else config.bits_embed
    if bits in FLOAT_BITS:
        return Assignment(name, role, group, f"fp{bits}/1", None)
    options = config.matrix_options() if role is Role.MATRIX else config.embedding_options()
    return Assignment(name, role, group, f"int{bits}-row/1", options)
