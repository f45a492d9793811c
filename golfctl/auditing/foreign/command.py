"""A foreign scorer: any command that turns token files into ledgers.

`{tokens}` and `{ledger}` in the command: run once for each text. `{folder}`: run once for many texts; every `*.bin`
there is a text, and beside it the command leaves `*.ledger`. Token files are little-endian uint16 without a header.
"""

import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from golfctl.auditing.foreign.posted_scores import PostedScores, read_ledger
from golfctl.auditing.foreign.trace import Trace, run_traced
from golfctl.core.files import atomic_write
from golfctl.errors import InputError, UsageError

DEFAULT_TIMEOUT_SECONDS = 600.0


def split_command(command: str) -> list[str]:
    """The words of a command line; raises UsageError when there are none or a quote is left open."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"cannot read the scorer command {command!r}: {error}") from error
    if not words:
        raise UsageError("the scorer command is empty")
    return words


class CommandBox:
    """A black box behind a command line; `traces` keeps what each run opened."""

    def __init__(self, command: str, vocab_size: int, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> None:
        """
        Raises:
            UsageError: the command names neither {folder} nor both {tokens} and {ledger}, or cannot be split.
        """
        self._words = split_command(command)
        self._many = any("{folder}" in word for word in self._words)
        single = [any(name in word for word in self._words) for name in ("{tokens}", "{ledger}")]
        if self._many == any(single) or (any(single) and not all(single)):
            raise UsageError("a scorer command names either {folder}, or {tokens} and {ledger}")
        self.name, self.vocab_size, self._timeout = command, vocab_size, timeout_seconds
        self.traces: list[Trace] = []

    def score(self, texts: Sequence[np.ndarray]) -> list[PostedScores]:
        """Write the texts, run the command (once, or once for each), read the ledgers.

        Raises:
            InputError: the command failed, ran too long, or left a missing or malformed ledger.
        """
        with tempfile.TemporaryDirectory(prefix="golfctl-audit-") as name:
            folder = Path(name)
            for i, text_N in enumerate(texts):
                atomic_write(folder / f"{i:05d}.bin", np.ascontiguousarray(text_N, "<u2").tobytes())
            if self._many:
                self._run(folder, {"folder": str(folder)})
            ledgers = []
            for i in range(len(texts)):
                tokens, ledger = folder / f"{i:05d}.bin", folder / f"{i:05d}.ledger"
                if not self._many:
                    self._run(folder, {"tokens": str(tokens), "ledger": str(ledger)})
                if not ledger.is_file():
                    raise InputError(f"{self.name}: left no {ledger.name} for {tokens.name}")
                ledgers.append(read_ledger(ledger))
            return ledgers

    def _run(self, folder: Path, names: dict[str, str]) -> None:
        words = list(self._words)
        for name, value in names.items():
            words = [word.replace(f"{{{name}}}", value) for word in words]
        self.traces.append(run_traced(words, folder, self._timeout))
