"""A `text/1` file back to its text, or one sentence why not: what does not have the text's digest is never returned."""

import numpy as np

from golfctl.codec.rows.drivers import Coded, decode_texts
from golfctl.codec.text_format.patches import apply_patches, unpack_patches
from golfctl.codec.text_format.text_file import TextFile
from golfctl.codec.text_format.text_header import CodedRows
from golfctl.codec.text_format.text_layout import short_digest
from golfctl.codec.text_format.text_rules import fail
from golfctl.codec.text_model import TextModel, arithmetic
from golfctl.codec.tokens_of_bytes import parts_of
from golfctl.coding import decode_bytes
from golfctl.core.progress import SILENT, Progress
from golfctl.errors import ArtifactError, InputError
from golfctl.scoring.steps.lanes import Text, cut_in


def decompress(
    file: TextFile, model: TextModel | None, progress: Progress = SILENT, label: str = "decompressing"
) -> bytes:
    """The text; `model` is None where the file needs none.

    Raises:
        InputError: it needs a model, or another one, or an arithmetic that this machine has not.
        TextRuleError: it is damaged, or the rows here are not those it was made with.
    """
    header = file.header
    if header.stored is not None:
        text = _unstored(header.stored, file.payload, header.text_bytes)
    else:
        assert header.rows is not None
        text = _from_rows(file, header.rows, _checked(file, header.rows, model), progress, label)
    if len(text) != header.text_bytes or short_digest(text) != file.text:
        fail("text", f"{header.text_bytes:,} bytes with digest {file.text.hex()[:12]}…",
             f"{len(text):,} with {short_digest(text).hex()[:12]}…")  # fmt: skip
    return text


def _unstored(coder: str, payload: memoryview, size: int) -> bytes:
    try:
        return decode_bytes(coder, payload, size)
    except ArtifactError as error:
        fail("stored", f"{size:,} bytes under {coder}", str(error))


def _checked(file: TextFile, rows: CodedRows, model: TextModel | None) -> TextModel:
    """The model, if it is the one that the file was made with."""
    if model is None or short_digest(model.artifact_bytes) != file.artifact:
        raise InputError(f"the text was compressed with artifact {file.artifact.hex()[:12]}…: name it with -m M.golf")
    if rows.tokenizer is not None and rows.tokenizer != model.tokenizer.digest:
        raise InputError(f"the text was cut by tokenizer {rows.tokenizer[:12]}…: name it with --tokenizer FILE")
    if rows.given >= model.vocab_size:
        fail("header-fields", f"given below the vocabulary of {model.vocab_size:,}", rows.given)
    return model


def _from_rows(file: TextFile, rows: CodedRows, model: TextModel, progress: Progress, label: str) -> bytes:
    texts, end = texts_of(rows)
    patches = unpack_patches(_unstored_patches(file, rows)) if rows.patches else []
    with arithmetic(rows.arithmetic):
        scorer = model.scorer(rows.config, rows.lanes, rows.tokens)
        coded = Coded(file.payload, file.checks)
        found = decode_texts(scorer, texts, rows.lanes, coded, rows.tokens, end, progress, label)
    tokens_N = np.concatenate([np.array([rows.given]), *found])
    if tokens_N.max() >= model.tokenizer.vocab_size:
        fail("payload", f"tokens below {model.tokenizer.vocab_size:,}", int(tokens_N.max()))
    return apply_patches(b"".join(parts_of(model.tokenizer, tokens_N.tolist())), patches)


def texts_of(rows: CodedRows) -> tuple[list[Text], int | None]:
    """What the lanes read, in order, and the token that ends a text of unknown length."""
    if rows.documents is None:
        return [Text(rows.given, part.stop - part.first) for part in cut_in(rows.lanes, rows.tokens)], None
    known = Text(rows.given, rows.documents.last_rows)
    return [*[Text(rows.given, None)] * (rows.documents.count - 1), known], rows.given


def _unstored_patches(file: TextFile, rows: CodedRows) -> bytes:
    assert rows.patches is not None
    try:
        return decode_bytes(rows.patches.coder, file.patches, rows.patches.raw_bytes)
    except ArtifactError as error:
        fail("patches", f"{rows.patches.raw_bytes:,} bytes under {rows.patches.coder}", str(error))
