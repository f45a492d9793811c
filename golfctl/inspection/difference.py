"""`inspect --diff`: what differs between two artifacts: bytes, tensors, schemes, configuration, provenance."""

from collections.abc import Iterator
from typing import Any

SCHEMA = "inspect-diff/1"
Json = dict[str, Any]
_MISSING = object()
_SIDE = ("path", "sha256", "file_bytes", "counted_bytes")
_TREES = ("model", "tokenizer", "evaluation", "provenance", "annotations", "container")
# the report of no artifact at all
_NOTHING: Json = {
    "sha256": None, "file_bytes": 0, "counted_bytes": 0, "ledger": [], "groups": [], "tensors": [], "sections": [],
    **dict.fromkeys(_TREES),
}  # fmt: skip


def diff_reports(old: Json | None, new: Json) -> Json:
    """Differences of two inspect reports; `bytes` are new − old. Tensors that agree in everything are left out.

    Without `old` the artifact is new: everything in it was added.
    """
    side = None if old is None else {key: old[key] for key in _SIDE}
    old = _NOTHING if old is None else old
    return {
        "schema": SCHEMA,
        "old": side,
        "new": {key: new[key] for key in _SIDE},
        "identical": old["sha256"] == new["sha256"],
        "bytes": new["file_bytes"] - old["file_bytes"],
        "counted_bytes": new["counted_bytes"] - old["counted_bytes"],
        "ledger": _by_name(old["ledger"], new["ledger"], ("bytes", "where")),
        "groups": _by_name(old["groups"], new["groups"], ("bytes", "parameters", "tensors")),
        "tensors": _by_name(old["tensors"], new["tensors"], ("shape", "scheme", "bytes", "parts")),
        "sections": _by_name(old["sections"], new["sections"], ("kind", "coder", "bytes", "raw_bytes", "sha256")),
        "changes": [
            {"path": path, "old": a, "new": b} for tree in _TREES for path, a, b in _changes(tree, old[tree], new[tree])
        ],
    }


def _by_name(old: list[Json], new: list[Json], keys: tuple[str, ...]) -> list[Json]:
    """One row per name that is new, gone or changed, in the order of the new report, gone ones last."""
    before, after = {row["name"]: row for row in old}, {row["name"]: row for row in new}
    names = [*after, *(name for name in before if name not in after)]
    rows = []
    for name in names:
        a = before.get(name, {})
        b = after.get(name, {})
        changed = [key for key in keys if a.get(key) != b.get(key)]
        if changed:
            state = "added" if not a else "removed" if not b else "changed"
            row = {"name": name, "state": state, "bytes": b.get("bytes", 0) - a.get("bytes", 0), "changed": changed}
            rows.append(row | {"old": _pick(a, changed), "new": _pick(b, changed)})
    return rows


def _pick(row: Json, keys: list[str]) -> Json | None:
    return {key: row[key] for key in keys} if row else None


def _changes(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Leaves that differ, by dotted path; a side that lacks the leaf gives None."""
    if isinstance(old, dict) and new in (None, _MISSING):
        new = {}
    if isinstance(new, dict) and old in (None, _MISSING):
        old = {}
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _changes(f"{path}.{key}", old.get(key, _MISSING), new.get(key, _MISSING))
    elif old is not new and old != new:
        yield path, None if old is _MISSING else old, None if new is _MISSING else new
