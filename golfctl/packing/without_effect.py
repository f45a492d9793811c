"""Which keys of a `[pack]` table have no effect beside which others: one table, for two readers.

A config that says a thing without effect is refused. Where flags choose another quantizer, or let `fit` choose, keys
of the recipe that thereby lose their effect are left out, and named.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

Keys = Mapping[str, Any]  # a `[pack]` table: keys that are absent, None or empty are not given; values may be anything

TERNARY_BITS = 1  # the nearest whole number below log2(3)
FLOAT_BITS = (16, 32)
_UNCLIPPED = (TERNARY_BITS, *FLOAT_BITS)
_ROW_BITS = range(2, 9)
_CALIBRATED = ("gptq", "entropy")


class NoEffect(NamedTuple):
    """`keys` have no effect where `holds`; `on` says on what, `advice` what to do."""

    keys: tuple[str, ...]
    holds: Callable[[Keys], bool]
    on: str
    advice: str


def method_of(table: Keys) -> str:
    """The quantizer in use."""
    return table.get("quantizer") or ("entropy" if table.get("fit") else "gptq-lite")


def is_calibrated(table: Keys) -> bool:
    """Whether packing reads calibration text."""
    return method_of(table) in _CALIBRATED or bool(table.get("fit"))


def in_octaves(table: Keys) -> bool:
    """Whether single tensors differ in octaves of their step; in bits otherwise."""
    return method_of(table) == "entropy" or str(table.get("clip") or "").startswith("sd")


def _whole_bits(key: str) -> Callable[[Keys], bool]:
    return lambda table: bool(table.get("fit")) and not in_octaves(table) and table[key] in _ROW_BITS


_ROW_KEYS = ("bits", "bits_embed", "clip", "clip_embed", "scale_floor")
_FIT_FINDS = "fit finds it by itself: drop one of the two"
RULES = (
    NoEffect(_ROW_KEYS, lambda t: method_of(t) == "entropy", "quantizer {method!r}", "its knob is loss"),
    NoEffect(("loss",), lambda t: method_of(t) != "entropy", "quantizer {method!r}", "its knobs are bits and clip"),
    NoEffect(("feedback_embed",), lambda t: method_of(t) != "gptq", "quantizer {method!r}", "it belongs to gptq"),
    NoEffect(("calibration",), lambda t: not is_calibrated(t), "quantizer {method!r}", "take gptq, or drop it"),
    NoEffect(
        ("clip",),
        lambda t: method_of(t) == "gptq-lite" and not str(t["clip"]).startswith("percentile"),
        "quantizer {method!r}",
        "gptq-lite is the percentile search: take quantizer = 'round'",
    ),
    NoEffect(("clip",), lambda t: t.get("bits") in _UNCLIPPED, "tensors of {bits} bits", "drop it"),
    NoEffect(("clip_embed",), lambda t: t.get("bits_embed") in _UNCLIPPED, "tensors of {bits_embed} bits", "drop it"),
    NoEffect(("margin",), lambda t: not t.get("fit"), "a packing without fit", "add fit, or drop it"),
    NoEffect(("loss", "tensors"), lambda t: bool(t.get("fit")), "fit", _FIT_FINDS),
    NoEffect(("bits",), _whole_bits("bits"), "fit", _FIT_FINDS),
    NoEffect(("bits_embed",), _whole_bits("bits_embed"), "fit", _FIT_FINDS),
)


def _is_given(table: Keys, key: str) -> bool:
    """Whether a table asks for something by this key; `feedback_embed` does so by false, `calibration` not by none."""
    value = table.get(key)
    if key == "feedback_embed":
        return value is False
    return bool(value) and not (key == "calibration" and value == "none")


def without_effect(table: Keys) -> Iterator[tuple[str, str, str]]:
    """Keys that `table` gives without effect: the key, on what it has none, and what to do."""
    for rule in RULES:
        for key in rule.keys:
            if _is_given(table, key) and rule.holds(table):
                yield key, rule.on.format(**{**table, "method": method_of(table)}), rule.advice


def without_stale(recipe: Keys, flags: Keys) -> tuple[dict[str, Any], list[str]]:
    """The recipe's table less the keys that `flags` leave without effect, and what to say of them.

    `--fit` without `--quantizer` means `entropy`, whatever the recipe's quantizer. Settings of single tensors belong to
    their quantizer. Flags are not judged here: what contradicts among them is for `PackConfig` to say.
    """
    method = flags.get("quantizer") or ("entropy" if flags.get("fit") else None)
    chosen = {"quantizer": method} if method else {}
    stale = {key: on for key, on, _ in without_effect({**recipe, **flags, **chosen})} if chosen else {}
    if method and method != recipe.get("quantizer") and recipe.get("tensors"):
        stale["tensors"] = f"quantizer {method!r}"
    stale = {key: on for key, on in stale.items() if key in recipe and key not in flags}
    notes = [
        f"of the recipe's [pack], {', '.join(sorted(key for key in stale if stale[key] == on))} not used: no effect "
        f"on {on}"
        for on in sorted(set(stale.values()))
    ]
    return {key: value for key, value in recipe.items() if key not in stale} | chosen, notes
