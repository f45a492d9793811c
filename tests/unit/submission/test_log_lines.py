"""Lines of log files: encodings, packed files, and sizes beyond what is read."""

import gzip

import pytest

from golfctl.submission.logs import LogLines, read_facts
from golfctl.submission.logs.lines import LINE_CHARACTERS

WINDOW_BYTES = 4096
END = "final_int6 val_bpb:1.1228\n"


def facts(path, data):
    path.write_bytes(data)
    lines = LogLines(path)
    return read_facts(lines), lines.cut


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("filler", [0, 3 * WINDOW_BYTES, 9 * WINDOW_BYTES + 1])
def test_encodings_newlines_and_sizes(tmp_path, monkeypatch, encoding, newline, filler):
    """A log of any size in an encoding that a mark tells; the end of it is always read."""
    monkeypatch.setattr("golfctl.submission.logs.lines.WINDOW_BYTES", WINDOW_BYTES)
    line = "nothing to read here: été\n"
    text = ("seed: 42\n" + line * (filler // len(line)) + END).replace("\n", newline)
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    found, cut = facts(tmp_path / "a.log", mark + text.encode(encoding))
    assert found.seed == 42 and [s.bpb for s in found.scores] == [1.1228]
    assert bool(cut) == bool(filler)


@pytest.mark.parametrize("shift", range(30))
def test_a_window_ends_with_a_whole_line(tmp_path, monkeypatch, shift):
    """Wherever the windows fall, every score is read whole or not at all."""
    monkeypatch.setattr("golfctl.submission.logs.lines.WINDOW_BYTES", 200 + shift)
    found, cut = facts(tmp_path / "a.log", b"x val_bpb:1.122867\n" * 40)
    assert {s.bpb for s in found.scores} == {1.122867} and 18 <= len(found.scores) <= 24 and "not read" in cut


def test_a_sparse_log_of_a_terabyte(tmp_path):
    path = tmp_path / "a.log"
    with path.open("wb") as stream:
        stream.write(b"seed:7\n")
        stream.truncate(1 << 40)
        stream.seek(0, 2)
        stream.write(b"\n" + END.encode())
    lines = LogLines(path)
    found = read_facts(lines)
    assert found.seed == 7 and [s.bpb for s in found.scores] == [1.1228] and "not read" in lines.cut


def test_a_huge_line_does_not_hide_the_next_one(tmp_path):
    data = b"a" * (LINE_CHARACTERS * 5) + b"\n" + END.encode()
    found, cut = facts(tmp_path / "a.log", data)
    assert [s.bpb for s in found.scores] == [1.1228] and "line" in cut


def test_of_a_huge_line_no_number_is_cut_in_the_middle(tmp_path):
    begin = b"val_bpb:1.5 "
    found, _ = facts(tmp_path / "a.log", begin + b"bpb:" + b"1" * LINE_CHARACTERS)
    assert [s.bpb for s in found.scores] == [1.5]


def test_packed_logs(tmp_path, monkeypatch):
    monkeypatch.setattr("golfctl.submission.logs.lines.WINDOW_BYTES", WINDOW_BYTES)
    data = gzip.compress(b"seed:1\n" + END.encode())
    assert facts(tmp_path / "a.log.gz", data)[0].scores[0].bpb == 1.1228
    for damaged in (data[:-9], b"no gzip", b"", data[:12] + b"\0\0\0\0" + data[16:]):
        found, cut = facts(tmp_path / "a.log.gz", damaged)
        assert cut or damaged == b""
    bomb = gzip.compress(bytes(8 * WINDOW_BYTES) + b"\n" + END.encode())
    found, cut = facts(tmp_path / "b.log.gz", bomb)
    assert not found.scores and "not unpacked" in cut


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 5000, bytes(range(256)) * 500, b"\xff\xfe\x00", b"\xd8\x00" * 99, b"\r\n\r"]
)
def test_bytes_that_are_no_text(tmp_path, data):
    found, _ = facts(tmp_path / "a.log", data)
    assert not found.scores
