"""A text to the bytes of a `text/1` file: through the model, or whole under a general coder where that is smaller."""

from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np

from golfctl.codec.decompressing import decompress
from golfctl.codec.rows.drivers import Coded, KnownText, encode_texts
from golfctl.codec.text_format.patches import pack_patches
from golfctl.codec.text_format.text_file import TextFile, read_text_file, stored_file
from golfctl.codec.text_format.text_header import CodedRows, Documents, Kept, StoredPart, TextHeader, acting_stack
from golfctl.codec.text_format.text_layout import TEXT_LIMITS, short_digest
from golfctl.codec.text_format.text_rules import fail
from golfctl.codec.text_model import TextModel, arithmetic, arithmetic_name, lanes_for
from golfctl.codec.tokens_of_bytes import Cut, cut
from golfctl.coding.choice import AUTO, CoderChoice
from golfctl.core.progress import SILENT, Progress
from golfctl.errors import UsageError
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.steps.lanes import cut_in


@dataclass(frozen=True)
class Options:
    """How to compress.

    lanes: None: by the length of the text. embed: the artifact goes into the file. same_machine: ordinary arithmetic.
    store: whether a text is stored whole where that is smaller; without tokens it is in any case.
    """

    lanes: int | None = None
    embed: bool = False
    same_machine: bool = False
    store: bool = True
    verify: bool = True


def compress(
    text: bytes, model: TextModel, config: EvalConfig, options: Options, progress: Progress = SILENT
) -> tuple[bytes, TextFile]:
    """The file, and what it holds; decoded again in full unless `options` say not to.

    Raises:
        UsageError: the text or the lanes are beyond what the format holds, or the stack cannot go by steps.
    """
    if len(text) > TEXT_LIMITS.text_bytes:
        raise UsageError(f"the text has {len(text):,} bytes; a file holds at most {TEXT_LIMITS.text_bytes:,}: cut it")
    stored = _stored_whole(text)
    found = by_model(text, model, model.settled(config), options, len(stored.payload), progress)
    by_rows = found is not None and (not options.store or _size(found) < _size(stored))
    data = (found if found is not None and by_rows else stored).to_bytes()
    file = read_text_file(data)
    if options.verify and decompress(file, model, progress, "verifying") != text:
        fail("text", "the text", "another")
    return data, file


def _size(file: TextFile) -> int:
    """Bytes of the file without an embedded artifact, which is there because it was asked for."""
    return len(file.to_bytes()) - len(file.embedded)


def _stored_whole(text: bytes) -> TextFile:
    best = general(text)
    return stored_file(TextHeader(text_bytes=len(text), stored=best.coder), text, best.data)


class General(NamedTuple):
    """Bytes under a general coder, and their decoded length."""

    coder: Kept
    data: bytes
    raw_bytes: int


def general(data: bytes) -> General:
    """The smallest that a kept general coder makes of `data`."""
    coder, _, stored = CoderChoice(AUTO, {}).encode(np.frombuffer(data, np.uint8))
    return General(cast(Kept, coder), stored, len(data))


def by_model(
    text: bytes, model: TextModel, config: EvalConfig, options: Options, stored_bytes: int, progress: Progress
) -> TextFile | None:
    """The file of coded rows; None where it is clear before any row that storing is smaller."""
    found = cut(model.tokenizer, text)
    tokens = len(found.targets_N)
    if tokens == 0 or tokens > TEXT_LIMITS.tokens:
        return None
    patched = general(pack_patches(found.patches)) if found.patches else None
    if options.store and patched is not None and len(patched.data) >= stored_bytes:
        return None
    assert config.seq_len is not None
    lanes = options.lanes or lanes_for(tokens, config.seq_len)
    check_lanes(lanes, config.seq_len)
    name = arithmetic_name(options.same_machine)
    with arithmetic(name):
        parts = [KnownText(found.given, found.targets_N[p.first : p.stop]) for p in cut_in(lanes, tokens)]
        coded = encode_texts(model.scorer(config, lanes, tokens), parts, lanes, model.vocab_size, progress)
    return rows_file(text, found, coded, model, config, lanes, name, options.embed, patched=patched)


def check_lanes(lanes: int, seq_len: int) -> None:
    """Raise UsageError for more lanes than the format holds."""
    most = min(TEXT_LIMITS.lanes, TEXT_LIMITS.positions // seq_len)
    if lanes > most:
        raise UsageError(f"{lanes:,} lanes of {seq_len:,} tokens: a file holds at most {most:,} such lanes")


def rows_file(
    text: bytes,
    found: Cut,
    coded: Coded,
    model: TextModel,
    config: EvalConfig,
    lanes: int,
    arithmetic_used: str,
    embed: bool,
    documents: Documents | None = None,
    patched: General | None = None,
) -> TextFile:
    """The file of rows that were coded with a settled `config`."""
    if found.patches and patched is None:
        patched = general(pack_patches(found.patches))
    part = patched and StoredPart(bytes=len(patched.data), coder=patched.coder, raw_bytes=patched.raw_bytes)
    rows = CodedRows(
        arithmetic=arithmetic_used,
        given=found.given,
        lanes=lanes,
        stack=acting_stack(config),
        tokens=len(found.targets_N),
        artifact_bytes=len(model.artifact_bytes) if embed else None,
        documents=documents,
        patches=part,
        tokenizer=model.named_tokenizer,
    )
    embedded = model.artifact_bytes if embed else b""
    views = (memoryview(piece) for piece in (embedded, coded.checks, patched.data if patched else b"", coded.payload))
    header = TextHeader(text_bytes=len(text), rows=rows)
    return TextFile(header, short_digest(model.artifact_bytes), short_digest(text), *views)
