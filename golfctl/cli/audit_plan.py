"""How hard an audit probes, from the flags that say so."""

import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from golfctl.auditing.plan import Plan

# flag: the plan's field
_FIELDS = {"seed": "seed", "cuts": "cuts", "positions": "mass_positions", "answers": "mass_answers"}


def make_plan(options: dict[str, Any], defaults: dict[str, Any]) -> "Plan":
    """The plan from flags over `defaults`; a fresh seed unless one is given.

    Raises:
        ConfigError: the sizes contradict each other.
    """
    from golfctl.auditing.plan import Plan

    values = {"seed": secrets.randbits(32), **defaults}
    values |= {name: options[flag] for flag, name in _FIELDS.items() if options[flag] is not None}
    length = options["tokens_per_text"]
    if length is not None:
        values["text_tokens"] = length
        values["mass_tokens"] = min(length, values.get("mass_tokens", Plan().mass_tokens))
    return Plan.from_dict(values, "audit plan")
