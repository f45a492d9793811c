import json

import pytest

from golfctl.core.journal import GENESIS, Journal, read_journal
from golfctl.errors import CheckpointError, InputError


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
