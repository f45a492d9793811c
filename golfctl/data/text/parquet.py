"""Parquet files with a `text` column, as FineWeb is published: read in small batches through pyarrow, an extra.

Source of the marks: https://parquet.apache.org/docs/file-format/
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from golfctl.core.files import read_errors
from golfctl.core.machine.libraries import need
from golfctl.data.text.records import MOST_BYTES
from golfctl.errors import DataError

ENDING, COLUMN = ".parquet", "text"
MAGIC = b"PAR1"  # at both ends of a file
_BATCH_BYTES, _MOST_ROWS = 1 << 20, 1024


def is_parquet(path: Path) -> bool:
    """Whether a file bears the marks of parquet; one that is called so needs only the first: its end may be lost.

    Raises:
        InputError: missing or unreadable.
    """
    with read_errors(path), path.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            return False
        stream.seek(-len(MAGIC), 2)
        return stream.read() == MAGIC or path.suffix.lower() == ENDING


def read_texts(path: Path) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of every row.

    Raises:
        DependencyError: pyarrow is not installed.
        DataError: damaged; no column of strings called `text`; a row without text, not UTF-8 or too large.
    """
    need(f"reading {path}", "pyarrow")
    row = 0
    try:
        for column in _columns(path):
            for value in column:
                text = _text(value, f"{path}: row {row + 1}")
                row += 1
                yield row, text
    except DataError:
        raise
    except Exception as error:  # pyarrow's own kinds, and whatever Python raises inside of it
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path}: row {row + 1}: not readable as parquet: {what}") from error


def _columns(path: Path) -> Iterator[Any]:
    """The text column in batches of about _BATCH_BYTES, as far as the rows are alike."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BATCH_BYTES) as file:
        names = file.schema_arrow.names
        if COLUMN not in names:
            shown = ", ".join(names[:8]) or "none"
            raise DataError(f'{path}: no column "{COLUMN}"; there are: {shown}')
        _check_type(file.schema_arrow.field(COLUMN).type, path)
        for group in range(file.num_row_groups):
            rows = _batch_rows(file.metadata.row_group(group))
            batches = file.iter_batches(rows, row_groups=[group], columns=[COLUMN], use_threads=False)
            yield from map(_plain_column, batches)


def _plain_column(batch: Any) -> Any:
    column = batch.column(0)
    return column.dictionary_decode() if hasattr(column, "dictionary_decode") else column


def _check_type(kind: Any, path: Path) -> None:
    from pyarrow import types

    inner = kind.value_type if types.is_dictionary(kind) else kind
    known = (types.is_string, types.is_large_string, types.is_string_view, types.is_binary, types.is_large_binary)
    if not any(test(inner) for test in known):
        raise DataError(f'{path}: the column "{COLUMN}" holds {kind}, not strings')


def _batch_rows(group: Any) -> int:
    columns = [group.column(i) for i in range(group.num_columns)]
    size = sum(column.total_uncompressed_size for column in columns if column.path_in_schema == COLUMN)
    return max(1, min(_MOST_ROWS, _BATCH_BYTES * group.num_rows // max(size, 1)))


def _text(value: Any, where: str) -> str:
    data = value.as_buffer()
    if data is None:
        raise DataError(f"{where} has no text (null)")
    if data.size > MOST_BYTES:
        raise DataError(f"{where}: the document there has more than {MOST_BYTES:,} bytes; split it")
    return str(data, "utf-8")
