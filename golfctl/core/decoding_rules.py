"""The rules of decoding, by name and in their order, and the error that names a broken one.

They follow the container's rules (`golfctl.artifact.format_rules`) and are kept apart from them because coders and
schemes, which check them, know nothing of the container. `docs/format/v1.md` prints the table.
"""

from typing import Any

from golfctl.errors import ArtifactError

# rule: what must hold
DECODING_RULES = {
    "scheme": "the scheme of every tensor is one the reader knows",
    "parts": "the tensor's shape is one its scheme takes; its parts are those of the scheme, in dtype and shape",
    "coder": "the coder of the section is one the reader knows",
    "coder-array": "the array is of a dtype and shape that its coder takes",
    "layout-byte": "the first byte of a payload that starts with a layout byte is there, and is 0 to 3",
    "payload": "the payload decodes to exactly the array's bytes, its stream ends, nothing follows; "
    "a Zstandard frame claims what section 4 allows",
    "rans-header": "the header is whole and each of its fields is as section 6.2 says",
    "rans-words": "at least 2 whole words follow the header, none is missing, all are used, the last state is right",
    "rans-value": "escapes, k, spreads (with delta: sums) and codes lie within their bounds",
    "values": "codes, trits, scales, steps and weights are as section 5 says",
    "tokenizer-digest": "SHA-256 of the decoded tokenizer is the manifest's",
}


class DecodingError(ArtifactError):
    """A payload or a set of parts that breaks a rule; `rule` is a key of `DECODING_RULES`."""

    def __init__(self, rule: str, message: str) -> None:
        if rule not in DECODING_RULES:
            raise KeyError(rule)
        self.rule, self.message = rule, message
        super().__init__(message)

    @property
    def details(self) -> dict[str, Any]:
        """The rule."""
        return {"rule": self.rule}

    def at(self, place: str) -> "DecodingError":
        """The same error, met at `place`."""
        return DecodingError(self.rule, f"{place}: {self.message}")

    def __str__(self) -> str:
        return f"{self.message} (rule {self.rule})"
