"""Valid artifacts to mutate: every coder, both joint and lone streams, every kind of section, and the golden files."""

from pathlib import Path

from golfctl.artifact import encode_artifact
from golfctl.coding import CODERS
from golfctl.coding.codec import accepts
from tests.samples import sample_draft

GOLDEN = Path(__file__).parents[2] / "tests" / "golden"
_GOLDEN_LIMIT_BYTES = 200_000


def seed_artifacts() -> list[bytes]:
    """The same list on every machine with the same golden files."""
    byte_coders = [name for name in sorted(CODERS) if accepts(name, _dtype("float16"), (4,))]
    seeds = [encode_artifact(sample_draft(coder=name, small_coder=name, blob_coder=name)) for name in byte_coders]
    seeds += [encode_artifact(sample_draft(coder=name, layers=1)) for name in sorted(CODERS) if name not in byte_coders]
    valid = [path for folder in ("v1", "packed") for path in sorted((GOLDEN / folder).glob("*.golf"))]
    golden = [path for path in valid if path.stat().st_size <= _GOLDEN_LIMIT_BYTES]
    return seeds + [path.read_bytes() for path in golden]


def _dtype(name: str):  # type: ignore[no-untyped-def]
    import numpy as np

    return np.dtype(name)
