"""From booked nats to bits per byte: float64 sums, integer bytes, one division. D documents, R rows."""

import math
from dataclasses import dataclass

import numpy as np

from golfctl.evaluation.stream import Stream


@dataclass(frozen=True)
class Score:
    """A score and what it was divided by: carried bytes; figures over raw and billed ones stand beside it."""

    val_loss: float
    val_bpb: float
    val_bpb_stderr: float | None
    val_bpb_raw: float | None
    val_bpb_billed: float | None
    tokens: int
    carried_bytes: int
    raw_bytes: int
    billed_bytes: int


def score(stream: Stream, nll_R: np.ndarray) -> Score:
    """Score of one complete pass (`nll_R` nats for every row).

    Raises:
        ValueError: not one score per row.
    """
    if len(nll_R) != stream.rows:
        raise ValueError(f"{len(nll_R)} scores for {stream.rows} targets")
    nats = math.fsum(nll_R)
    billed = int(stream.billed_N.sum())
    return Score(
        val_loss=nats / stream.rows,
        val_bpb=nats / math.log(2) / stream.carried_bytes,
        val_bpb_stderr=ratio_stderr(stream.per_document(nll_R) / math.log(2), stream.carried_bytes_D),
        val_bpb_raw=None if stream.raw_is_decoded else nats / math.log(2) / stream.raw_bytes,
        val_bpb_billed=nats / math.log(2) / billed if billed else None,
        tokens=stream.rows,
        carried_bytes=stream.carried_bytes,
        raw_bytes=stream.raw_bytes,
        billed_bytes=billed,
    )


def ratio_stderr(bits_D: np.ndarray, bytes_D: np.ndarray) -> float | None:
    """Standard error of Σ bits / Σ bytes over documents as sampling units (linearised ratio estimator).

    None for a single document. `bits_D` may be a difference of two scorers: then it is the paired standard error.
    """
    documents = len(bits_D)
    if documents < 2:
        return None
    residual_D = bits_D - bits_D.sum() / bytes_D.sum() * bytes_D
    variance = documents / (documents - 1) * float((residual_D**2).sum())
    return math.sqrt(variance) / float(bytes_D.sum())
