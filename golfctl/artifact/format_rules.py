"""The rules of the format, by name and in the order they are checked, and the error that names a broken one."""

from typing import Any, NamedTuple, NoReturn

from golfctl.core.text import one_line
from golfctl.errors import ArtifactError

DAMAGED = "the file was changed or cut after it was written: get it again"
NEWER = "it needs a newer golfctl"
INVALID = "no correct writer makes this: do not trust the file"


class Rule(NamedTuple):
    """One rule: what must hold, why it is there, and what its breach means for the reader of the message."""

    text: str
    reason: str
    advice: str


RULES: dict[str, Rule] = {
    "magic": Rule(
        "the first 8 bytes are the magic",
        "another format or a text-mode transfer shows at once",
        "not a .golf artifact, or one that went through a text-mode transfer",
    ),
    "preamble-length": Rule("the file has at least 64 bytes", "the preamble can be read", DAMAGED),
    "container-version": Rule("`container_version` is 1", "another structure must not be guessed at", NEWER),
    "manifest-coder": Rule("`manifest_coder` is in the table", "an unknown coder cannot be decoded", NEWER),
    "reserved": Rule("`reserved` is 0", "a later version may use it; unknown means stop", NEWER),
    "manifest-size": Rule(
        "`manifest_bytes` and `manifest_raw_bytes` are at least 1 and within the limits",
        "nothing is allocated on the word of a hostile file",
        INVALID,
    ),
    "file-size": Rule("`file_bytes` is within the limit", "nothing is read on the word of a hostile file", INVALID),
    "file-length": Rule(
        "the file has exactly `file_bytes` bytes, and the manifest lies inside",
        "truncation and tails are told from other damage",
        DAMAGED,
    ),
    "seal": Rule("`seal` matches", "every later check reads bytes that are as written", DAMAGED),
    "manifest-decode": Rule(
        "the manifest decodes to exactly `manifest_raw_bytes` bytes and its stream ends there",
        "no bomb, no hidden bytes",
        INVALID,
    ),
    "manifest-json": Rule("the manifest is UTF-8 and JSON, one object", "one reading", INVALID),
    "manifest-duplicate": Rule("no object has a key twice", "readers differ on which one wins", INVALID),
    "manifest-depth": Rule("nesting is within the limit", "recursive readers survive", INVALID),
    "manifest-number": Rule(
        "integers lie within ±(2^53 − 1), other numbers are finite", "every JSON reader sees the same value", INVALID
    ),
    "manifest-canonical": Rule("the text is canonical JSON", "equal manifests have equal bytes", INVALID),
    "manifest-schema": Rule("`schema` is `manifest/1`", "another schema must not be guessed at", NEWER),
    "requires": Rule("every entry of `requires` is a feature the reader knows", "unknown means stop", NEWER),
    "manifest-fields": Rule(
        "every field is known, present where required, and of its type: integers at least 0, `kind` in the table, "
        "`sha256` as in 3.2, `requires`, `external` and `annotations` not empty",
        "unknown means stop; annotations are the place for the rest",
        INVALID,
    ),
    "identifier": Rule(
        "coders, schemes, formats and features follow the grammar `name/version`",
        "a name is never a path or code",
        INVALID,
    ),
    "name": Rule(
        "names of tensors, parts, sections, files (embedded and external) and the outermost keys of `annotations` "
        "follow their patterns and have at most 255 characters",
        "a name is safe to print and to use as a file name",
        INVALID,
    ),
    "unique": Rule(
        "no two sections, tensors, parts of a tensor, files of a section or external files share a name",
        "one reading",
        INVALID,
    ),
    "count": Rule(
        "a tensor has 1 to 16 parts; the numbers of sections, tensors, streams, files and axes are within the limits",
        "bounded work",
        INVALID,
    ),
    "section-layout": Rule(
        "64 + `manifest_bytes` + all section lengths = `file_bytes`",
        "no gap, no tail: nothing hides in the file",
        INVALID,
    ),
    "stream-layout": Rule(
        "the lengths of a section's streams sum to the length of the section; each is at least 1",
        "no gap inside a section",
        INVALID,
    ),
    "stream-reference": Rule(
        "`stream` of a part is the number of a stream; every stream holds a part",
        "no dangling reference, no dead bytes",
        INVALID,
    ),
    "dtype": Rule("`dtype` is in the table", "sizes are known before anything is decoded", INVALID),
    "shape": Rule(
        "axes are at least 1; parts are within the limit of `raw_bytes`, all tensors within that of `weights`",
        "no empty arrays, no overflow",
        INVALID,
    ),
    "raw-length": Rule(
        "`raw_bytes` of a section equals the bytes of its parts, or of its files",
        "sizes are known before anything is decoded",
        INVALID,
    ),
    "raw-size": Rule(
        "all `raw_bytes` together are within the limit", "a reader knows what it may have to hold", INVALID
    ),
    "tokenizer-section": Rule(
        "the tokenizer's `section` is the one section of kind `tokenizer`, its `raw_bytes` the same `bytes`; "
        "without `tokenizer` or its `section` there is no such section",
        "one tokenizer, counted or named by digest",
        INVALID,
    ),
    "section-digest": Rule(
        "SHA-256 of the section's bytes is `sha256`", "damage is found, and placed, without decoding", DAMAGED
    ),
    "prediction-work": Rule(
        "the work of all streams under `rans-lp/1` together, section 8.1, is within the limit of `prediction_work`",
        "a few kilobytes cannot cost minutes",
        "decoding it would cost minutes: do not trust the file; its checkpoint packs again",
    ),
}


class RuleError(ArtifactError):
    """A broken rule; the fields let programs see what the message says."""

    def __init__(self, rule: str, section: str, offset: int, expected: Any, found: Any) -> None:
        self.rule, self.section, self.offset = rule, section, offset
        self.expected, self.found = _short(expected), _short(found)
        self.source = ""
        super().__init__(rule)

    @property
    def details(self) -> dict[str, Any]:
        """The rule, its place (section, offset in bytes), what was expected and what was found."""
        return {name: getattr(self, name) for name in ("rule", "section", "offset", "expected", "found")}

    def __str__(self) -> str:
        place = f"{self.source}: " if self.source else ""
        return (
            f"{place}rule {self.rule} broken in {self.section} at offset {self.offset:,}: "
            f"expected {self.expected}, found {self.found} ({RULES[self.rule].advice})"
        )


def fail(rule: str, section: str, offset: int, expected: Any, found: Any) -> NoReturn:
    """Raise the `RuleError` of `rule`, which must be a key of `RULES`."""
    if rule not in RULES:
        raise KeyError(rule)
    raise RuleError(rule, section, offset, expected, found)


def _short(value: Any) -> str:
    """One printable line of at most 120 characters."""
    if isinstance(value, bytes):
        value = value.hex(" ")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if abs(value) < 1 << 80 else "an integer of more than 80 bits"
    text = one_line((value if isinstance(value, str) else repr(value))[:400])
    return text if len(text) <= 120 else f"{text[:117]}..."
