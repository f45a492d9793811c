"""In which arithmetic a text was scored, and how far the portable one is from the libraries' on this machine."""

from dataclasses import replace
from typing import Any

import numpy as np

from golfctl import arithmetic
from golfctl.arithmetic.mode import portable
from golfctl.evaluation.assembly import assemble
from golfctl.evaluation.job import Job
from golfctl.evaluation.runner import book

_WINDOWS = 4
"""Computed both ways."""


def arithmetic_used(job: Job) -> dict[str, Any]:
    """`{name, dtype}` of the job's arithmetic, and of the portable one its distance from the ordinary one in nats."""
    used: dict[str, Any] = {"name": "ordinary", "dtype": job.config.dtype}
    if not job.config.portable:
        return used
    apart_R = np.abs(_first_nats(job, on=True) - _first_nats(job, on=False))
    distance = {"tokens": len(apart_R), "mean_nats": float(apart_R.mean()), "largest_nats": float(apart_R.max())}
    return used | {"name": arithmetic.VERSION, "from_ordinary": distance}


def _first_nats(job: Job, on: bool) -> np.ndarray:
    """Nats of the targets of the first few windows, in portable arithmetic or in the libraries'."""
    with portable(on):
        scorer, plan = assemble(job.config, job.setting(), job.stream.lane_starts())
        job.forget([scorer])
        few = replace(plan, per_block=min(plan.per_block, _WINDOWS))
        block = next(few.blocks(job.stream.tokens_N, scorer.barrier_rows))
        targets_R = job.stream.tokens_N[block.first + 1 : block.stop + 1].astype(np.int64)
        return book(scorer.predict(block), targets_R, block.first, scorer.vocab_size)[0]
