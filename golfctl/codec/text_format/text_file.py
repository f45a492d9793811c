"""A `text/1` file: preamble, header, then with no gap an embedded artifact, the checks, the patches and the payload."""

from dataclasses import dataclass
from pathlib import Path

from golfctl.codec.rows.token_checks import CHECK_BYTES, check_count
from golfctl.codec.text_format.text_header import TextHeader, read_header, store_header
from golfctl.codec.text_format.text_layout import (
    NO_ARTIFACT,
    PREAMBLE_BYTES,
    TEXT_LIMITS,
    TextLimits,
    TextPreamble,
    parse_text_preamble,
    sealed,
    short_digest,
)
from golfctl.codec.text_format.text_rules import TextRuleError, fail

_EMPTY = memoryview(b"")


@dataclass(frozen=True)
class TextFile:
    """The parts of a file; those that it does not have are empty."""

    header: TextHeader
    artifact: bytes
    """What names the artifact: the first 16 bytes of its SHA-256."""
    text: bytes
    """The first 16 bytes of the text's SHA-256."""
    embedded: memoryview
    checks: memoryview
    patches: memoryview
    payload: memoryview

    @property
    def body(self) -> bytes:
        """What follows the header."""
        return b"".join((self.embedded, self.checks, self.patches, self.payload))

    def to_bytes(self) -> bytes:
        """The whole file."""
        stored, coder, raw_bytes = store_header(self.header)
        return sealed(stored, coder, raw_bytes, self.body, self.artifact, self.text)


def stored_file(header: TextHeader, text: bytes, payload: bytes) -> TextFile:
    """The file of a text that a general coder holds whole."""
    return TextFile(header, NO_ARTIFACT, short_digest(text), _EMPTY, _EMPTY, _EMPTY, memoryview(payload))


def read_text_file(data: bytes, path: Path | None = None, limits: TextLimits = TEXT_LIMITS) -> TextFile:
    """Check a file and take it apart; nothing in it is decoded but the header.

    Raises:
        TextRuleError: the first broken rule; it names `path`.
    """
    try:
        preamble = parse_text_preamble(data, limits)
        view = memoryview(data)[PREAMBLE_BYTES:]
        stored = view[: preamble.header_bytes]
        header = read_header(stored, preamble.header_coder, preamble.header_raw_bytes, limits)
        return _parts(preamble, header, view[preamble.header_bytes :])
    except TextRuleError as error:
        error.source = "" if path is None else str(path)
        raise


def _parts(preamble: TextPreamble, header: TextHeader, body: memoryview) -> TextFile:
    rows = header.rows
    embedded = rows.artifact_bytes or 0 if rows else 0
    checks = embedded + (check_count(rows.tokens) * CHECK_BYTES if rows else 0)
    patches = checks + (rows.patches.bytes if rows and rows.patches else 0)
    if patches > len(body):
        fail("layout", f"{patches:,} bytes of artifact, checks and patches", f"{len(body):,} bytes")
    if embedded and short_digest(body[:embedded]) != preamble.artifact:
        fail("artifact", preamble.artifact.hex(), short_digest(body[:embedded]).hex())
    if (rows is None) != (preamble.artifact == NO_ARTIFACT):
        fail("artifact", "zeros exactly where no artifact is needed", preamble.artifact.hex())
    return TextFile(
        header,
        preamble.artifact,
        preamble.text,
        embedded=body[:embedded],
        checks=body[embedded:checks],
        patches=body[checks:patches],
        payload=body[patches:],
    )
