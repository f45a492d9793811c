"""Parquet with a `text` column, read through pyarrow: an extra that not every install has."""

import pytest

from golfctl.data.text import parquet as rows
from golfctl.data.text.sources import read_documents
from golfctl.errors import DataError, DependencyError

TEXTS = ["first", "zweite é\n", "", "dritte 語"] * 700


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "x.parquet").write_bytes(b"PAR1....PAR1")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(DependencyError, match=r"x.parquet needs pyarrow: pip install 'golfctl\[parquet\]'"):
        list(read_documents([tmp_path / "x.parquet"]))


@pytest.fixture
def write(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'golfctl[parquet]'")
    import pyarrow.parquet as files

    def write(columns, name="x.parquet", **options):
        files.write_table(pyarrow.table(columns), tmp_path / name, **options)
        return tmp_path / name

    write.arrow = pyarrow
    return write


@pytest.mark.parametrize("name", ["x.parquet", "X.PARQUET", "x.bin"])
@pytest.mark.parametrize("group", [1000, 7])
def test_rows_come_in_order_whatever_the_file_is_called(write, name, group):
    path = write({"id": list(range(len(TEXTS))), "text": TEXTS}, name, row_group_size=group)
    found = list(read_documents([path]))
    assert [document.text for document in found] == [text for text in TEXTS if text]
    assert found[2].name == f"{name}:4"


@pytest.mark.parametrize("kind", ["large_string", "string_view", "binary", "dictionary"])
def test_strings_of_every_kind(write, kind):
    column = write.arrow.array(TEXTS)
    column = column.dictionary_encode() if kind == "dictionary" else column.cast(getattr(write.arrow, kind)())
    assert [text for _, text in rows.read_texts(write({"text": column}))] == TEXTS


def test_what_is_wrong_is_named_with_its_row(write, monkeypatch):
    for columns, message in (
        ({"body": ["a"]}, 'no column "text"; there are: body'),
        ({"text": [1]}, 'the column "text" holds int64, not strings'),
        ({"text": ["a", None]}, "row 2 has no text"),
        ({"text": [b"a", b"b", b"\xff"]}, "row 3: not readable as parquet: .*utf-8"),
    ):
        with pytest.raises(DataError, match=rf"x\.parquet: {message}"):
            list(read_documents([write(columns)]))
    monkeypatch.setattr(rows, "MOST_BYTES", 10)
    with pytest.raises(DataError, match=r"row 2: the document there has more than 10 bytes"):
        list(read_documents([write({"text": ["a", "long" * 3]})]))


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_damage_is_an_error_of_the_file(write, damage):
    path = write({"text": TEXTS})
    data = bytearray(path.read_bytes())
    data[8:200] = bytes(192) if damage == "changed" else data[8:200]
    path.write_bytes({"cut": data[:-20], "changed": data, "empty": b"PAR1"}[damage])
    with pytest.raises(DataError, match=r"x\.parquet: row 1: not readable as parquet"):
        list(read_documents([path]))
