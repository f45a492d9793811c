"""What of a recipe's `[pack]` table loses its effect when flags choose another quantizer, or let `fit` choose."""

from collections.abc import Iterator, Mapping
from typing import Any

from golfctl.packing.config import ROW_KEYS


def without_stale(table: Mapping[str, Any], flags: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The recipe's table less the keys that `flags` leave without effect, and what to say of them.

    `--fit` without `--quantizer` means `entropy`, whatever the recipe's quantizer. Flags are not judged here: what
    contradicts among them is for `PackConfig` to say.
    """
    method = flags.get("quantizer") or ("entropy" if flags.get("fit") else None)
    stale: dict[str, str] = {}
    if method and method != table.get("quantizer"):
        stale |= dict.fromkeys(_not_of(method, {**table, **flags}), f"quantizer {method}")
    if flags.get("fit"):
        stale |= dict.fromkeys(_found_by_fit(method, {**table, **flags}), "fit")
    stale = {key: what for key, what in stale.items() if key in table and key not in flags}
    notes = [
        f"of the recipe's [pack], {', '.join(sorted(key for key in stale if stale[key] == what))} not used: no effect "
        f"on {what}"
        for what in sorted(set(stale.values()))
    ]
    kept = {key: value for key, value in table.items() if key not in stale}
    return kept | ({"quantizer": method} if method else {}), notes


def _not_of(method: str, merged: Mapping[str, Any]) -> Iterator[str]:
    yield "tensors"
    if method == "entropy":
        yield from ROW_KEYS
    else:
        yield "loss"
    if method != "gptq":
        yield "feedback_embed"
    if method in ("round", "gptq-lite") and not merged.get("fit"):
        yield "calibration"
    if method == "gptq-lite" and not str(merged.get("clip") or "percentile").startswith("percentile"):
        yield "clip"


def _found_by_fit(method: str | None, merged: Mapping[str, Any]) -> Iterator[str]:
    yield from ("loss", "tensors")
    if method != "entropy" and not str(merged.get("clip") or "").startswith("sd"):
        yield from ("bits", "bits_embed")
