"""An artifact taken apart so that any piece can be changed, and put together again with fresh digests."""

import hashlib
import json
import lzma
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

from golfctl.artifact import read_artifact

_HEAD = struct.Struct("<8sHHIIIQ")
MAGIC = b"\x89GLF\r\n\x1a\n"


@dataclass
class Carcass:
    """Manifest document, payloads by section (streams apart), and lies for the preamble."""

    document: dict[str, Any]
    payloads: list[list[bytes]]
    manifest_coder: int = 0
    text: bytes | None = None
    stored: bytes | None = None
    lies: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, data: bytes) -> "Carcass":
        """Take a valid artifact apart."""
        artifact = read_artifact(data)
        payloads: list[list[bytes]] = []
        for section in artifact.manifest.sections:
            whole, start, pieces = bytes(artifact.payload(section)), 0, []
            for length in section.streams or (section.bytes,):
                pieces.append(whole[start : start + length])
                start += length
            payloads.append(pieces)
        return cls(json.loads(json.dumps(artifact.manifest.to_json())), payloads)

    def fix_lengths(self) -> None:
        """Make stored lengths true again after a payload changed."""
        for section, pieces in zip(self.document["sections"], self.payloads, strict=False):
            section["bytes"] = sum(map(len, pieces))
            if "streams" in section:
                section["streams"] = [len(piece) for piece in pieces]

    def assemble(self) -> bytes:
        """The file: section digests and seal fresh, everything else as it stands."""
        bodies = [b"".join(pieces) for pieces in self.payloads]
        sections = self.document.get("sections")
        if isinstance(sections, list):
            for section, body in zip(sections, bodies, strict=False):
                if isinstance(section, dict) and "sha256" in section:
                    section["sha256"] = hashlib.sha256(body).hexdigest()
        text = self.text if self.text is not None else dump(self.document)
        stored = self.stored if self.stored is not None else compress(text, self.manifest_coder)
        body = b"".join(bodies)
        fields = {
            "magic": MAGIC, "version": 1, "coder": self.manifest_coder, "manifest_bytes": len(stored),
            "raw_bytes": len(text), "reserved": 0, "file_bytes": 64 + len(stored) + len(body),
        } | self.lies  # fmt: skip
        head = _HEAD.pack(*fields.values())
        return head + hashlib.sha256(head + stored).digest() + stored + body


def dump(value: Any) -> bytes:
    """Canonical JSON without its checks."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def compress(text: bytes, coder: int) -> bytes:
    """The stored form of a manifest."""
    if coder == 1:
        return zlib.compress(text, 6)
    if coder == 2:
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": max(4096, len(text))}]
        return lzma.compress(text, lzma.FORMAT_RAW, filters=filters)
    return text
