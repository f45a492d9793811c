import errno
import json
import multiprocessing
import os
import shutil
from io import FileIO

import pytest

from golfctl.core.journal import GENESIS, Journal, add_receipt, read_journal
from golfctl.errors import CheckpointError, InputError, StorageError


def write(path, count=3):
    journal = Journal(path)
    return [journal.append("step", {"n": n}) for n in range(count)]


def test_records_chain(tmp_path):
    records = write(tmp_path / "j")
    assert records[0].prev == GENESIS and records[2].prev == records[1].hash
    assert read_journal(tmp_path / "j").records == records


def test_reopening_continues_the_chain(tmp_path):
    first = write(tmp_path / "j")[-1]
    journal = Journal(tmp_path / "j")
    assert journal.head == first.hash
    assert journal.append("pack", {}).prev == first.hash
    assert len(read_journal(tmp_path / "j").records) == 4


def test_a_torn_last_line_is_dropped_and_reported(tmp_path):
    path = tmp_path / "j"
    write(path)
    path.write_bytes(path.read_bytes() + b'{"kind":"st')
    journal = Journal(path)
    assert journal.torn == b'{"kind":"st'
    journal.append("step", {"n": 3})
    assert [r.body["n"] for r in read_journal(path).records] == [0, 1, 2, 3]


@pytest.mark.parametrize("change", ["edit", "remove", "swap", "garbage"])
def test_any_change_breaks_the_chain(tmp_path, change):
    path = tmp_path / "j"
    write(path)
    lines = path.read_bytes().splitlines(keepends=True)
    if change == "edit":
        record = json.loads(lines[1])
        record["body"]["n"] = 9
        lines[1] = json.dumps(record).encode() + b"\n"
    elif change == "remove":
        del lines[1]
    elif change == "swap":
        lines[0], lines[1] = lines[1], lines[0]
    else:
        lines[1] = b"not json\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(CheckpointError, match="line "):
        read_journal(path)


def test_missing_journal(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_journal(tmp_path / "absent")


def test_two_writers_continue_one_chain(tmp_path):
    path = tmp_path / "journal.jsonl"
    training, evaluation = Journal(path), Journal(path)
    training.append("a", {})
    evaluation.append("b", {})
    training.append("c", {})
    assert [record.kind for record in read_journal(path).records] == ["a", "b", "c"]
    assert training.head == read_journal(path).records[-1].hash


def append_many(path, writer, count):
    journal = Journal(path)
    for number in range(count):
        journal.append("race", {"writer": writer, "number": number})


def test_writers_at_once_keep_one_chain(tmp_path):
    path, fork = tmp_path / "j", multiprocessing.get_context("fork")
    Journal(path).append("start", {})
    writers = [fork.Process(target=append_many, args=(path, writer, 60)) for writer in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    bodies = [record.body for record in read_journal(path).records[1:]]
    assert len(bodies) == 120 and os.listdir(tmp_path) == ["j"]
    for writer in range(2):
        assert [body["number"] for body in bodies if body["writer"] == writer] == list(range(60))


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("before", [0, 2])
def test_a_failed_append_leaves_the_journal_as_it_was(tmp_path, monkeypatch, before):
    path, said = tmp_path / "j", []
    journal = Journal(path, said.append)
    for n in range(before):
        journal.append("step", {"n": n})
    held = path.read_bytes() if before else None
    with monkeypatch.context() as patch, pytest.raises(StorageError, match="no room left to write .*; it is as it was"):
        patch.setattr(os, "fsync", full)
        journal.append("step", {"n": before})
    assert (path.read_bytes() if path.exists() else None) == held
    journal.append("step", {"n": before})
    assert len(read_journal(path).records) == before + 1 and not said


def test_an_append_that_cannot_be_taken_back_is_removed_by_the_next_writer(tmp_path, monkeypatch):
    path, said = tmp_path / "j", []
    write(path)

    class Stuck(FileIO):
        def write(self, data):
            if os.fstat(self.fileno()).st_size > size:
                full()
            return super().write(bytes(data)[:7])

        def truncate(self, size=None):
            full()

    size, first = path.stat().st_size, Journal(path)
    with (
        monkeypatch.context() as patch,
        pytest.raises(StorageError, match="torn, and the next writer"),
    ):
        patch.setattr("golfctl.core.journal.FileIO", Stuck)
        first.append("step", {"n": 3})
    assert len(read_journal(path).torn) == 7
    Journal(path, said.append).append("step", {"n": 3})
    first.append("step", {"n": 4})
    assert [r.body["n"] for r in read_journal(path).records] == [0, 1, 2, 3, 4]
    assert said == [f"{path}: dropped a torn last line of 7 bytes"]


def test_a_line_torn_by_another_meanwhile_is_removed(tmp_path):
    journal, said = Journal(tmp_path / "j", lambda message: said.append(message)), []
    journal.append("step", {"n": 0})
    with (tmp_path / "j").open("ab") as stream:
        stream.write(b'{"kind"')
    journal.append("step", {"n": 1})
    assert len(read_journal(tmp_path / "j").records) == 2 and len(said) == 1


def test_a_journal_that_went_is_not_begun_again(tmp_path):
    journal = Journal(tmp_path / "run" / "j")
    journal.append("step", {})
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(StorageError, match="j is gone"):
        journal.append("step", {})
    assert os.listdir(tmp_path) == []


def test_a_journal_that_another_program_cut_is_not_written_to(tmp_path):
    path = tmp_path / "j"
    write(path)
    journal = Journal(path)
    cut = path.read_bytes()[:-1]
    path.write_bytes(cut)
    with pytest.raises(CheckpointError, match="shorter than it was"):
        journal.append("step", {})
    assert path.read_bytes() == cut


def test_a_folder_that_takes_no_writes_gets_no_receipt_and_that_is_said(tmp_path, monkeypatch):
    path, said = tmp_path / "j", []
    write(path)
    monkeypatch.setattr(os, "access", lambda place, mode: False)  # root may write anywhere
    assert add_receipt(path, "eval", {}, said.append) is None
    assert len(read_journal(path).records) == 3 and "no receipt of this eval" in said[0]
    monkeypatch.undo()
    assert add_receipt(path, "eval", {}, said.append).seq == 3
