"""The importer as a target: pickles, zips, safetensors and compressed forms, by every door a checkpoint comes in."""

import functools
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzz.bytewise import BYTEWISE
from benchmarks.fuzz.headers import changed_header
from benchmarks.fuzz.importer_seeds import Case, importer_seeds
from benchmarks.fuzz.pickles import changed, generated
from benchmarks.fuzz.zips import ZIPWISE, Item, Zip
from golfctl.errors import CheckpointError, InputError, UsageError
from golfctl.evaluation.ledger import Ledger
from golfctl.evaluation.resume import Savepoint
from golfctl.evaluation.timing.clock import Clock
from golfctl.importing.import_checkpoint import ImportChoices, import_file
from golfctl.importing.torch_file import LEGACY_MAGIC
from golfctl.packing.checkpoint import read_checkpoint
from golfctl.packing.hessians.stats_file import StoredStats
from golfctl.training.run.state import read_state
from tests.unit.importing.reference_files import PRESSES

_BOMBS = ("zlib", "xz", "zstd", "brotli")
GROWTH_BYTES = 512 * 1024 * 1024
_SHARED = Path("/dev/shm")  # a file system in memory, where there is one: a case is written and removed
_LEGACY_HEAD = LEGACY_MAGIC + b"\x80\x02M\xe9\x03." + b"\x80\x02}X\x0d\0\0\0little_endian\x88s."


def seeds() -> list[Case]:
    for press in _BOMBS:  # made before the clock that watches for hangs runs
        _bomb(press)
    return importer_seeds()


def mutant(number: int, seeds: Sequence[Case]) -> Case:
    """Case `number`: a third as they fall, a third of good form that lies, a third made from nothing."""
    rng = random.Random(number)
    door, data = rng.choice(seeds)
    if number % 3 == 0:
        for _ in range(rng.randint(1, 3)):
            data = rng.choice(BYTEWISE)(rng, data)
    elif number % 3 == 1:
        data = _lying(rng, data)
    else:
        door, data = "import", _made(rng)
    if door.startswith("import") and len(data) < 1 << 20 and rng.random() < 0.1:
        data = PRESSES[rng.choice(list(PRESSES))](data)
        if rng.random() < 0.5:
            data = rng.choice(BYTEWISE)(rng, data)
    return Case(door, data)


def _lying(rng: random.Random, data: bytes) -> bytes:
    if data.startswith(b"PK"):
        body = Zip.of(data)
        pickled = next(item for item in body.items if item.name.endswith(b"data.pkl"))
        for _ in range(rng.choice([0, 1, 1, 2])):
            rng.choice(ZIPWISE)(rng, body)
        if rng.random() < 0.6:
            pickled.data = changed(rng, pickled.data)
        return body.assemble()
    if data.startswith(LEGACY_MAGIC):
        head = data[: len(LEGACY_MAGIC)]
        return head + changed(rng, data[len(head) :])
    return changed_header(rng, data)


@functools.cache
def _bomb(press: str) -> bytes:
    return PRESSES[press](bytes(220 << 20))


def _made(rng: random.Random) -> bytes:
    """A program from nothing in either form of torch.save, or a bomb under compression."""
    if rng.random() < 0.003:
        return _bomb(rng.choice(_BOMBS))
    program = generated(rng)
    if rng.random() < 0.3:
        return _LEGACY_HEAD + program + b"\x80\x02]X\1\0\0\x000a." + bytes([8, 0, 0, 0, 0, 0, 0, 0]) + bytes(32)
    entries = {b"x/data.pkl": program, b"x/byteorder": b"little", b"x/data/0": bytes(32)}
    return Zip([Item(name, content) for name, content in entries.items()]).assemble()


def growth_bytes(case: Case) -> int:
    return len(case.data) + GROWTH_BYTES


def allowed() -> dict[str, Any]:
    return {
        "cases": "numbers 0, 3, … as they fall; 1, 4, … of good form that lies; 2, 5, … made from nothing",
        "growth_bytes_over_the_file": GROWTH_BYTES,
    }


def _import(path: Path) -> None:
    import_file(path, ImportChoices(form="checkpoint"), path.with_suffix(".out"))


def _artifact(path: Path) -> None:
    import_file(path, ImportChoices(coder="raw"), path.with_suffix(".out"))


def _statistics(path: Path) -> None:
    stats, _ = StoredStats.open(path)
    for name in stats:
        stats[name]


def _savepoint(path: Path) -> None:
    point = Savepoint(path, {"a": 1}, Clock())
    point.restore(object(), Ledger(20), np.zeros(20, np.int64))  # type: ignore[arg-type]


_DOORS: dict[str, Callable[[Path], Any]] = {
    "import": _import,
    "import as artifact": _artifact,
    "checkpoint": read_checkpoint,
    "state": read_state,
    "statistics": _statistics,
    "savepoint": _savepoint,
}


def outcome(case: Case) -> tuple[str, str]:
    with tempfile.TemporaryDirectory(dir=_SHARED if _SHARED.is_dir() else None) as folder:
        path = Path(folder) / "case"
        path.write_bytes(case.data)
        try:
            _DOORS[case.door](path)
        except (InputError, UsageError) as error:
            kind = "refused" if isinstance(error, CheckpointError) else f"refused ({type(error).__name__})"
            return f"{case.door}: {kind}", _faults(str(error))
        except Exception as error:  # noqa: BLE001 - what the fuzzer looks for
            return "crash", f"{case.door}: {type(error).__name__}: {error}"
        return f"{case.door}: read", ""


def _faults(message: str) -> str:
    if not message.isprintable():
        return "a message that cannot be printed"
    return "a message that is too long" if len(message) > 3000 else ""
