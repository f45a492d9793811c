"""What a writer is given: coded payloads and what they hold, as frozen values."""

from dataclasses import dataclass, field

from golfctl.artifact.manifest.values import CodeFile, ExternalFile, Json, TokenizerEntry


@dataclass(frozen=True)
class Part:
    """One array of a tensor; `dtype` is a numpy name from `layout.DTYPES`."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Tensor:
    """One tensor: the scheme says how its parts become weights."""

    name: str
    shape: tuple[int, ...]
    scheme: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Stream:
    """One coded payload and the `(tensor, part)` names it holds, in the order of the tensor table."""

    payload: bytes
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TensorSection:
    """Streams under one coder and one digest."""

    name: str
    coder: str
    streams: tuple[Stream, ...]
    kind: str = "tensors"


@dataclass(frozen=True)
class BlobSection:
    """A coded tokenizer, code or extra payload; `files` (code only) lie one after the other in the decoded bytes."""

    name: str
    kind: str
    coder: str
    payload: bytes
    raw_bytes: int
    files: tuple[CodeFile, ...] = ()


@dataclass(frozen=True)
class Draft:
    """Everything that goes into one artifact; sections and tensors are written in the order given."""

    model: Json
    tensors: tuple[Tensor, ...] = ()
    sections: tuple[TensorSection | BlobSection, ...] = ()
    tokenizer: TokenizerEntry | None = None
    evaluation: Json | None = None
    provenance: Json | None = None
    annotations: Json = field(default_factory=dict)
    external: tuple[ExternalFile, ...] = ()
    requires: tuple[str, ...] = ()
