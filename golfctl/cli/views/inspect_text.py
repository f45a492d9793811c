"""`golfctl inspect` for people: the reports of `golfctl.inspection` as text."""

from typing import Any

from golfctl.cli.views.render import table
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
        f"old  {old['path']}: {old['file_bytes']:,} bytes, sha256 {old['sha256']}",
        f"new  {new['path']}: {new['file_bytes']:,} bytes, sha256 {new['sha256']}",
    ]
    if difference["identical"]:
        return "\n".join([*lines, "the files are identical"])
    lines.append(f"new − old: {difference['bytes']:+,} bytes in the file, {difference['counted_bytes']:+,} counted")
    blocks = ["\n".join(lines)]
    for title in ("ledger", "groups", "tensors", "sections"):
        if difference[title]:
            rows = [[row["name"], row["state"], f"{row['bytes']:+,}", _what(row)] for row in difference[title]]
            blocks.append(table([title, "state", "bytes", "what"], rows))
    if difference["changes"]:
        changes = [[change["path"], _cell(change["old"]), _cell(change["new"])] for change in difference["changes"]]
        blocks.append(table(["field", "old", "new"], changes))
    return "\n\n".join(blocks)


def _what(row: Json) -> str:
    if row["state"] != "changed":
        return ""
    shown = [key for key in row["changed"] if key not in ("bytes", "parts", "sha256")]
    return ", ".join(f"{key} {_cell(row['old'][key])} → {_cell(row['new'][key])}" for key in shown)


def _cell(value: Any) -> str:
    text = _shape(value) if isinstance(value, list) else "absent" if value is None else str(value)
    return text if len(text) <= 48 else f"{text[:45]}..."


def _head(report: Json) -> str:
    bits = report["bits_per_weight"]
    density = "" if bits is None else f", {bits:.3f} bits per weight in the tensor sections"
    payloads = report["verified"]["payloads"]
    checked = "digests and every payload verified" if payloads else "digests verified"
    return (
        f"{report['path']}: {report['file_bytes']:,} bytes, {report['parameters']:,} parameters{density}\n"
        f"sha256 {report['sha256']}; {checked}"
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
            rows.append([name, _shape(tensor["shape"]), tensor["scheme"], *sizes])
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


def _shape(shape: list[int]) -> str:
    return "×".join(str(axis) for axis in shape) or "scalar"
