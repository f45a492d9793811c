"""A score along the stream and by document length: figures for the report's plot, and the plot itself.

R rows, D documents.
"""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from golfctl.core.files import atomic_write
from golfctl.core.machine.libraries import need
from golfctl.errors import UsageError
from golfctl.evaluation.stream import Stream

POINTS = 200
LENGTH_EDGES = (256, 512, 1024, 2048, 4096, 8192, 16384, 65536)  # bytes


def along_stream(stream: Stream, nll_R: np.ndarray, points: int = POINTS) -> list[tuple[int, float]]:
    """(last row, bits per byte so far) at evenly spaced rows; bytes so far are the text's mean bytes per row."""
    bytes_per_row = stream.carried_bytes / stream.rows
    rows = np.unique(np.linspace(1, stream.rows, min(points, stream.rows)).astype(int))
    nats_R = np.cumsum(nll_R)
    return [(int(r), float(nats_R[r - 1] / math.log(2) / (r * bytes_per_row))) for r in rows]


def by_length(stream: Stream, nll_R: np.ndarray) -> list[dict[str, Any]]:
    """Bits per byte of the documents of each length class that has any."""
    bits_D = stream.per_document(nll_R) / math.log(2)
    class_D = np.searchsorted(LENGTH_EDGES, stream.raw_bytes_D, side="right")
    rows = []
    for number in np.unique(class_D):
        inside_D = class_D == number
        low = LENGTH_EDGES[number - 1] if number else 0
        total = int(stream.carried_bytes_D[inside_D].sum())
        if total:
            bpb = float(bits_D[inside_D].sum() / total)
            rows.append({"from_bytes": low, "documents": int(inside_D.sum()), "val_bpb": bpb})
    return rows


def by_document(stream: Stream, nll_R: np.ndarray) -> dict[str, list[Any]]:
    """Raw and carried bytes and bits of every document, in the order of the stream."""
    bits_D = stream.per_document(nll_R) / math.log(2)
    return {
        "raw_bytes": stream.raw_bytes_D.tolist(),
        "carried_bytes": stream.carried_bytes_D.tolist(),
        "bits": [round(bits, 3) for bits in bits_D.tolist()],
    }


def check_plot(path: Path) -> None:
    """Whether a plot can be written to `path`, before there is anything to draw.

    Raises:
        UsageError: no ending that is a kind of picture. DependencyError: matplotlib is not installed.
    """
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UsageError(f"--plot {path}: end the name in .png, .svg or .pdf")
    need("--plot", "matplotlib")


def save_plot(path: Path, stream: Stream, curves: dict[str, np.ndarray]) -> None:
    """Draw both figures for one or more ledgers (`curves`: name to nats per row) and write PNG, SVG or PDF.

    Raises:
        UsageError: another ending. DependencyError: matplotlib is not installed. StorageError: the disk refuses.
    """
    check_plot(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kind = path.suffix.lstrip(".").lower()
    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    stream_axes, length_axes = figure.subplots(1, 2)
    for name, nll_R in curves.items():
        stream_axes.plot(*zip(*along_stream(stream, nll_R), strict=True), label=name)
        classes = by_length(stream, nll_R)
        length_axes.plot([c["from_bytes"] for c in classes], [c["val_bpb"] for c in classes], "o-", label=name)
    stream_axes.set(xlabel="tokens scored", ylabel="bits per byte so far", title="along the stream")
    length_axes.set(xlabel="document length (bytes, from)", ylabel="bits per byte", title="by document length")
    length_axes.set_xscale("symlog", base=2, linthresh=256)
    for axes in (stream_axes, length_axes):
        axes.grid(alpha=0.3)
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata={"Date": None} if kind in ("svg",) else None)
    atomic_write(path, buffer.getvalue())
