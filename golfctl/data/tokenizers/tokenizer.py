"""SentencePiece tokenizers: text to ids and back, and what a tokenizer hides of the text.

A *reversible* tokenizer gives back every valid Unicode text: identity normaliser, byte fallback, a piece for the space,
no white space added or removed. SentencePiece writes a space as U+2581, so a literal U+2581 would come back as a space;
reversible tokenizers here encode it through its three byte pieces instead.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

from sentencepiece import SentencePieceProcessor

from golfctl.core.canonical import sha256_bytes
from golfctl.core.files import read_bytes
from golfctl.data.tokenizers.model_proto import read_normalization
from golfctl.errors import DataError

SPACE = "\u2581"
_LIMIT_BYTES = 64 << 20
_MAX_VOCABULARY = 1 << 16  # ids are stored as uint16


class Piece(NamedTuple):
    """One vocabulary entry; `kind` is normal, unknown, control, unused or byte (user symbols are normal)."""

    text: str
    kind: str


class Tokenizer:
    """A SentencePiece model and the exact bytes it came from."""

    def __init__(self, proto: bytes, where: str = "tokenizer") -> None:
        """Parse a model file's bytes; `where` names the source in messages.

        Raises:
            DataError: not a SentencePiece model, or more than 65,536 pieces.
        """
        self.proto = bytes(proto)
        if not self.proto:  # the library would take it for a model not loaded yet
            raise DataError(f"{where}: not a SentencePiece model: empty")
        try:
            self._processor = SentencePieceProcessor(model_proto=self.proto)
            self.normalization = read_normalization(self.proto)
        except (RuntimeError, ValueError) as error:
            raise DataError(f"{where}: not a SentencePiece model: {error}") from error
        if not 0 < self.vocab_size <= _MAX_VOCABULARY:
            raise DataError(f"{where}: {self.vocab_size:,} pieces; token shards hold ids below {_MAX_VOCABULARY:,}")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a `.model` file.

        Raises:
            InputError: no such file. DataError: not a SentencePiece model.
        """
        return cls(read_bytes(path, _LIMIT_BYTES), str(path))

    @classmethod
    def from_bytes(cls, proto: bytes, where: str = "tokenizer") -> Self:
        """The tokenizer whose model file has these bytes."""
        return cls(proto, where)

    @cached_property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of the model file."""
        return sha256_bytes(self.proto)

    @property
    def vocab_size(self) -> int:
        """Number of pieces, special ones included."""
        return int(self._processor.vocab_size())

    @property
    def bos(self) -> int | None:
        """Id of the piece that starts a document, or None."""
        return _present(self._processor.bos_id())

    @property
    def eos(self) -> int | None:
        """Id of the end-of-document piece (never written to shards), or None."""
        return _present(self._processor.eos_id())

    @property
    def pad(self) -> int | None:
        """Id of the padding piece, or None."""
        return _present(self._processor.pad_id())

    @property
    def unk(self) -> int | None:
        """Id of the unknown piece."""
        return _present(self._processor.unk_id())

    @property
    def normalizer(self) -> str:
        """Name of the normalisation rule, such as identity or nmt_nfkc."""
        return self.normalization.name or ("custom" if self.normalization.rewrites else "identity")

    @cached_property
    def byte_ids(self) -> tuple[int, ...] | None:
        """Ids of the 256 byte pieces in order of their value, or None without byte fallback."""
        ids = [self._processor.piece_to_id(f"<0x{value:02X}>") for value in range(256)]
        return tuple(ids) if all(self._processor.is_byte(i) for i in ids) else None

    @cached_property
    def space_ids(self) -> tuple[int, int, int] | None:
        """The byte pieces of U+2581 where they stand for a space, because no piece does; else None.

        Such a tokenizer cannot tell a space from a U+2581 of the text: decoding takes the three for a space.
        """
        if self.byte_ids is None or not self.normalization.escape_whitespaces:
            return None
        if any(piece == Piece(SPACE, "normal") for piece in self.pieces()):
            return None
        first, second, third = (self.byte_ids[value] for value in SPACE.encode("utf-8"))
        return first, second, third

    @property
    def reversible(self) -> bool:
        """True when this tokenizer is made to give every valid Unicode text back.

        Whether a text does come back is tried on the text (`golfctl.data.carried`).
        """
        return self.normalization.identity and self.byte_ids is not None and self.space_ids is None

    @cached_property
    def _pieces(self) -> tuple[Piece, ...]:
        return tuple(Piece(self._processor.id_to_piece(i), self._kind(i)) for i in range(self.vocab_size))

    def pieces(self) -> tuple[Piece, ...]:
        """All pieces in id order; a space is written U+2581."""
        return self._pieces

    @cached_property
    def byte_values(self) -> list[int]:
        """The byte that each piece stands for; -1 where it is no byte piece."""
        return [int(piece.text[1:-1], 16) if piece.kind == "byte" else -1 for piece in self._pieces]

    def encode(self, text: str) -> list[int]:
        """Ids of one text, without a BOS.

        Raises:
            DataError: `text` holds a lone surrogate, which no UTF-8 has a form for.
        """
        return self.encode_many([text])[0]

    def encode_many(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, without a BOS; raises as `encode` does."""
        for text in texts:
            _check_unicode(text)
        if not self.reversible:
            return list(self._processor.encode(list(texts)))
        parts = [text.split(SPACE) for text in texts]
        flat = iter(self._processor.encode([part for split in parts for part in split]))
        return [self._join([next(flat) for _ in split]) for split in parts]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of `ids`; bytes that are no UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", "replace")

    def decode_bytes(self, ids: Sequence[int]) -> bytes:
        """The UTF-8 bytes of one document's ids; special and unknown pieces have none.

        Raises:
            DataError: an id outside the vocabulary.
        """
        return b"".join(self.decode_each(ids))

    def decode_each(self, ids: Sequence[int]) -> list[bytes]:
        """The bytes that each id adds to its document; raises as `decode_bytes` does."""
        try:
            parts = [self._piece_bytes[i] for i in ids]
        except IndexError as error:
            raise DataError(
                f"token id {max(ids)} is not below the vocabulary's {self.vocab_size}: wrong tokenizer?"
            ) from error
        spaces = self._spelt_spaces(ids)
        for at in spaces:
            parts[at : at + 3] = b" ", b"", b""
        if self.drops_first_space:
            first = next((at for at, i in enumerate(ids) if self._pieces[i].kind != "control"), 0)
            if ids and (first in spaces or _leads_with_space(self._pieces[ids[first]])):
                parts[first] = parts[first][1:]
        return parts

    def _spelt_spaces(self, ids: Sequence[int]) -> list[int]:
        """Where the three byte pieces of a space begin (`space_ids`)."""
        if self.space_ids is None:
            return []
        first, second, third = self.space_ids
        return [at for at, i in enumerate(ids[:-2]) if i == first and ids[at + 1] == second and ids[at + 2] == third]

    @property
    def drops_first_space(self) -> bool:
        """True when the first space of a document is the tokenizer's own and decoding drops it."""
        return self.normalization.dummy_prefix or self.normalization.remove_extra_whitespaces

    def spans(self, text: str) -> tuple[list[int], list[str], str, list[int]]:
        """How the library itself cuts `text`: ids, their pieces, the normalised text, where its characters come from.

        Piece by piece the pieces make up the normalised text, but for byte pieces, which spell a character of it; an
        unknown piece is the text that it swallowed. The last list has the offset in `text` of every normalised
        character, and one for the end.
        """
        _check_unicode(text)
        normalised, offsets = self._processor.normalize(text, with_offsets=True)
        ids = list(self._processor.encode(text))
        return ids, list(self._processor.encode(text, out_type=str)), normalised, list(offsets)

    @cached_property
    def _piece_bytes(self) -> list[bytes]:
        return [_bytes_of(piece) for piece in self.pieces()]

    def _join(self, parts: list[list[int]]) -> list[int]:
        """Put the byte pieces of U+2581 between the parts of a text that held it."""
        if len(parts) == 1:
            return parts[0]
        assert self.byte_ids is not None
        mark = [self.byte_ids[value] for value in SPACE.encode("utf-8")]
        joined = list(parts[0])
        for part in parts[1:]:
            joined += mark + part
        return joined

    def _kind(self, index: int) -> str:
        checks = {"unknown": "is_unknown", "control": "is_control", "unused": "is_unused", "byte": "is_byte"}
        return next((kind for kind, check in checks.items() if getattr(self._processor, check)(index)), "normal")


def _leads_with_space(piece: Piece) -> bool:
    return piece.kind == "normal" and piece.text.startswith(SPACE)


def _bytes_of(piece: Piece) -> bytes:
    """The bytes a piece stands for inside a document."""
    if piece.kind == "byte":
        return bytes([int(piece.text[1:-1], 16)])
    return piece.text.replace(SPACE, " ").encode("utf-8") if piece.kind == "normal" else b""


def _present(index: int) -> int | None:
    return int(index) if index >= 0 else None


def _check_unicode(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"the text holds a lone surrogate at character {error.start:,}: not valid Unicode") from error
