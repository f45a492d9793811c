"""The bytes of a text source cut into records, each of which holds one document: the whole, its lines, or the elements
of a JSON array.

A reader empties a record's bytes when it has decoded them: a large document is then never in memory three times.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from golfctl.errors import DataError

MOST_BYTES = 256_000_000
_OUTSIDE, _INSIDE = re.compile(rb'["\[\]{},]'), re.compile(rb'["\\]')  # what matters outside and inside of a string


class Record(NamedTuple):
    """Bytes of one document and the line of the source, from 1, where they begin; `is_line`: they are that line."""

    line: int
    data: bytearray
    is_line: bool = False


def whole(chunks: Iterable[bytes], where: str) -> Iterator[Record]:
    """All of a source as one record.

    Raises:
        DataError: more than MOST_BYTES.
    """
    data = bytearray()
    for chunk in chunks:
        _extend(data, chunk, where, 1)
    yield Record(1, data)


def lines(chunks: Iterable[bytes], where: str) -> Iterator[Record]:
    """Lines without their newline, but not those of white space; a last line without a newline counts too.

    Raises:
        DataError: a line of more than MOST_BYTES.
    """
    number, data = 1, bytearray()
    for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            _extend(data, end, where, number)
            if data and not data.isspace():
                yield Record(number, data, True)
            number, data = number + 1, bytearray()
        _extend(data, rest, where, number)
    if data and not data.isspace():
        yield Record(number, data, True)


def elements(chunks: Iterable[bytes], where: str) -> Iterator[Record]:
    """The elements of the JSON array that a source holds, without the space before them. Only strings and brackets are
    looked at: whether an element is JSON is for its reader to find.

    Raises:
        DataError: an element of more than MOST_BYTES, an array that does not end, or text after its end.
    """
    line, data, found, closed = 1, bytearray(), False, False
    for piece, sign in _pieces(chunks):
        if not data:
            begin = len(piece) - len(piece.lstrip(b" \t\r\n"))
            line += piece.count(b"\n", 0, begin)
            piece = piece[begin:]
        if closed and (sign or piece):
            raise DataError(f"{where}: line {line} is not JSON: text after the end of the array")
        _extend(data, piece, where, line)
        if not sign:
            continue
        closed, newlines = sign == b"]", data.count(b"\n")
        if data or found or not closed:  # `[]` has none
            yield Record(line, data)
        line, data, found = line + newlines, bytearray(), True
    if not closed:
        raise DataError(f"{where}: line {line + data.count(10)} is not JSON: the file ends inside of its array")


def _pieces(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """What an array holds, cut after chunks and elements; each piece with the comma or bracket after it, or b""."""
    depth, in_string, position, begin = -1, False, 0, 0
    for chunk in chunks:
        while mark := (_INSIDE if in_string else _OUTSIDE).search(chunk, position):
            position, sign = mark.end(), mark[0]
            if in_string:
                in_string = sign != b'"'
                position += sign == b"\\"  # whatever it escapes, which may be the first byte of the next chunk
            elif sign == b'"':
                in_string = True
            elif sign in b"[{":
                depth += 1
                if not depth:  # the array begins; the space before it counts for its lines
                    chunk = chunk[: mark.start()] + b" " + chunk[position:]
            elif depth and sign in b"]}":
                depth -= 1
            elif not depth and sign != b"}":
                yield chunk[begin : mark.start()], sign
                begin = position
        yield chunk[begin:], b""
        position, begin = max(0, position - len(chunk)), 0


def _extend(data: bytearray, more: bytes, where: str, line: int) -> None:
    if len(data) + len(more) > MOST_BYTES:
        raise DataError(f"{where}: line {line}: the document there has more than {MOST_BYTES:,} bytes; split it")
    data += more
