"""Tensors by component: `blocks.3.attn.c_q.weight` is in group `blocks.3`, `tok_emb.weight` in `tok_emb`."""

from collections.abc import Iterable


def group_of(tensor_name: str) -> str:
    """First component of a tensor's name, with the index that follows it, if any."""
    parts = tensor_name.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 and parts[1].isdigit() else parts[0]


def group_names(tensor_names: Iterable[str]) -> dict[str, list[str]]:
    """Tensor names by group; groups and names in order of first appearance."""
    groups: dict[str, list[str]] = {}
    for name in tensor_names:
        groups.setdefault(group_of(name), []).append(name)
    return groups
