"""The rules of the `text/1` format, by name and in the order they are checked, and the error of a broken one."""

from typing import Any, NoReturn

from golfctl.core.text import one_line
from golfctl.errors import ArtifactError

DAMAGED = "the file was changed or cut after it was written: get it again"
NEWER = "it needs a newer golfctl"
INVALID = "no correct writer makes this: do not trust the file"

# rule: (what must hold, what its breach means for the reader of the message)
TEXT_RULES = {
    "magic": ("the first 8 bytes are the magic", "no compressed text of golfctl's, or one that went through a "
              "text-mode transfer"),
    "preamble-length": ("the file has at least 64 bytes", DAMAGED),
    "version": ("`version` is 1", NEWER),
    "header-coder": ("`header_coder` is in the table", NEWER),
    "reserved": ("`reserved` is 0", NEWER),
    "size": ("`header_bytes` and `header_raw_bytes` are at least 1, `file_bytes` is within the limit", INVALID),
    "file-length": ("the file has exactly `file_bytes` bytes, and the header lies inside", DAMAGED),
    "seal": ("`seal` matches", DAMAGED),
    "header-decode": ("the header decodes to exactly `header_raw_bytes` bytes and its stream ends there", INVALID),
    "header-json": ("the header is the canonical JSON of one object, nested at most 8 deep", INVALID),
    "header-fields": ("every field is known, present where required, of its type and within its limits", NEWER),
    "layout": ("the parts that the header announces fit into the file", INVALID),
    "artifact": ("`artifact` is the digest of an embedded artifact; it is zero where no artifact is needed", INVALID),
    "payload": ("the rows' bytes tell a symbol at every row, and end with the last", "the file was changed, or this "
                "machine computes other rows than the one that wrote it"),
    "check": ("every check agrees with the tokens decoded so far", "this machine computes other rows than the one that "
              "wrote the file, or the file was made wrong"),
    "patches": ("the patches decode, lie in order inside the tokens' text, and use up their part", INVALID),
    "stored": ("the stored text decodes to exactly `text_bytes` bytes", INVALID),
    "text": ("the decoded text has `text_bytes` bytes and the digest `text`", "nothing was written; the file was made "
             "wrong or this machine computes other rows"),
}  # fmt: skip


class TextRuleError(ArtifactError):
    """A broken rule; the fields let programs see what the message says."""

    def __init__(self, rule: str, expected: Any, found: Any) -> None:
        self.rule, self.expected, self.found = rule, _short(expected), _short(found)
        self.source = ""
        super().__init__(rule)

    @property
    def details(self) -> dict[str, Any]:
        """The rule, what was expected and what was found."""
        return {"rule": self.rule, "expected": self.expected, "found": self.found}

    def __str__(self) -> str:
        place = f"{self.source}: " if self.source else ""
        return (
            f"{place}rule {self.rule} broken: expected {self.expected}, found {self.found} ({TEXT_RULES[self.rule][1]})"
        )


def fail(rule: str, expected: Any, found: Any) -> NoReturn:
    """Raise the error of `rule`, which must be a key of `TEXT_RULES`."""
    if rule not in TEXT_RULES:
        raise KeyError(rule)
    raise TextRuleError(rule, expected, found)


def _short(value: Any) -> str:
    """One printable line of at most 120 characters."""
    if isinstance(value, bytes):
        value = value.hex(" ")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = one_line((value if isinstance(value, str) else repr(value))[:400])
    return text if len(text) <= 120 else f"{text[:117]}..."
