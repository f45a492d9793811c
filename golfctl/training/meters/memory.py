"""Too little memory: found before the clock starts where possible, and never a bug's traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from golfctl.core.progress import Progress
from golfctl.errors import InputError
from golfctl.training.trainer import Trainer


def fit_memory(trainer: Trainer, progress: Progress) -> None:
    """Halve the micro-batches until a pass fits the device's memory. The loader moves on; no other rank is asked.

    Raises:
        InputError: not even one sequence fits.
    """
    while not _fits(trainer):
        if trainer.micro_sequences == 1:
            raise InputError(_message(trainer))
        trainer.micro_sequences = (trainer.micro_sequences + 1) // 2
        torch.cuda.empty_cache()
        progress.say(f"the device's memory ran out: going on with {trainer.micro_sequences:,} sequences at a time")


def _fits(trainer: Trainer) -> bool:
    try:
        trainer.try_pass()
    except torch.OutOfMemoryError:
        trainer.optimizers.zero_grad()
        return False
    return True


@contextmanager
def memory_errors(trainer: Trainer) -> Iterator[None]:
    """Turn a refused allocation of the block into an error that says what to do.

    Raises:
        InputError: the memory of the device, or of the host, does not suffice.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise InputError(_message(trainer)) from error
    except RuntimeError as error:
        if "DefaultCPUAllocator" not in str(error):
            raise
        raise InputError(_message(trainer)) from error


def _message(trainer: Trainer) -> str:
    length, sequences = trainer.setup.train.sequence_length, trainer.micro_sequences
    advice = (
        f"set train.micro_batch_tokens below {sequences * length:,}"
        if sequences > 1
        else "shorten train.sequence_length or train a smaller model"
    )
    return f"{trainer.setup.device} has too little memory for {sequences:,} × {length:,} tokens at a time: {advice}"
