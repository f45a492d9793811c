"""Every error golfctl raises on purpose, as one tree; each branch carries its exit code.

    GolfError                    never raised itself
    ├── UsageError          2    the command line contradicts itself or asks for what does not exist
    ├── InputError          3    something given to us is missing or bad
    │   ├── ConfigError     3    a recipe or `--set` value: unknown key, wrong type, contradiction
    │   ├── DataError       3    text, tokenizer or token shards
    │   ├── CheckpointError 3    a checkpoint, run directory or journal
    │   ├── NumericsError   3    NaN, Inf, or a matrix a method cannot handle
    │   └── StorageError    3    the disk is full or refuses us
    ├── DependencyError     3    an optional library is needed; the message names the extra to install
    ├── MachineError        3    this machine cannot compute what is asked for; another one can
    ├── ArtifactError       4    an artifact is damaged, hostile or of a version we do not read
    ├── BudgetError         5    a size or time budget does not hold
    ├── VerdictError        6    an audit or comparison said no
    └── InterruptedRun    130    the user stopped us; state is saved where there was any

`ValueError`, `TypeError` and `assert` are for programmers: they surface as exit code 1, a bug of ours.
A message says what is wrong, where, and what to do, in one line.
"""

from typing import Any


class GolfError(Exception):
    """Base of every deliberate error; `exit_code` is what the command line returns."""

    exit_code = 1

    @property
    def details(self) -> dict[str, Any]:
        """Facts for programs, beside the message; a branch that has some says which."""
        return {}


class UsageError(GolfError):
    """The command line contradicts itself or names something that does not exist."""

    exit_code = 2


class InputError(GolfError):
    """Something given to golfctl is missing or bad."""

    exit_code = 3


class ConfigError(InputError):
    """A recipe or `--set` value is unknown, of the wrong type or contradictory."""


class DataError(InputError):
    """Text, a tokenizer or a token shard is missing or bad."""


class CheckpointError(InputError):
    """A checkpoint, run directory or journal is missing or bad."""


class NumericsError(InputError):
    """NaN or Inf where numbers are needed, or a matrix that a method cannot handle."""


class StorageError(InputError):
    """The disk is full or refuses a write; nothing half-written stays behind."""


class DependencyError(GolfError):
    """An optional library is needed; the message names the extra to install."""

    exit_code = 3


class MachineError(GolfError):
    """This machine cannot compute what is asked for, and another one can."""

    exit_code = 3


class ArtifactError(GolfError):
    """An artifact is damaged, hostile, or of a version this reader does not know."""

    exit_code = 4


class BudgetError(GolfError):
    """A size or time budget does not hold; the message gives the figures."""

    exit_code = 5


class VerdictError(GolfError):
    """An audit or a comparison said no."""

    exit_code = 6


class InterruptedRun(GolfError):
    """The user stopped the run; the message says what was saved."""

    exit_code = 130
