"""The flags of an audit, and how hard they have it probe."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golfctl.cli.stack_options import StackFlags

if TYPE_CHECKING:
    from golfctl.auditing.plan import Plan

# flag: the plan's field
_FIELDS = {"seed": "seed", "cuts": "cuts", "positions": "mass_positions", "answers": "mass_answers"}


@dataclass(frozen=True, kw_only=True)
class AuditFlags(StackFlags):
    """The command line of `golfctl audit`; None or empty where a flag was not given."""

    source: Path | None
    data: Path | None
    code: tuple[Path, ...]
    exact_geometry: bool
    scorer_cmd: str | None
    variant_cmd: tuple[str, ...]
    source_model: Path | None
    tokens: Path | None
    step_cmd: str | None
    bos: int | None
    vocab: int | None
    seconds_per_run: int
    fresh: Path | None
    reference: Path | None
    self_test: bool
    require: tuple[str, ...]
    only: tuple[str, ...]
    rules_name: str
    seed: int | None
    cuts: int | None
    positions: int | None
    answers: int | None
    tokens_per_text: int | None
    evidence: Path | None
    limits: bool
    details: bool
    report: Path | None
    device: str
    as_json: bool
    quiet: bool


def make_plan(flags: AuditFlags, defaults: dict[str, Any]) -> "Plan":
    """The plan from flags over `defaults`; a fresh seed unless one is given.

    Raises:
        ConfigError: the sizes contradict each other.
    """
    from golfctl.auditing.plan import Plan

    values = {"seed": secrets.randbits(32), **defaults}
    values |= {field: value for flag, field in _FIELDS.items() if (value := getattr(flags, flag)) is not None}
    length = flags.tokens_per_text
    if length is not None:
        values["text_tokens"] = length
        values["mass_tokens"] = min(length, values.get("mass_tokens", Plan().mass_tokens))
    return Plan.from_dict(values, "audit plan")
