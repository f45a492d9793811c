"""Documents from JSONL, text files and folders; what is bad is named with its file, line and byte."""

import json
import lzma

import pytest

from golfctl.data.text.sources import read_documents
from golfctl.errors import DataError, InputError


class Listener:
    """Keeps what it is told."""

    def __init__(self):
        self.said = []

    def say(self, message):
        self.said.append(message)


def test_files_and_folders_in_order(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_text("plain\n", encoding="utf-8")
    (tmp_path / "sub" / "a.md").write_text("deeper", encoding="utf-8")
    (tmp_path / "sub" / "ignored.png").write_bytes(b"\x89PNG")
    lines = [{"text": "first", "name": "n1"}, {"text": "zweite é", "other": 1}, {"text": ""}]
    packed = lzma.compress("\n\n".join(map(json.dumps, lines)).encode())
    (tmp_path / "c.jsonl.xz").write_bytes(packed)
    listener = Listener()
    found = list(read_documents([tmp_path], listener))
    assert [document.text for document in found] == ["plain\n", "first", "zweite é", "deeper"]
    assert found[1].name == "n1" and found[2].data == "zweite é".encode()
    assert any("1 files of other types" in line for line in listener.said)
    assert any("1 documents without any text" in line for line in listener.said)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": "ok"}\n{"text": ', r"bad.jsonl: line 2 is not JSON: .* at column"),
        (b'{"text": "ok"}\n{"body": "x"}', r'line 2 has no "text" string'),
        (b'["text"]', r'line 1 has no "text" string'),
        (b'{"text": 5}', r'line 1 has no "text" string'),
        (b'{"text": "\xff"}', r"line 1: byte 10 is not UTF-8"),
        (b'{"text": "\\ud800"}', r"line 1: a lone surrogate escape at character 0"),
    ],
)
def test_bad_lines_are_named(tmp_path, line, message):
    (tmp_path / "bad.jsonl").write_bytes(line)
    with pytest.raises(DataError, match=message):
        list(read_documents([tmp_path / "bad.jsonl"]))


def test_bad_files_and_folders(tmp_path):
    (tmp_path / "bad.txt").write_bytes(b"abc\xfe")
    with pytest.raises(DataError, match=r"bad.txt: byte 3 is not UTF-8"):
        list(read_documents([tmp_path / "bad.txt"]))
    with pytest.raises(InputError, match="no such file or folder"):
        list(read_documents([tmp_path / "none"]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no text in this folder"):
        list(read_documents([tmp_path / "empty"]))
