"""Grammars of the names a manifest may hold, each a pattern that matches the whole name."""

import re

from golfctl.artifact.format_rules import fail
from golfctl.artifact.manifest.values import Manifest
from golfctl.core.identifiers import Identifier

MAX_NAME_BYTES = 255
# what is named: (pattern, in words)
GRAMMARS = {
    "tensor": (r"[A-Za-z0-9_][A-Za-z0-9_.\-]*", "letters, digits, `_`, `.`, `-`; not starting with `.` or `-`"),
    "part": (r"[a-z][a-z0-9_\-]*", "lower-case letters, digits, `_`, `-`; starting with a letter"),
    "section": (r"[a-z][a-z0-9_\-]*", "as for parts"),
    "file": (
        r"(?:(?!\.\.?(?:/|$))[A-Za-z0-9_.+@\-]+/)*(?!\.\.?$)[A-Za-z0-9_.+@\-]+",
        "relative path with `/`: parts of letters, digits, `_`, `.`, `+`, `@`, `-`; no part is `.` or `..`",
    ),
    "annotation": (r"[a-z0-9\-]+(?:\.[a-z0-9_\-]+)+", "a namespace, a dot, a name: `example.org-note`, `acme.run`"),
}
_PATTERNS = {kind: re.compile(pattern) for kind, (pattern, _) in GRAMMARS.items()}


def check_names(manifest: Manifest, offset: int) -> None:
    """Rules `identifier` and `name`."""
    for identifier, path in _identifiers(manifest):
        _check_identifier(identifier, path, offset)
    for kind, name, path in _names(manifest):
        if len(name) > MAX_NAME_BYTES or not _PATTERNS[kind].fullmatch(name):
            fail("name", f"manifest ({path})", offset, f"a {kind} name of at most {MAX_NAME_BYTES} characters", name)


def _check_identifier(text: str, path: str, offset: int) -> None:
    try:
        Identifier.parse(text)
    except ValueError:
        fail("identifier", f"manifest ({path})", offset, "name/version", text)


def _identifiers(manifest: Manifest) -> list[tuple[str, str]]:
    found = [(feature, "requires") for feature in manifest.requires]
    found += [(section.coder, f"sections[{i}].coder") for i, section in enumerate(manifest.sections)]
    found += [(tensor.scheme, f"tensors[{i}].scheme") for i, tensor in enumerate(manifest.tensors)]
    if manifest.tokenizer is not None:
        found.append((manifest.tokenizer.format, "tokenizer.format"))
    return found


def _names(manifest: Manifest) -> list[tuple[str, str, str]]:
    found = [("annotation", key, "annotations") for key in manifest.annotations]
    found += [("file", file.name, f"external[{i}].name") for i, file in enumerate(manifest.external)]
    for i, section in enumerate(manifest.sections):
        found.append(("section", section.name, f"sections[{i}].name"))
        found += [("file", file.path, f"sections[{i}].files") for file in section.files]
    for i, tensor in enumerate(manifest.tensors):
        found.append(("tensor", tensor.name, f"tensors[{i}].name"))
        found += [("part", part.name, f"tensors[{i}].parts") for part in tensor.parts]
    return found
