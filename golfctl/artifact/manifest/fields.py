"""The manifest's JSON object to a `Manifest`: every field known, present where required, and of its type."""

import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from golfctl.artifact.constants import FEATURES, MANIFEST_SCHEMA, PREAMBLE_BYTES, SECTION_KINDS
from golfctl.artifact.format_rules import fail
from golfctl.artifact.manifest.values import (
    CodeFile,
    ExternalFile,
    Manifest,
    PartEntry,
    SectionEntry,
    TensorEntry,
    TokenizerEntry,
)

ItemT = TypeVar("ItemT")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def read_manifest(value: dict[str, Any]) -> Manifest:
    """Typed values of a manifest; what they say about each other is checked afterwards (`checks.py`).

    Raises:
        RuleError: rule manifest-schema, requires or manifest-fields.
    """
    if value.get("schema") != MANIFEST_SCHEMA:
        _fail("manifest-schema", "schema", MANIFEST_SCHEMA, value.get("schema", "nothing"))
    reader = _Object(value, "manifest")
    reader.text("schema")
    requires = tuple(reader.items("requires", _text, default=()))
    unknown = [feature for feature in requires if feature not in FEATURES]
    if unknown:
        _fail("requires", "requires", f"known features ({', '.join(sorted(FEATURES)) or 'none yet'})", unknown[0])
    manifest = Manifest(
        model=reader.object("model"),
        tensors=tuple(reader.items("tensors", _tensor)),
        sections=tuple(reader.items("sections", _section)),
        tokenizer=reader.optional("tokenizer", _tokenizer),
        evaluation=reader.optional("evaluation", _object),
        provenance=reader.optional("provenance", _object),
        annotations=reader.optional("annotations", _object) or {},
        external=tuple(reader.items("external", _external, default=())),
        requires=requires,
    )
    reader.close()
    _check_written_defaults(value)
    return manifest


def _check_written_defaults(value: dict[str, Any]) -> None:
    """An empty optional list or object is left out, so that equal manifests have equal bytes."""
    for key in ("annotations", "external", "requires"):
        if key in value and not value[key]:
            _fail("manifest-fields", key, "a value, or no such key", "an empty one")


def _tensor(value: Any, path: str) -> TensorEntry:
    reader = _Object(value, path)
    entry = TensorEntry(
        reader.text("name"), reader.numbers("shape"), reader.text("scheme"), tuple(reader.items("parts", _part))
    )
    reader.close()
    return entry


def _part(value: Any, path: str) -> PartEntry:
    reader = _Object(value, path)
    entry = PartEntry(reader.text("name"), reader.text("dtype"), reader.numbers("shape"), reader.number("stream"))
    reader.close()
    return entry


def _section(value: Any, path: str) -> SectionEntry:
    reader = _Object(value, path)
    kind = reader.text("kind")
    if kind not in SECTION_KINDS:
        _fail("manifest-fields", f"{path}.kind", f"one of {', '.join(SECTION_KINDS)}", kind)
    entry = SectionEntry(
        name=reader.text("name"),
        kind=kind,
        coder=reader.text("coder"),
        bytes=reader.number("bytes"),
        raw_bytes=reader.number("raw_bytes"),
        sha256=reader.digest("sha256"),
        streams=reader.numbers("streams") if kind == "tensors" else (),
        files=tuple(reader.items("files", _file)) if kind == "code" else (),
    )
    reader.close()
    return entry


def _file(value: Any, path: str) -> CodeFile:
    reader = _Object(value, path)
    entry = CodeFile(reader.text("path"), reader.number("bytes"))
    reader.close()
    return entry


def _tokenizer(value: Any, path: str) -> TokenizerEntry:
    reader = _Object(value, path)
    section = reader.optional("section", _text)
    entry = TokenizerEntry(reader.text("format"), reader.digest("sha256"), reader.number("bytes"), section)
    reader.close()
    return entry


def _external(value: Any, path: str) -> ExternalFile:
    reader = _Object(value, path)
    entry = ExternalFile(reader.text("name"), reader.number("bytes"), reader.digest("sha256"))
    reader.close()
    return entry


class _Object:
    """A JSON object read field by field; `close` refuses what nobody asked for."""

    def __init__(self, value: Any, path: str) -> None:
        self._value, self._path = _object(value, path), path
        self._known: set[str] = set()

    def _take(self, key: str) -> Any:
        self._known.add(key)
        if key not in self._value:
            _fail("manifest-fields", f"{self._path}.{key}", "a value", "nothing")
        return self._value[key]

    def text(self, key: str) -> str:
        return _text(self._take(key), f"{self._path}.{key}")

    def number(self, key: str) -> int:
        return _number(self._take(key), f"{self._path}.{key}")

    def numbers(self, key: str) -> tuple[int, ...]:
        return tuple(self.items(key, _number))

    def digest(self, key: str) -> str:
        text = self.text(key)
        if not _DIGEST.fullmatch(text):
            _fail("manifest-fields", f"{self._path}.{key}", "64 lower-case hexadecimal digits", text)
        return text

    def object(self, key: str) -> dict[str, Any]:
        return _object(self._take(key), f"{self._path}.{key}")

    def optional(self, key: str, read: Callable[[Any, str], ItemT]) -> ItemT | None:
        self._known.add(key)
        return read(self._value[key], f"{self._path}.{key}") if key in self._value else None

    def items(
        self, key: str, read: Callable[[Any, str], ItemT], default: tuple[ItemT, ...] | None = None
    ) -> list[ItemT]:
        self._known.add(key)
        if default is not None and key not in self._value:
            return list(default)
        values = self._take(key)
        if not isinstance(values, list):
            _fail("manifest-fields", f"{self._path}.{key}", "a list", values)
        return [read(value, f"{self._path}.{key}[{i}]") for i, value in enumerate(values)]

    def close(self) -> None:
        unknown = sorted(set(self._value) - self._known)
        if unknown:
            _fail("manifest-fields", self._path, "known fields only", f"the field {unknown[0]!r}")


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        _fail("manifest-fields", path, "a string", value)
    return value


def _number(value: Any, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        _fail("manifest-fields", path, "an integer of at least 0", value)
    return value


def _object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _fail("manifest-fields", path, "an object", value)
    return value


def _fail(rule: str, path: str, expected: Any, found: Any) -> NoReturn:
    if not isinstance(found, str | int | float | bool | None):
        found = type(found).__name__
    fail(rule, f"manifest ({path})", PREAMBLE_BYTES, expected, found)
