"""`golfctl inspect` for a step summary or a comment: the reports of `golfctl.inspection` as GitHub's Markdown."""

from collections.abc import Sequence
from typing import Any

from golfctl.cli.views.inspect_text import cell, change_line, checked, room, what
from golfctl.cli.views.markdown import code, folded, table

Json = dict[str, Any]


def report_markdown(report: Json) -> str:
    """Size and verdict, the ledger, and the groups of tensors behind a fold."""
    blocks = [f"### {code(report['path'])}", _verdict(report), _ledger(report), _groups(report)]
    return "\n\n".join(blocks)


def diff_markdown(difference: Json) -> str:
    """What changed, table by table."""
    old, new = difference["old"], difference["new"]
    if old is None:
        return f"### {code(new['path'])} is new\n\n{new['file_bytes']:,} bytes in the file, nothing to compare with."
    blocks = [f"### {code(old['path'])} → {code(new['path'])}"]
    if difference["identical"]:
        return "\n\n".join([*blocks, f"The files are identical: {new['file_bytes']:,} bytes."])
    blocks.append(f"{change_line(difference)}: {old['file_bytes']:,} → {new['file_bytes']:,} bytes in the file.")
    for title in ("ledger", "groups", "tensors", "sections"):
        rows = [[code(row["name"]), row["state"], f"{row['bytes']:+,}", _what(row)] for row in difference[title]]
        if rows:
            blocks.append(
                folded(f"{len(rows):,} changes in {title}", table([title, "state", "bytes", "what"], rows, [2]))
            )
    if difference["changes"]:
        changes = [[code(row["path"]), code(cell(row["old"])), code(cell(row["new"]))] for row in difference["changes"]]
        blocks.append(folded(f"{len(changes):,} changed fields", table(["field", "old", "new"], changes)))
    return "\n\n".join(blocks)


def overview(reports: Sequence[Json | None], names: Sequence[str]) -> str:
    """One row for each of several artifacts; None: it could not be read."""
    rows = []
    for name, report in zip(names, reports, strict=True):
        budget = report["budget"] if report else None
        bytes_ = f"{report['counted_bytes']:,}" if report else ""
        state = "not read" if report is None else "over budget" if budget and not budget["ok"] else checked(report)
        rows.append([code(name), bytes_, f"{budget['headroom_bytes']:,}" if budget else "", state])
    return table(["artifact", "bytes counted", "left", "state"], rows, [1, 2])


def _verdict(report: Json) -> str:
    budget, bits = report["budget"], report["bits_per_weight"]
    size = f"**{report['counted_bytes']:,}** bytes counted"
    if budget:
        profile = f" ({budget['profile']})" if budget["profile"] else ""
        size = f"**{'Within' if budget['ok'] else 'Over'} budget{profile}:** {size} of {budget['limit_bytes']:,}, "
        size += f"**{room(budget)}**"
    density = "" if bits is None else f", {bits:.3f} bits per weight"
    return f"{size}. {report['parameters']:,} parameters{density}; {checked(report)}; sha256 `{report['sha256']}`."


def _ledger(report: Json) -> str:
    rows = [[code(row["name"]), f"{row['bytes']:,}", row["where"]] for row in report["ledger"]]
    return table(["ledger", "bytes", "where"], [*rows, ["**counted**", f"**{report['counted_bytes']:,}**", ""]], [1])


def _groups(report: Json) -> str:
    counts = ("tensors", "parameters", "bytes")
    rows = [
        [code(group["name"]), *(f"{group[name]:,}" for name in counts), f"{group['share']:.2%}"]
        for group in report["groups"]
    ]
    shown = table(["tensors", "number", "weights", "bytes", "share"], rows, [1, 2, 3, 4])
    return folded(f"{len(report['tensors']):,} tensors in {len(rows):,} groups", shown)


def _what(row: Json) -> str:
    text = what(row)
    return code(text) if text else ""
