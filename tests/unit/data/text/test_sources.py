"""Documents from JSONL, text files and folders; what is bad is named with its file, line and byte."""

import json
import lzma
import os
import tracemalloc

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
        (b'["text"]', r"line 1 has no \"text\" string"),
        (b'{"text": "ok"}\n\n{"n": ' + b"7" * 5000 + b"}", r"line 3 is not JSON that can be read: .*5000 digits"),
        (b'{"text": "ok"}\n' + b"[" * 200_000, r"line 2 is not JSON that can be read: too many brackets"),
        (b'[{"text": "ok"},\n{"n": ' + b"7" * 5000 + b"}]", r"line 2 is not JSON that can be read: .*5000 digits"),
        (b'[{"text": "ok"},\n' + b"[" * 200_000 + b"]" * 200_001, r"line 2 is not JSON that can be read: too many"),
        (b'[{"text": "ok"},\n {"text":\n oops}]', r"line 3 is not JSON: Expecting value"),
        (b'[{"text": "ok"},\n, {"text": "x"}]', r"line 2 is not JSON: Expecting value"),
        (b'[{"text": "ok"},]', r"line 1 is not JSON: Expecting value"),
        (b'[{"text": "ok"},\n{"text": "\xff"}]', r"not UTF-8 \(line 2"),
        (b"prose, and no JSON", r"line 1 is not JSON: Expecting value at column 1"),
        (b'{"text": 5}', r'line 1 has no "text" string'),
        (b'{"text": "\xff"}', r"line 1: byte 10 is not UTF-8"),
        (b'{"text": "\\ud800"}', r"line 1: a lone surrogate escape at character 0"),
    ],
)
def test_bad_lines_are_named(tmp_path, line, message):
    (tmp_path / "bad.jsonl").write_bytes(line)
    with pytest.raises(DataError, match=message):
        list(read_documents([tmp_path / "bad.jsonl"]))


def test_a_name_that_is_no_unicode_is_kept(tmp_path):
    (tmp_path / "odd.jsonl").write_bytes(b'{"name": "\\udcff", "text": "x"}')
    assert [document.name for document in read_documents([tmp_path / "odd.jsonl"])] == ["\udcff"]


def test_bad_files_and_folders(tmp_path):
    (tmp_path / "bad.txt").write_bytes(b"a\nbc\xfe")
    with pytest.raises(DataError, match=r"bad.txt: byte 4 is not UTF-8 \(line 2"):
        list(read_documents([tmp_path / "bad.txt"]))
    with pytest.raises(InputError, match="no such file or folder"):
        list(read_documents([tmp_path / "none"]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no text in this folder"):
        list(read_documents([tmp_path / "empty"]))


LINES = b'{"text": "one", "name": "n"}\n\n{"text": "zwei \\u00e9"}\n'
ARRAY = b'\n[ {"text": "one", "name": "n"},\n\n  {"text": "zwei \\u00e9"}\n]\n'


@pytest.mark.parametrize("ending", [".jsonl", ".JSONL", ".json", ".Json", ".ndjson", ".txt", ".dat", ""])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "mark"])
@pytest.mark.parametrize("pack", [bytes, lzma.compress])
def test_json_is_told_by_its_content(tmp_path, ending, mark, pack):
    listener = Listener()
    for content in (LINES, ARRAY):
        path = tmp_path / f"file{ending}"
        path.write_bytes(pack(mark + content))
        found = list(read_documents([path], listener))
        assert [(document.name, document.text) for document in found] == [
            ("n", "one"),
            (f"{path.name}:3", "zwei é"),
        ] or (content is ARRAY and found[1].name == f"{path.name}:4")
        assert [document.text for document in found] == ["one", "zwei é"]
    assert len(listener.said) == (0 if ending.lower() in (".jsonl", ".ndjson", ".json") else 2)


@pytest.mark.parametrize("name", ["a.txt", "a.TXT", "a.md", "a", "a.tex"])
@pytest.mark.parametrize(
    "text", ["[1] A note\n", "[link](there)", "{curly} start", "{{template}}", "\ufeffmarked, inside \ufeff"]
)
def test_what_is_no_json_is_plain_text(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert [document.text for document in read_documents([tmp_path / name])] == [text.removeprefix("\ufeff")]


def test_marks_of_files_that_were_put_together_are_skipped(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "a"}\n\xef\xbb\xbf{"text": "\xef\xbb\xbfb"}')
    assert [document.text for document in read_documents([tmp_path / "a.jsonl"])] == ["a", "\ufeffb"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_wide_text_is_refused(tmp_path, encoding, name):
    (tmp_path / name).write_text('{"text": "a"}', encoding=encoding)
    with pytest.raises(DataError, match=f"{name}: line 1: not UTF-8, but UTF-16"):
        list(read_documents([tmp_path / name]))


def test_what_looks_like_json_is_never_taken_for_text(tmp_path):
    for name, content in (
        ("a.txt", b'{"text": "cut'),
        ("b.json", b'{\n  "text": "pretty"\n}'),
        ("c.dat", b'[{"body": "x"}]'),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name}: line 1 (is not JSON|has no)"):
            list(read_documents([tmp_path / name]))


def test_folders_are_searched_for_endings_in_any_case(tmp_path):
    (tmp_path / "A.JSONL").write_bytes(LINES)
    (tmp_path / "b.json").write_bytes(ARRAY)
    (tmp_path / "c.Txt.XZ").write_bytes(lzma.compress(b"plain"))
    (tmp_path / "settings.json").write_bytes(b'{"indent": 4}')
    os.mkfifo(tmp_path / "pipe.txt")
    listener = Listener()
    found = [document.text for document in read_documents([tmp_path], listener)]
    assert found == ["one", "zwei é", "one", "zwei é", "plain"]
    assert listener.said == [f"{tmp_path}: 1 files of other types were left out"]


@pytest.mark.parametrize("form", ["plain", "lines", "array"])
def test_at_most_two_copies_of_a_document_are_held(tmp_path, form):
    size = 12 << 20
    large = b"x" * size
    record = b'{"text": "' + large + b'"}'
    path = tmp_path / "large"
    path.write_bytes(
        {"plain": large, "lines": record + b"\n" + record, "array": b"[" + record + b"," + record + b"]"}[form]
    )
    documents = read_documents([path, path])
    tracemalloc.start()
    try:
        while next(documents, None) is not None:
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2.2 * size + (6 << 20)  # a growing buffer has room to spare, and what was read ahead


def test_a_pointer_to_a_text_is_no_text(tmp_path):
    oid = "0" * 64
    (tmp_path / "a.txt").write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 99\n")
    with pytest.raises(InputError, match="git-LFS pointer for an object of 99 bytes"):
        list(read_documents([tmp_path / "a.txt"]))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(InputError, match="cannot read .*Permission denied"):
        list(read_documents([tmp_path / "a.txt"]))
