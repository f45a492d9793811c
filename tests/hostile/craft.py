"""Raw artifacts, right or wrong: every field can be lied about, digests are made fresh unless asked otherwise."""

import hashlib
import json
import struct

from golfctl.artifact import encode_artifact
from tests.samples import sample_draft

HEAD = struct.Struct("<8sHHIIIQ")
MAGIC = b"\x89GLF\r\n\x1a\n"


def valid_bytes():
    """A small valid artifact with every kind of section; its manifest is stored raw, open to mutations."""
    return encode_artifact(sample_draft(coder="zlib/1", layers=1), manifest_coder=0)


def take_apart(data):
    """Manifest document and section bytes of an artifact whose manifest is stored raw."""
    stored = HEAD.unpack(data[:32])[3]
    return json.loads(data[64 : 64 + stored]), data[64 + stored :]


def canonical(document):
    """Canonical JSON, as the format page defines it."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def assemble(text, sections, stored=None, **lies):
    """An artifact around the manifest text; `lies` replace preamble fields, the seal covers them."""
    stored = text if stored is None else stored
    fields = {
        "magic": MAGIC, "version": 1, "coder": 0, "manifest_bytes": len(stored), "raw_bytes": len(text), "reserved": 0,
        "file_bytes": 64 + len(stored) + len(sections),
    }  # fmt: skip
    seal = lies.pop("seal", None)
    head = HEAD.pack(*(fields | lies).values())
    return head + (seal or hashlib.sha256(head + stored).digest()) + stored + sections


def patched(document, path, value):
    """A copy of `document` with the value at `path` replaced, or removed where `value` is ..."""
    copy = json.loads(json.dumps(document))
    target = copy
    for key in path[:-1]:
        target = target[key]
    if value is ...:
        del target[path[-1]]
    elif isinstance(target, list) and path[-1] == len(target):
        target.append(value)
    else:
        target[path[-1]] = value
    return copy


def with_document(path, value):
    """The valid artifact with one value of its manifest changed, digests fresh."""
    document, sections = take_apart(valid_bytes())
    return assemble(canonical(patched(document, path, value)), sections)
