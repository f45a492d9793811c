"""Parameter groups from roles: every parameter in exactly one group."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from torch import Tensor


class RoleGroups(NamedTuple):
    """The parameters by what moves them: banks by Muon, the rest by AdamW; names are the model's parameter names."""

    banks: dict[str, Tensor]
    embeddings: dict[str, Tensor]
    heads: dict[str, Tensor]
    gains: dict[str, Tensor]


_FIELD = {"matrix": "banks", "embedding": "embeddings", "head": "heads", "gain": "gains"}


def group_by_role(
    parameters: Iterable[tuple[str, Tensor]], roles: Mapping[str, str], unbanked_to_adam: bool = False
) -> RoleGroups:
    """Sort named parameters by role ("matrix", "embedding", "head", "gain").

    `unbanked_to_adam` sends single matrices (2-D, such as projections of side embeddings) to the gains' group, as
    PR #549 does. Raises ValueError for a parameter without a role, a role without a parameter, or one that is shared.
    """
    groups = RoleGroups({}, {}, {}, {})
    seen: set[int] = set()
    for name, parameter in parameters:
        if name not in roles:
            raise ValueError(f"parameter {name} has no role")
        if id(parameter) in seen:
            raise ValueError(f"parameter {name} occurs twice")
        seen.add(id(parameter))
        field = _FIELD[str(roles[name])]
        if field == "banks" and unbanked_to_adam and parameter.ndim < 3:
            field = "gains"
        getattr(groups, field)[name] = parameter
    found = {name for group in groups for name in group}
    if missing := sorted(set(roles) - found):
        raise ValueError(f"roles without a parameter: {missing}")
    return groups
