"""`golfctl inspect` for people: the reports of `golfctl.inspection` as text."""

from typing import Any

from golfctl.cli.views.render import table
from golfctl.core.text import one_line
from golfctl.inspection.tensor_groups import group_names

Json = dict[str, Any]


def report_text(report: Json) -> str:
    """The whole report: one line of totals, the tree of groups and tensors, the ledger, the budget."""
    blocks = [_head(report), _tree(report), _ledger(report), _foot(report)]
    return "\n\n".join(block for block in blocks if block)


def diff_text(difference: Json) -> str:
    """Differences of two artifacts."""
    old, new = difference["old"], difference["new"]
    lines = [
        "old  none: the artifact is new" if old is None else f"old  {_side(old)}",
        f"new  {_side(new)}",
    ]
    if difference["identical"]:
        return "\n".join([*lines, "the files are identical"])
    lines.append(change_line(difference))
    blocks = ["\n".join(lines)]
    for title in ("ledger", "groups", "tensors", "sections"):
        if difference[title]:
            rows = [[row["name"], row["state"], f"{row['bytes']:+,}", what(row)] for row in difference[title]]
            blocks.append(table([title, "state", "bytes", "what"], rows))
    if difference["changes"]:
        changes = [[cell(change[name]) for name in ("path", "old", "new")] for change in difference["changes"]]
        blocks.append(table(["field", "old", "new"], changes))
    return "\n\n".join(blocks)


def change_line(difference: Json) -> str:
    """The change in bytes, in one line."""
    return f"new − old: {difference['bytes']:+,} bytes in the file, {difference['counted_bytes']:+,} counted"


def size_line(report: Json) -> str:
    """Bytes, budget and what is left, in one line: what the log of a passing check holds."""
    budget, counted = report["budget"], f"{report['counted_bytes']:,} bytes counted"
    if budget:
        profile = f" ({budget['profile']})" if budget["profile"] else ""
        counted += f", budget {budget['limit_bytes']:,}{profile}, {room(budget)}"
    return f"{counted}; {checked(report)}"


def room(budget: Json) -> str:
    """What is left of a budget, or by how much it is exceeded."""
    left = budget["headroom_bytes"]
    return f"{left:,} left" if budget["ok"] else f"over by {-left:,}"


def checked(report: Json) -> str:
    """What was verified."""
    return "digests and every payload verified" if report["verified"]["payloads"] else "digests verified"


def _side(side: Json) -> str:
    return f"{one_line(side['path'])}: {side['file_bytes']:,} bytes, sha256 {side['sha256']}"


def what(row: Json) -> str:
    """What changed in a row of a difference, apart from its bytes."""
    if row["state"] != "changed":
        return ""
    shown = [key for key in row["changed"] if key not in ("bytes", "parts", "sha256")]
    return ", ".join(f"{key} {cell(row['old'][key])} → {cell(row['new'][key])}" for key in shown)


def cell(value: Any) -> str:
    """A value on one line of at most 48 characters."""
    text = one_line(shape(value) if isinstance(value, list) else "absent" if value is None else str(value))
    return text if len(text) <= 48 else f"{text[:45]}..."


def _head(report: Json) -> str:
    bits = report["bits_per_weight"]
    density = "" if bits is None else f", {bits:.3f} bits per weight in the tensor sections"
    return (
        f"{one_line(report['path'])}: {report['file_bytes']:,} bytes, {report['parameters']:,} parameters{density}\n"
        f"sha256 {report['sha256']}; {checked(report)}"
    )


def _tree(report: Json) -> str:
    entropy = "entropy_bytes" in report
    header = ["tensor", "shape", "scheme", "bytes", "bits/weight", "share", *(["entropy", "waste"] if entropy else [])]
    tensors = {tensor["name"]: tensor for tensor in report["tensors"]}
    rows: list[list[str]] = []
    for group, names in zip(report["groups"], group_names(tensors).values(), strict=True):
        members = [tensors[name] for name in names]
        if len(members) > 1:
            sizes = [*_sizes(group, all(tensor["exact"] for tensor in members)), *_waste(members, entropy)]
            rows.append([group["name"], f"{group['tensors']} tensors", "", *sizes])
        for tensor in members:
            name = tensor["name"] if len(members) == 1 else f"  {tensor['name'].removeprefix(group['name'] + '.')}"
            sizes = [*_sizes(tensor, tensor["exact"]), *_waste([tensor], entropy)]
            rows.append([name, shape(tensor["shape"]), tensor["scheme"], *sizes])
    text = table(header, rows)
    shared = sum(not tensor["exact"] for tensor in report["tensors"])
    if shared:
        text += (
            f"\n≈ {shared} tensors share streams with others; the bytes of a stream are shared out by uncompressed size"
        )
    return text


def _sizes(row: Json, exact: bool) -> list[str]:
    bits = row["bits_per_weight"]
    return [
        f"{row['bytes']:,}" if exact else f"≈{row['bytes']:,}",
        "" if bits is None else f"{bits:.3f}",
        f"{100 * row['share']:.2f} %",
    ]


def _waste(tensors: list[Json], entropy: bool) -> list[str]:
    if not entropy:
        return []
    total = sum(tensor["entropy_bytes"] for tensor in tensors)
    return [f"{total:,.0f}", f"{sum(tensor['waste_bytes'] for tensor in tensors):+,.0f}"]


def _ledger(report: Json) -> str:
    rows = [[row["name"], f"{row['bytes']:,}", row["where"]] for row in report["ledger"]]
    if report["counted_bytes"] != report["file_bytes"]:
        rows.append(["file", f"{report['file_bytes']:,}", ""])
    rows.append(["counted", f"{report['counted_bytes']:,}", ""])
    return table(["ledger", "bytes", "where"], rows)


def _foot(report: Json) -> str:
    lines = []
    if "entropy_bytes" in report:
        lines.append(
            f"order-0 entropy of the stored symbols: {report['entropy_bytes']:,.0f} bytes; "
            f"spent beyond it: {report['waste_bytes']:+,.0f}"
        )
    budget = report["budget"]
    if budget:
        verdict = "within" if budget["ok"] else "over"
        profile = f" ({budget['profile']})" if budget["profile"] else ""
        lines.append(
            f"{verdict} budget{profile}: {report['counted_bytes']:,} of {budget['limit_bytes']:,} bytes, "
            f"headroom {budget['headroom_bytes']:,}"
        )
        if report["code"] == "none" and budget["profile"]:
            lines.append("no code is counted: the artifact embeds none and no file beside it was given (--count FILE)")
    return "\n".join(lines)


def shape(axes: list[int]) -> str:
    """`512×128`, or `scalar`."""
    return "×".join(str(axis) for axis in axes) or "scalar"
