"""The order in which blocks run: U-Net halves and depth recurrence. Pure data, no tensors.

Depth recurrence (PR #1204, #1394): a segment of blocks runs again with the same weights. The first half (rounded
down) of the resulting virtual sequence is the encoder, whose outputs the decoder takes back in reverse order.
"""

from typing import NamedTuple

from golfctl.model.config import RecurrenceConfig


class Step(NamedTuple):
    """One application of a block."""

    number: int
    """Position in the virtual sequence."""
    layer: int
    """Physical block: whose weights and gains are used."""
    push: bool
    """The output is kept for the decoder."""
    skip_row: int | None
    """Row of the skip weights with which a kept output enters before this block."""
    final: bool
    """Nothing runs after it."""


def order(layers: int, recurrence: RecurrenceConfig | None, loops: int) -> list[int]:
    """Physical blocks in virtual order with `loops` extra passes of the repeated segment."""
    if recurrence is None or loops == 0:
        return list(range(layers))
    segment = list(range(recurrence.first, recurrence.last + 1))
    return [*range(recurrence.first), *segment * (1 + loops), *range(recurrence.last + 1, layers)]


def steps(layers: int, recurrence: RecurrenceConfig | None, loops: int, skips: bool) -> list[Step]:
    """The virtual sequence as steps; without `skips` nothing is kept or taken back."""
    sequence = order(layers, recurrence, loops)
    half = len(sequence) // 2 if skips else 0
    return [
        Step(
            number=i,
            layer=layer,
            push=i < half,
            skip_row=i - half if skips and half <= i < 2 * half else None,
            final=i == len(sequence) - 1,
        )
        for i, layer in enumerate(sequence)
    ]


def skip_rows(layers: int, recurrence: RecurrenceConfig | None) -> int:
    """Rows of the skip weights: as many as the encoder of the longest sequence keeps."""
    extra = recurrence.extra if recurrence else 0
    return len(order(layers, recurrence, extra)) // 2
