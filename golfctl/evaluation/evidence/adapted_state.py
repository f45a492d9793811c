"""What a run left behind in the model and in every part of the stack, by digest, so that two runs can be compared."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from golfctl.evaluation.timing.deadline import parts
from golfctl.scoring.outcome import Adapts, tensors_sha256


def final_state(scorers: Iterable[Any], model: Any) -> dict[str, Any]:
    """Digest of the model's weights as they are now, and what each adapting part of `scorers` did.

    Plain runs have the digest too: it is the one that an adapted run's is held against.
    """
    adapting = [part for scorer in scorers for part in parts(scorer) if isinstance(part, Adapts)]
    outcomes = {part.part: part.outcome() for part in {id(part): part for part in adapting}.values()}
    return {
        "weights_sha256": tensors_sha256(model.named_parameters()),
        "parts": {name: asdict(outcome) for name, outcome in outcomes.items()},
    }


def never_acted(state: dict[str, Any] | None) -> list[str]:
    """One sentence for each part that was asked for and changed no row."""
    found = state["parts"].items() if state else ()
    return [f"{name} {outcome['how']}" for name, outcome in found if not outcome["acted"]]
