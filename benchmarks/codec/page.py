"""The page of what `python -m benchmarks.codec` measured: a table a text, and where a model pays."""

from typing import Any

_HEAD = (
    "| tool | bytes | bits per byte | with the model | compress, MB/s | decompress, MB/s | the model pays from |",
    "| --- " + "| ---: " * 6 + "|",
)
_SHORT_HEAD = ("| tool | bytes | bits per byte | shared bytes |", "| --- " + "| ---: " * 3 + "|")


def markdown(found: dict[str, Any]) -> str:
    """All tables, with the tools and the machine."""
    lines = [
        "# Text as a compressed file",
        "",
        "Bytes of whole files that were decoded again and compared; documents stand one after another in one file."
        " *Primed*: the bytes that the text adds to those of the training text, which a model knows as well. *With the"
        " model*: the artifact is counted once. *The model pays from*: bytes of text from which golfctl's file and"
        " artifact together are smaller than the tool's, both at their rate on this text. Speed is bytes of text per"
        " second of processor time of all processes, their start included.",
        "",
    ]
    for name, text in found["texts"].items():
        lines += [f"## {name}", "", f"{text['what']}: {text['bytes']:,} bytes.", "", *_table(text), ""]
    for name, short in found.get("short", {}).items():
        lines += [f"## Short texts: {name}", "", f"{short['what']}.", "", *_short_table(short), ""]
    return "\n".join([*lines, "## How it was measured", "", *_how(found), ""])


def _table(text: dict[str, Any]) -> list[str]:
    ours = [row for row in text["rows"] if "model_bytes" in row]
    best = min(ours, key=lambda row: row["bytes"], default=None)
    rows = sorted(text["rows"], key=lambda row: row["bytes"])
    return [*_HEAD, *(_line(row, text["bytes"], best) for row in rows)]


def _line(row: dict[str, Any], size: int, best: dict[str, Any] | None) -> str:
    name = row["tool"]
    if "primer_bytes" in row:
        name += f", primed with {row['primer_bytes'] / 1e6:.1f} MB"
    with_model = f"{row['bpb_with_model']:.4f}" if "model_bytes" in row else ""
    speeds = [f"{size / 1e6 / row[key]:.3g}" if row.get(key) else "" for key in ("pack_cpu_s", "unpack_cpu_s")]
    pays = "" if best is None or "model_bytes" in row else pays_from(best, row)
    return f"| {name} | {row['bytes']:,} | {row['bpb']:.4f} | {with_model} | {speeds[0]} | {speeds[1]} | {pays} |"


def pays_from(ours: dict[str, Any], other: dict[str, Any]) -> str:
    """Bytes of text from which ours with its model is the smaller: model / (their rate - our rate)."""
    gain = (other["bpb"] - ours["bpb"]) / 8
    return f"{ours['model_bytes'] / gain:,.0f}" if gain > 0 else "never"


def _short_table(short: dict[str, Any]) -> list[str]:
    rows = sorted(short["rows"], key=lambda row: row["bytes"])
    lines = [f"| {row['tool']} | {row['bytes']:,} | {row['bpb']:.4f} | {row['shared_bytes']:,} |" for row in rows]
    return [*_SHORT_HEAD, *lines]


def _how(found: dict[str, Any]) -> list[str]:
    machine = found["environment"]
    tools = [f"* {name}: {version}" for name, version in sorted(found["tools"].items())]
    absent = [f"* not here, not measured: {name}" for name in found["absent"]]
    versions = f"golfctl {machine['golfctl']}, Python {machine['python']}"
    where = f"{machine['cpus']} cores, {machine['processor']}; {versions}."
    return [f"`{command}`" + "  " for command in found["commands"]] + ["", where, "", *tools, *absent]
