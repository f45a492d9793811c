"""The benchmark of compressed text: what a row says, what priming counts, and where a model pays."""

import zlib

import pytest

from benchmarks.codec import __main__ as codec
from benchmarks.codec.compressors import COMPRESSORS, Compressor
from benchmarks.codec.measure import plain_row, primed_row
from benchmarks.codec.page import markdown, pays_from
from benchmarks.codec.short import dictionary_row, pieces
from benchmarks.codec.texts import Text

WORDS = b"the quick brown fox jumps over the lazy dog and then it sleeps. "
TEXT = Text("t", "a text", [WORDS[:30] * 40, WORDS[20:] * 30], WORDS * 400)


def zlib_tool(unpack=zlib.decompress, needs="zlib", reach=1 << 20):
    return Compressor("zlib", needs, lambda: "1", zlib.compress, unpack, reach)


def test_a_row_is_a_file_that_came_back():
    row = plain_row(zlib_tool(), TEXT)
    assert row["bytes"] == len(zlib.compress(TEXT.data)) and row["pack_cpu_s"] >= 0
    assert row["bpb"] == pytest.approx(8 * row["bytes"] / len(TEXT.data), abs=1e-5)
    with pytest.raises(SystemExit, match="gave another text back"):
        plain_row(zlib_tool(lambda data: b"else"), TEXT)


def test_a_primed_row_counts_what_the_text_adds_to_as_much_as_the_tool_sees():
    row = primed_row(zlib_tool(), TEXT, 10_000)
    primer = TEXT.primer[-10_000:]
    assert row["primer_bytes"] == 10_000
    assert row["bytes"] == len(zlib.compress(primer + TEXT.data)) - len(zlib.compress(primer))
    assert primed_row(zlib_tool(reach=5000), TEXT, 10_000)["primer_bytes"] == 5000 - len(TEXT.data)


def test_a_model_pays_from_the_size_at_which_both_are_equal():
    ours, other = {"bpb": 1.5, "model_bytes": 1_000_000}, {"bpb": 2.0}
    size = int(pays_from(ours, other).replace(",", ""))
    assert size * ours["bpb"] / 8 + ours["model_bytes"] == pytest.approx(size * other["bpb"] / 8)
    assert pays_from(ours, {"bpb": 1.5}) == "never"


def test_short_texts_are_the_same_each_time_and_whole_characters():
    text = Text("t", "a text", ["ö€".encode() * 4000], WORDS * 3000)
    found = pieces(text, 5)
    assert found == pieces(text, 5) and all(len(piece.decode()) * 2.5 + 2 > 1000 for piece in found)
    assert dictionary_row(text, found)["shared_bytes"] > 0


@pytest.mark.parametrize("tool", [tool for tool in COMPRESSORS if tool.is_here], ids=lambda tool: tool.name)
def test_every_tool_that_is_here_gives_texts_back(tool):
    assert tool.unpack(tool.pack(TEXT.data)) == TEXT.data and tool.version()


def test_rows_join_the_file_and_are_not_measured_twice(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(codec, "COMPRESSORS", (zlib_tool(), zlib_tool(needs="no_such_module")))
    monkeypatch.setattr(codec, "texts_of", lambda options: [TEXT])
    words = ["embedded", "--out", str(tmp_path / "codec")]
    assert codec.main(words) == 0
    said = capsys.readouterr().err
    assert said.count("t: zlib") == 2 and "not here, not measured: zlib" in said
    assert codec.main(words) == 0 and "t: zlib" not in capsys.readouterr().err
    page = (tmp_path / "codec.md").read_text()
    assert (
        "| zlib |" in page
        and "| zlib, primed with 0.0 MB |" in page
        and "`python -m benchmarks.codec embedded`" in page
    )


def test_the_page_ranks_by_bytes_and_says_where_the_model_pays():
    rows = [
        {"tool": "xz", "bytes": 300, "bpb": 2.4, "pack_cpu_s": 0.5, "unpack_cpu_s": 0.1},
        {"tool": "golfctl, q", "bytes": 200, "bpb": 1.6, "model_bytes": 50_000, "bpb_with_model": 401.6,
         "pack_cpu_s": 2.0, "unpack_cpu_s": 4.0},
    ]  # fmt: skip
    found = {
        "texts": {"t": {"what": "a text", "bytes": 1000, "rows": rows}}, "short": {}, "commands": ["c"],
        "tools": {"xz": "5"}, "absent": [], "environment": {"cpus": 2, "processor": "p", "golfctl": "1", "python": "3"},
    }  # fmt: skip
    lines = markdown(found).splitlines()
    table = [line for line in lines if line.startswith("| ")][1:]
    assert table[1:] == [
        "| golfctl, q | 200 | 1.6000 | 401.6000 | 0.0005 | 0.00025 |  |",
        "| xz | 300 | 2.4000 |  | 0.002 | 0.01 | 500,000 |",
    ]
