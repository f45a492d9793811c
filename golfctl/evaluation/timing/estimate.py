"""How long an evaluation would take, projected from a slice of about one percent of the text."""

from dataclasses import dataclass

from golfctl.scoring.config import EvalConfig

SHARE = 0.01
LEAST_WINDOWS = 3  # a slice must hold a few blocks, or the constant part hides the rate


@dataclass(frozen=True)
class Estimate:
    """Seconds expected for the whole text, and what that is based on."""

    seconds: float
    rows: int
    slice_rows: int
    slice_seconds: float
    load_seconds: float


def slice_config(config: EvalConfig, rows: int) -> EvalConfig:
    """`config` for a slice: about one percent of `rows`, with chunks short enough that training takes its share."""
    assert config.seq_len is not None
    block = config.seq_len + config.batch * config.stride
    count = min(rows, max(int(SHARE * rows), LEAST_WINDOWS * block))
    values = {**config.to_dict(), "max_tokens": max(count + 1, 2)}
    if config.ttt and config.ttt.chunk:
        values["ttt"]["chunk"] = max(min(config.ttt.chunk, count // 4), min(config.seq_len, config.ttt.chunk))
    return EvalConfig.from_dict(values, "eval")


def project(rows: int, slice_rows: int, load_s: float, score_s: float, adapt_s: float) -> Estimate:
    """A constant for loading and a rate per row for the rest."""
    work = score_s + adapt_s
    return Estimate(load_s + work * rows / slice_rows, rows, slice_rows, work, load_s)
