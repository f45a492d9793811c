"""What a submission.json claims, under any of the names that people gave things."""

import math
import re
from typing import Any, NamedTuple

_BPB = ("val_bpb", "mean_val_bpb", "mean_bpb", "val_bpb_mean")
_LOSS = ("val_loss", "mean_val_loss", "mean_val_loss_nats", "val_loss_nats")
_SIZE = re.compile(
    r"^(bytes_total|total_bytes|artifact_bytes(_max|_mean)?|artifact_size_bytes|submission_bytes|bytes_total_max)$"
)
_SEED_MAPS = ("seed_results", "seed_scores", "seeds")
_WORDS = {"single": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_SEED_WORDS = re.compile(r"(?<![a-z0-9])(\d{1,2}|single|one|two|three|four|five)[ _-]?seeds?(?![a-z])", re.IGNORECASE)


class SeedClaim(NamedTuple):
    """One seed's claimed score and size."""

    seed: str
    bpb: float | None
    loss: float | None
    bytes: int | None


class Claims(NamedTuple):
    """The headline and its parts; `sizes` maps the key to bytes, `seeds` names them as text."""

    bpb: float | None
    loss: float | None
    sizes: dict[str, int]
    seeds: tuple[str, ...]
    by_seed: tuple[SeedClaim, ...]
    seeds_said: int | None


def read_claims(values: dict[str, Any], folder_name: str = "") -> Claims:
    """Claims of a parsed submission.json; `folder_name` may promise a number of seeds too. Never raises."""
    by_seed = _by_seed(values)
    listed = values.get("seeds")
    seeds = tuple(str(s) for s in listed) if isinstance(listed, list | dict) else tuple(s.seed for s in by_seed)
    if not seeds and isinstance(values.get("seed"), int | str):
        seeds = (str(values["seed"]),)
    return Claims(
        bpb=_first_number(values, _BPB),
        loss=_first_number(values, _LOSS),
        sizes={key: size for key, value in values.items() if _SIZE.match(key) and (size := _size(value)) is not None},
        seeds=seeds,
        by_seed=by_seed,
        seeds_said=_seeds_said(values, folder_name),
    )


def number(value: Any) -> float | None:
    """A finite number (text that holds one included), or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) else None


def shown(value: Any) -> str:
    """A claimed value as a report shows it: short, and of a list or an object only that it is one."""
    return f"a {type(value).__name__}" if isinstance(value, list | dict) else repr(value)[:48]


def _size(value: Any) -> int | None:
    parsed = number(value)
    return int(parsed) if parsed is not None and parsed > 0 else None


def _first_number(values: dict[str, Any], names: tuple[str, ...]) -> float | None:
    return next((found for name in names if (found := number(values.get(name))) is not None), None)


def _by_seed(values: dict[str, Any]) -> tuple[SeedClaim, ...]:
    for name in _SEED_MAPS:
        found = values.get(name)
        if isinstance(found, dict) and found:
            return tuple(_one_seed(str(seed), result) for seed, result in found.items())
        if name != "seeds" and isinstance(found, list) and found and all(isinstance(r, dict) for r in found):
            return tuple(_one_seed(str(r.get("seed", i)), r) for i, r in enumerate(found))
    return ()


def _one_seed(seed: str, result: Any) -> SeedClaim:
    if not isinstance(result, dict):
        return SeedClaim(seed, number(result), None, None)
    sizes = [size for key, value in result.items() if _SIZE.match(key) and (size := _size(value)) is not None]
    return SeedClaim(seed, _first_number(result, _BPB), _first_number(result, _LOSS), max(sizes, default=None))


def _seeds_said(values: dict[str, Any], folder_name: str) -> int | None:
    """The largest number of seeds that the name, a flag or a count promises."""
    promised = [_WORDS[word] for word in ("two", "three", "five") if values.get(f"{word}_seeds") is True]
    for key in ("n_seeds", "num_seeds", "seed_count", "seeds"):
        count = values.get(key)
        if isinstance(count, int) and not isinstance(count, bool) and 0 < count < 100:
            promised.append(count)
    for text in (folder_name.replace("_", " "), str(values.get("name", ""))):
        promised += [_WORDS.get(m.lower()) or int(m) for m in _SEED_WORDS.findall(text) if m.lower() in _WORDS or m]
    return max(promised, default=None)
