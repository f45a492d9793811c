"""A foreign scorer as a subject: its command, a slice of the text, and a source to draw known text from.

Legend: N tokens of the slice, M tokens of the rest.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from golfctl.auditing.blackbox import BlackBox
from golfctl.auditing.foreign.command import DEFAULT_TIMEOUT_SECONDS, CommandBox, split_command
from golfctl.auditing.foreign.feeder import Fed, feed
from golfctl.auditing.foreign.markov import MarkovSource
from golfctl.auditing.plan import Plan
from golfctl.auditing.probes import rng_for
from golfctl.auditing.subject import Fresh, Subject, TextSource
from golfctl.core.canonical import sha256_bytes
from golfctl.core.files import read_bytes
from golfctl.core.text import one_line
from golfctl.data.dataset import Dataset
from golfctl.data.shards import HEADER_BYTES, MAGIC, read_shard
from golfctl.errors import InputError

_LIMIT_BYTES = 1 << 32
_LEAST_FRESH = 192  # tokens: three blocks of T12-iv


def read_tokens(path: Path, vocab_size: int) -> np.ndarray:
    """Tokens of a shard (with the community's header) or of a bare little-endian uint16 file.

    Raises:
        InputError: no such file, an odd size, or an id at or above `vocab_size`.
    """
    data = read_bytes(path, _LIMIT_BYTES)
    if len(data) >= HEADER_BYTES and int(np.frombuffer(data[:4], "<i4")[0]) == MAGIC:
        tokens_N = np.asarray(read_shard(path))
    elif len(data) % 2 == 0:
        tokens_N = np.frombuffer(data, "<u2")
    else:
        raise InputError(f"{path}: {len(data):,} bytes are no whole number of uint16 tokens")
    check_range(tokens_N, vocab_size, str(path))
    return tokens_N


def check_range(tokens_N: np.ndarray, vocab_size: int, where: str) -> None:
    """Raises InputError when a token is outside the vocabulary."""
    if len(tokens_N) and int(tokens_N.max()) >= vocab_size:
        raise InputError(f"{where}: holds token {int(tokens_N.max())}, but the vocabulary has {vocab_size}")


def slice_text(tokens_N: np.ndarray, plan: Plan, where: str) -> tuple[np.ndarray, np.ndarray]:
    """A random stretch of `plan.text_tokens` tokens, and the rest as other documents.

    Raises:
        InputError: the text is shorter than the plan asks.
    """
    wanted = plan.text_tokens
    if len(tokens_N) < wanted:
        raise InputError(f"{where}: {len(tokens_N):,} tokens, but the audit needs {wanted:,} (--tokens-per-text)")
    start = int(rng_for(plan.seed, "text").integers(0, len(tokens_N) - wanted + 1))
    rest_M = np.concatenate([tokens_N[:start], tokens_N[start + wanted :]])
    return np.array(tokens_N[start : start + wanted]), rest_M


def fresh_texts(
    path: Path, tokens_N: np.ndarray, vocab_size: int, plan: Plan, reference: BlackBox | None = None
) -> Fresh:
    """As many tokens of the validation text as of the fresh one, at most `plan.fresh_tokens` of each.

    Raises:
        InputError: no such file, too few tokens in it, or a token that the vocabulary lacks.
    """
    if path.is_dir():
        fresh_M = np.asarray(Dataset.open(path).validation().tokens_N)
        check_range(fresh_M, vocab_size, str(path))
    else:
        fresh_M = read_tokens(path, vocab_size)
    length = min(plan.fresh_tokens, len(tokens_N), len(fresh_M))
    if length < _LEAST_FRESH:
        raise InputError(f"{path}: {length:,} tokens to compare, but a standard error needs {_LEAST_FRESH} at least")
    starts = [int(rng_for(plan.seed, "T12-iv").integers(0, len(n) - length + 1)) for n in (tokens_N, fresh_M)]
    seen_N, fresh_F = (np.array(n[s : s + length]) for n, s in zip((tokens_N, fresh_M), starts, strict=True))
    if np.array_equal(seen_N, fresh_F):
        raise InputError(f"{path}: the fresh text is the validation text itself")
    return Fresh(seen_N, fresh_F, reference)


def foreign_subject(
    command: str,
    vocab_size: int,
    tokens_N: np.ndarray,
    where: str,
    plan: Plan,
    source: TextSource | None = None,
    variants: Sequence[str] = (),
    forbidden: Sequence[Path] = (),
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    step_command: str | None = None,
) -> Subject:
    """The subject around a scorer command; `variants` are commands of the same scorer at other batch sizes or ranks.

    `step_command` starts the same scorer to be fed through a pipe (`feeder`).
    """
    text_N, rest_M = slice_text(tokens_N, plan, where)
    box = CommandBox(command, vocab_size, timeout_seconds)
    boxes = {f"variant {i + 1}": CommandBox(text, vocab_size, timeout_seconds) for i, text in enumerate(variants)}
    return Subject(
        name=one_line(command),
        box=box,
        text_N=text_N,
        others_M=rest_M if len(rest_M) else text_N,
        variants=boxes,
        source=source if source is not None else MarkovSource(tokens_N, vocab_size),
        head_N=np.array(tokens_N[: plan.text_tokens]),
        feed=_feed(step_command, vocab_size, timeout_seconds),
        traces=lambda: box.traces,
        forbidden=forbidden,
        withheld=forbidden,
        facts={
            "command": one_line(command),
            "text": one_line(where),
            "text_sha256": sha256_bytes(tokens_N.astype("<u2").tobytes()),
        },
    )


def _feed(command: str | None, vocab_size: int, timeout_seconds: float) -> Callable[[np.ndarray], Fed] | None:
    if command is None:
        return None
    words = split_command(command)
    return lambda text_N: feed(words, text_N, vocab_size, timeout_seconds, command)
