"""submission.json as it is read: an object, the keys that stand in it twice, or why it is of no use."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from golfctl.core.files import read_bytes
from golfctl.errors import InputError

NAME = "submission.json"
_LIMIT_BYTES = 8 << 20


class SubmissionJson(NamedTuple):
    """`values` of the file `name` (empty where it is of no use), its `problem` or "", and keys given more than once."""

    name: str
    values: dict[str, Any]
    problem: str = ""
    repeated: tuple[str, ...] = ()


def read_submission_json(files: dict[str, Path]) -> SubmissionJson:
    """Read submission.json, or the only submission_*.json where the folder has none. Never raises for its contents.

    A byte-order mark is a problem that is said; the values behind it are read all the same. Of a repeated key the last
    value counts, as other readers of JSON have it.
    """
    other = [name for name in files if name.startswith("submission") and name.endswith(".json") and "/" not in name]
    name = NAME if NAME in files or len(other) != 1 else other[0]
    if name not in files:
        return SubmissionJson(NAME, {}, f"{NAME} is missing")
    try:
        data = read_bytes(files[name], _LIMIT_BYTES)
    except InputError as error:
        return SubmissionJson(name, {}, str(error))
    repeated: dict[str, None] = {}
    try:
        values = _parse(data.decode("utf-8-sig"), repeated)
        problem = "a byte-order mark stands before it" if data.startswith(b"\xef\xbb\xbf") else ""
    except (ValueError, RecursionError) as error:
        return SubmissionJson(name, {}, f"{name} does not parse: {str(error)[:80]}")
    if not isinstance(values, dict):
        return SubmissionJson(name, {}, f"{name} holds no object")
    if problem:
        problem = f"{name} does not parse as UTF-8 JSON: {problem}"
    return SubmissionJson(name, values, problem, tuple(repeated))


def _parse(text: str, repeated: dict[str, None]) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in pairs:
            if key in values:
                repeated[key] = None
            values[key] = value
        return values

    return json.loads(text, object_pairs_hook=once)
