"""What a model costs, counted from its spec alone: parameters by role and component, FLOPs per token."""

from dataclasses import dataclass
from fractions import Fraction

from golfctl.model.blocks.order import order
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec, components


@dataclass(frozen=True)
class Census:
    """Parameters and training cost of one spec."""

    spec: ModelSpec
    parameters: int
    by_role: dict[Role, int]
    by_component: dict[str, int]
    """Parameters by component: `embedding`, `attention`, … and the names of parts."""

    def multiplied(self, loops: int | None = None) -> int:
        """Matrix entries a token is multiplied by in one forward pass; repeated blocks count once per pass."""
        return sum(self.multiplied_by_component(loops).values())

    def multiplied_by_component(self, loops: int | None = None) -> dict[str, int]:
        """The same by component."""
        passes = self._passes(loops)
        return {
            name: sum(
                weight.products * weight.count * (1 if weight.layer is None else passes[weight.layer])
                for weight in component.declare(config, self.spec)
            )
            for name, (component, config) in components(self.spec).items()
        }

    def flops_per_token(self, length: int, loops: int | None = None) -> int:
        """FLOPs of forward and backward per token of a sequence of `length` tokens, rounded to an integer.

        6 per matrix entry that a token is multiplied by, tied head included, and per block application
        3 · 4 · (length + 1)/2 · H·d for causal attention; element-wise work is not counted. Document masks are ignored.
        `loops` is the number of extra passes of the recurrence in use (None: all).
        """
        attention = Fraction(12 * (length + 1), 2) * self.spec.dim * sum(self._passes(loops))
        return 6 * self.multiplied(loops) + int(attention)

    def _passes(self, loops: int | None) -> list[int]:
        recurrence = self.spec.recurrence
        used = loops if loops is not None else (recurrence.extra if recurrence else 0)
        sequence = order(self.spec.layers, recurrence, used)
        return [sequence.count(layer) for layer in range(self.spec.layers)]


def census(spec: ModelSpec) -> Census:
    """Count a spec's parameters; see `Census.flops_per_token` for its cost."""
    by_role = dict.fromkeys(Role, 0)
    by_component = {}
    for name, (component, config) in components(spec).items():
        weights = component.declare(config, spec)
        by_component[name] = sum(weight.count for weight in weights)
        for weight in weights:
            by_role[weight.role] += weight.count
    return Census(spec, sum(by_role.values()), by_role, by_component)
