"""T1b: suffix replacement where documents and ranks meet, which cuts at random places seldom hit.

Legend: N tokens of the text, M tokens of other documents.
"""

from dataclasses import replace

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.checks.suffix import probe
from golfctl.auditing.finding import Outcome, not_covered
from golfctl.auditing.probes import rng_for
from golfctl.auditing.subject import AuditContext, Subject

_DOCUMENTS, _WORLDS = 5, (2, 3, 8)
_MOST_RANK_CUTS = 6


def run(subject: Subject, context: AuditContext) -> Outcome:
    """A text of short documents; cuts before and after each document's first token, and where ranks would share."""
    if subject.box is None:
        return not_covered("no scorer to run")
    rng = rng_for(context.plan.seed, "T1b")
    text_N, starts = documents(subject.text_N, subject.others_M, subject.bos, rng)
    edges = rank_edges(len(text_N), rng)
    cuts = [cut for start in starts for cut in (start - 1, start)] + edges
    outcome = probe(subject.box, text_N, subject.others_M, np.array(sorted(set(cuts))), rng, context.noise)
    where = f"{len(starts)} document and {len(edges)} rank boundaries"
    if subject.bos is None:
        where = f"{len(edges)} rank boundaries; no documents, for no token that begins them is known (--bos)"
    return replace(outcome, detail=f"{outcome.detail}; {where}")


def documents(
    text_N: np.ndarray, others_M: np.ndarray, bos: int | None, rng: np.random.Generator
) -> tuple[np.ndarray, list[int]]:
    """As many tokens as `text_N`, cut into short documents that begin with `bos`; and where all but the first begin.

    Every other document is of other text, so that neighbours are strangers.
    """
    if bos is None:
        return text_N, []
    length = len(text_N)
    edges = np.linspace(0, length, _DOCUMENTS + 1)
    jitter = rng.integers(0, max(1, length // (4 * _DOCUMENTS)), _DOCUMENTS - 1)
    starts = [max(2, int(edge) - int(shift)) for edge, shift in zip(edges[1:-1], jitter, strict=True)]
    made_N = text_N.copy()
    for i, (start, stop) in enumerate(zip([0, *starts], [*starts, length], strict=True)):
        if i % 2 and len(others_M) >= stop - start:
            begin = int(rng.integers(0, len(others_M) - (stop - start) + 1))
            made_N[start:stop] = others_M[begin : begin + stop - start]
        made_N[start] = bos
    return made_N, starts


def rank_edges(length: int, rng: np.random.Generator) -> list[int]:
    """The last token of each rank's even share, for several numbers of ranks; at most six of them."""
    edges = sorted({length * rank // world for world in _WORLDS for rank in range(1, world)})
    edges = [edge for edge in edges if 1 <= edge <= length - 2]
    order = rng.permutation(len(edges))[:_MOST_RANK_CUTS]
    return sorted(edges[i] for i in order)


CHECK = Check(
    "T1b",
    "suffix at boundaries",
    1,
    "C1",
    "how the scorer really shares its work: ranks are assumed to take even shares of the text",
    "scores changed with text after a document's or a rank's end: the scorer looks ahead across that border",
    run,
)
