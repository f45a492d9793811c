"""The manifest as frozen values. `fields.py` reads them from JSON; `to_json` writes them back, equal.

Lengths are bytes. Optional fields that are absent are None or empty and are not written.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from golfctl.artifact.constants import DTYPES, MANIFEST_SCHEMA

Json = dict[str, Any]


@dataclass(frozen=True)
class PartEntry:
    """One array of a tensor (codes, scales, …) and the stream that holds it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    stream: int

    @property
    def raw_bytes(self) -> int:
        """Bytes of the decoded array."""
        return math.prod(self.shape) * DTYPES[self.dtype]

    def to_json(self) -> Json:
        """The JSON object of this entry."""
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape), "stream": self.stream}


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of the model: name, shape, the scheme its parts follow."""

    name: str
    shape: tuple[int, ...]
    scheme: str
    parts: tuple[PartEntry, ...]

    @property
    def weights(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def raw_bytes(self) -> int:
        """Bytes of all decoded parts."""
        return sum(part.raw_bytes for part in self.parts)

    def to_json(self) -> Json:
        """The JSON object of this entry."""
        parts = [part.to_json() for part in self.parts]
        return {"name": self.name, "shape": list(self.shape), "scheme": self.scheme, "parts": parts}


@dataclass(frozen=True)
class CodeFile:
    """One source file inside a section of kind `code`."""

    path: str
    bytes: int

    def to_json(self) -> Json:
        """The JSON object of this entry."""
        return {"path": self.path, "bytes": self.bytes}


@dataclass(frozen=True)
class SectionEntry:
    """One section; `offset` (from the start of the file) follows from the lengths before it and is not stored."""

    name: str
    kind: str
    coder: str
    bytes: int
    raw_bytes: int
    sha256: str
    streams: tuple[int, ...] = ()
    files: tuple[CodeFile, ...] = ()
    offset: int = 0

    def to_json(self) -> Json:
        """The JSON object of this entry."""
        value: Json = {key: getattr(self, key) for key in ("name", "kind", "coder", "bytes", "raw_bytes", "sha256")}
        if self.kind == "tensors":
            value["streams"] = list(self.streams)
        if self.kind == "code":
            value["files"] = [file.to_json() for file in self.files]
        return value


@dataclass(frozen=True)
class TokenizerEntry:
    """The tokenizer by digest and length of its file; `section` names the section that embeds it."""

    format: str
    sha256: str
    bytes: int
    section: str | None = None

    def to_json(self) -> Json:
        """The JSON object of this entry."""
        value: Json = {"format": self.format, "sha256": self.sha256, "bytes": self.bytes}
        return value | ({"section": self.section} if self.section is not None else {})


@dataclass(frozen=True)
class ExternalFile:
    """A file outside the artifact whose bytes count against a budget."""

    name: str
    bytes: int
    sha256: str

    def to_json(self) -> Json:
        """The JSON object of this entry."""
        return {"name": self.name, "bytes": self.bytes, "sha256": self.sha256}


@dataclass(frozen=True)
class Manifest:
    """Everything needed to rebuild and to judge a model, except the payload bytes."""

    model: Json
    tensors: tuple[TensorEntry, ...]
    sections: tuple[SectionEntry, ...]
    tokenizer: TokenizerEntry | None = None
    evaluation: Json | None = None
    provenance: Json | None = None
    annotations: Json = field(default_factory=dict)
    external: tuple[ExternalFile, ...] = ()
    requires: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """Number of weights in all tensors."""
        return sum(tensor.weights for tensor in self.tensors)

    def section(self, name: str) -> SectionEntry | None:
        """The section called `name`, or None."""
        return next((section for section in self.sections if section.name == name), None)

    def to_json(self) -> Json:
        """The JSON object of the manifest; what is absent is left out."""
        value: Json = {
            "schema": MANIFEST_SCHEMA,
            "model": self.model,
            "tensors": [tensor.to_json() for tensor in self.tensors],
            "sections": [section.to_json() for section in self.sections],
        }
        optional: Json = {
            "tokenizer": self.tokenizer and self.tokenizer.to_json(),
            "evaluation": self.evaluation,
            "provenance": self.provenance,
            "annotations": self.annotations or None,
            "external": [file.to_json() for file in self.external] or None,
            "requires": list(self.requires) or None,
        }
        return value | {key: item for key, item in optional.items() if item is not None}
