"""The header of a `text/1` file: canonical JSON of a few fields, stored under a preset dictionary."""

import json
import zlib
from typing import Annotated, Any, Literal

from pydantic import Field

from golfctl.codec.text_format.text_layout import TextLimits
from golfctl.codec.text_format.text_rules import fail
from golfctl.core.canonical import canonical_json
from golfctl.core.config import Config
from golfctl.core.text import printable
from golfctl.errors import ConfigError
from golfctl.scoring.config import EvalConfig, Technique

_DEEPEST = 8
PRESET = (
    b'{"stored":{"coder":"zlib/1","bytes":}"lzma/1""zstd/1""rans/1""raw/1","text_bytes":'
    b'"calibrate":{"bias_lr":0.02,"every":32,"lr":0.02},"ctw":{"depth":4},"context":"documents",'
    b'"slot":{"betas":[0.9,0.999],"bias":false,"eps":1e-05,"form":"causal","lr":0.003,"span":256,"steps":5,'
    b'"weight_decay":1e-08},"stride":64,"ttt":{"batch_sequences":32,"chunk":32768,"epochs":3,"form":"sgd",'
    b'"freeze_blocks":0,"grad_clip":1.0,"lr":0.002,"momentum":0.9,"schedule":"cosine","weight_decay":0.0}'
    b'"patches":{"bytes":,"coder":"lzma/1","raw_bytes":"documents":{"count":,"last_rows":'
    b'"arithmetic":"same-machine/","artifact_bytes":,"tokenizer":"'
    b'{"rows":{"arithmetic":"portable/1","given":1,"lanes":32,"stack":{"mix":{"every":32,"lr":0.1,"rule":"geometric",'
    b'"share":1e-06},"ngram":{"discount":0.8,"form":"exact","order":7,"strength":0.5},"rolling":true,"seq_len":256},'
    b'"tokens":{"rows":{"arithmetic":"portable/1","given":1,"lanes":1,"stack":{"rolling":true,"seq_len":1024},'
    b'"tokens":},"text_bytes":}'
)
"""What headers look like: a part of the format, so it never changes."""
_Count = Annotated[int, Field(ge=0)]
_Some = Annotated[int, Field(ge=1)]
Kept = Literal["raw/1", "zlib/1", "lzma/1", "zstd/1", "rans/1"]
ACTING = ("context", "seq_len", "stride", "rolling", "ttt", "slot", "ngram", "ctw", "mix", "calibrate")
"""Fields of the `[eval]` table that rows of steps depend on."""


IDLE_STRIDE = {"stride": 1}
"""What a rolling cache does not look at, within any length."""


class StoredPart(Config):
    """Bytes under a general coder: their stored and their decoded length."""

    bytes: _Some
    coder: Kept
    raw_bytes: _Some


class Documents(Config):
    """The text is `count` documents; all but the last, of `last_rows` rows, end with the token given first."""

    count: _Some
    last_rows: _Some


class CodedRows(Config):
    """How the rows were made that the payload was coded with."""

    arithmetic: Annotated[str, Field(pattern=r"^(portable/[1-9][0-9]{0,3}|same-machine/[0-9a-f]{16})\z")]
    given: _Count
    lanes: _Some
    stack: dict[str, Any]
    tokens: _Some
    artifact_bytes: _Some | None = None
    documents: Documents | None = None
    patches: StoredPart | None = None
    tokenizer: Annotated[str, Field(pattern=r"^[0-9a-f]{64}\z")] | None = None

    @property
    def config(self) -> EvalConfig:
        """The `[eval]` table; raises ConfigError."""
        return EvalConfig.from_dict(IDLE_STRIDE | self.stack if self.stack.get("rolling") else self.stack, "stack")


class TextHeader(Config):
    """Either `rows`, or `stored`: the name of the general coder that holds the whole text."""

    text_bytes: _Count
    rows: CodedRows | None = None
    stored: Kept | None = None

    def text(self) -> bytes:
        """Canonical JSON; fields that have nothing to say are absent."""
        return canonical_json(self.model_dump(mode="json", exclude_none=True), unicode_only=True)


def acting_stack(config: EvalConfig) -> dict[str, Any]:
    """The `[eval]` table of a resolved configuration as a header holds it: what rows depend on, and nothing else."""
    stack: dict[str, Any] = {}
    for name in ACTING:
        part = getattr(config, name)
        if part is None or part is False or (name == "stride" and config.rolling):
            continue
        values = config.to_dict()[name]
        if isinstance(part, Technique):
            values = {key: value for key, value in values.items() if value is not None and key not in part.idle()}
        stack[name] = values
    if stack["context"] == "sliding":
        del stack["context"]
    return stack


def store_header(header: TextHeader) -> tuple[bytes, int, int]:
    """The stored header, the number of its coder, and the length of its text."""
    text = header.text()
    stream = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, PRESET)
    stored = stream.compress(text) + stream.flush()
    return (stored, 1, len(text)) if len(stored) < len(text) else (text, 0, len(text))


def read_header(stored: memoryview, coder: int, raw_bytes: int, limits: TextLimits) -> TextHeader:
    """The checked header.

    Raises:
        TextRuleError: the first broken rule.
    """
    text = _decoded(stored, coder, raw_bytes)
    value = _object_of(text)
    try:
        header = TextHeader.from_dict(value, "header")
        if header.rows:
            config = header.rows.config
            if acting_stack(config) != header.rows.stack:
                fail("header-fields", "a stack of what rows depend on, every value stated", str(header.rows.stack))
    except ConfigError as error:
        fail("header-fields", "fields of text/1", printable(str(error)))
    if header.text() != text:
        fail("header-fields", "fields that have nothing to say absent, integers as such", "another form")
    _check_limits(header, limits)
    return header


def _decoded(stored: memoryview, coder: int, raw_bytes: int) -> bytes:
    text, ended, left_over = bytes(stored), True, 0
    if coder == 1:
        stream = zlib.decompressobj(-15, zdict=PRESET)
        try:
            text = stream.decompress(stored, raw_bytes + 1)
        except zlib.error as error:
            fail("header-decode", "a deflate stream", str(error))
        ended, left_over = stream.eof, len(stream.unused_data)
    if len(text) != raw_bytes or not ended or left_over:
        fail("header-decode", f"{raw_bytes:,} bytes and the end", f"{len(text):,} bytes, {left_over:,} after the end")
    return text


def _object_of(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
        canonical = canonical_json(value, unicode_only=True)
    except (ValueError, RecursionError) as error:
        fail("header-json", "JSON", printable(str(error)))
    if not isinstance(value, dict) or canonical != text:
        fail("header-json", "one object in canonical form", "another form")
    if not _shallow(value, _DEEPEST):
        fail("header-json", f"at most {_DEEPEST} levels", "more")
    return value


def _shallow(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_shallow(item, levels - 1) for item in inner)


def _check_limits(header: TextHeader, limits: TextLimits) -> None:
    if (header.rows is None) == (header.stored is None):
        fail("header-fields", "one of rows and stored", "both or none")
    _at_most("text_bytes", header.text_bytes, limits.text_bytes)
    if header.rows is None:
        return
    rows, config = header.rows, header.rows.config
    if config.seq_len is None:
        fail("header-fields", "stack.seq_len", "none")
    if config.leaks or config.allow_leaks:
        fail("header-fields", "an honest stack", "one that leaks")
    _at_most("tokens", rows.tokens, limits.tokens)
    _at_most("lanes", rows.lanes, limits.lanes)
    _at_most("lanes × seq_len", rows.lanes * config.seq_len, limits.positions)
    if rows.patches:
        _at_most("patches", rows.patches.raw_bytes, limits.patch_bytes)
    if rows.documents:
        _at_most("documents", rows.documents.count - 1 + rows.documents.last_rows, rows.tokens)


def _at_most(name: str, value: int, limit: int) -> None:
    if value > limit:
        fail("header-fields", f"{name} of at most {limit:,}", value)
