"""General compressors: sizes are those of the files they write, priming is the difference a known text makes."""

import bz2
import lzma
import random

import pytest

from golfctl.errors import DataError
from golfctl.evaluation.figures import baselines
from golfctl.evaluation.figures.baselines import compressor_baselines

WORDS = [f"word{i}" for i in range(400)]
PRIMER = " ".join(random.Random(1).choices(WORDS, k=4000)).encode()
DOCUMENTS = [PRIMER[500:1500], PRIMER[3000:5000]]


def test_rows_are_the_sizes_of_the_compressed_concatenation():
    rows = {row.name: row for row in compressor_baselines(DOCUMENTS)}
    text = b"".join(DOCUMENTS)
    assert rows["xz -9e"].bytes == len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))
    assert rows["bzip2 -9"].bytes == len(bz2.compress(text))
    assert rows["xz -9e"].bpb == pytest.approx(8 * rows["xz -9e"].bytes / 3000)
    assert not any(row.primed for row in rows.values())


def test_a_primed_compressor_knows_the_training_text():
    rows = compressor_baselines(DOCUMENTS, PRIMER)
    plain = {row.name: row.bytes for row in rows if not row.primed}
    primed = {row.name: row.bytes for row in rows if row.primed}
    assert {"xz -9e", "zstd --ultra -22 --long=27"} <= set(primed)
    assert all(primed[name] < plain[name] / 5 for name in primed)  # the documents are copies of parts of the primer


def test_absent_libraries_are_named(monkeypatch):
    said = []
    monkeypatch.setattr(baselines, "installed", lambda module: False)
    monkeypatch.setattr(baselines.SILENT, "say", said.append)
    names = {row.name for row in compressor_baselines(DOCUMENTS)}
    assert "brotli -11" not in names and said[0].endswith("bzip3 (pip install 'golfctl[baselines]')")


def test_no_text_is_a_data_error():
    with pytest.raises(DataError, match="no held-out text"):
        compressor_baselines([b""])
