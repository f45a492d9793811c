"""An eval report as text for people."""

from typing import Any

from golfctl.cli.views.render import table
from golfctl.cli.views.stack_text import stack_lines
from golfctl.core.text import one_line

_MARK = {True: "yes", False: "NO", None: "unknown"}


def summary(report: dict[str, Any]) -> str:
    """The score, what it was divided by, whether it is honest and how that is known."""
    stderr = report["val_bpb_stderr"]
    spread = f" ± {stderr:.4f} (standard error over {report['documents']} documents)" if stderr is not None else ""
    raw, billed = (_figure(report[f"val_bpb_{name}"]) for name in ("raw", "billed"))
    raw_bytes = "unknown raw" if report["raw_bytes_are"] == "decoded" else f"{report['raw_bytes']:,} raw"
    seconds = "  ".join(f"{name} {value:.1f} s" for name, value in report["seconds"].items())
    lines = [
        f"val_bpb         {report['val_bpb']:.4f}{spread}",
        f"val_bpb_raw     {raw}  ({raw_bytes} bytes; {report['carried_bytes']:,} are carried, and divided by above)",
        f"val_bpb_billed  {billed}  ({report['billed_bytes']:,} billed bytes)",
        f"val_loss        {report['val_loss']:.4f} nats a token, {report['tokens']:,} tokens",
        *_mode(report),
        *_stepwise(report),
        *_arithmetic(report),
        *stack_lines(report),
        f"honest          {_MARK[report['honest']]}",
    ]
    lines += [f"  {name:<13} {_MARK[p['verdict']]}: {p['how']}" for name, p in report["properties"].items()]
    lines += [f"  NO VALID SCORE: {reason}" for reason in report["reasons"]]
    lines += [f"note            {note}" for note in report.get("notes", [])]
    if report["source"]["kind"] != "artifact":
        lines.append("source          a checkpoint, for comparison only: scores are made from a packed artifact")
    lines.append(f"seconds         {seconds}")
    if "deadline" in report:
        row = report["deadline"]["adaptation_off_at_row"]
        state = "never switched off" if row is None else f"switched off at row {row:,}"
        lines.append(f"deadline        {report['deadline']['seconds']:g} s: adaptation {state}")
    lines = [one_line(line) for line in lines]
    if "ladder" in report:
        lines += ["", ladder_rows(report["ladder"])]
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _mode(report: dict[str, Any]) -> list[str]:
    """A rolling cache is no sliding window: its score must not be read as one."""
    if report.get("mode") != "rolling":
        return []
    kept = report["config"]["seq_len"]
    return [f"mode            rolling cache of {kept:,} positions: not comparable with sliding-window scores"]


def _stepwise(report: dict[str, Any]) -> list[str]:
    """How many lanes read the text, and what that cost in context."""
    if "stepwise" not in report:
        return []
    found = report["stepwise"]
    seen = f"a row sees {found['mean_context']:,.1f} tokens on average"
    line = f"stepwise        {found['protocol']}, lanes: {found['lanes']}; {seen}"
    if found["rows_with_less_context"]:
        alone, fewer = found["mean_context_of_one_lane"], found["rows_with_less_context"]
        line += f", with one lane {alone:,.1f} ({fewer:,} of {report['tokens']:,} rows see fewer)"
    return [line]


def _arithmetic(report: dict[str, Any]) -> list[str]:
    """Portable arithmetic, and how far it is from the libraries' here."""
    found = report.get("arithmetic", {})
    if "from_ordinary" not in found:
        return []
    apart = found["from_ordinary"]
    distance = f"{apart['mean_nats']:.1e} nats a token from ordinary (largest {apart['largest_nats']:.1e}"
    return [f"arithmetic      {found['name']}: this score on every machine; {distance}, {apart['tokens']:,} tokens)"]


def baseline_rows(report: dict[str, Any], baselines: list[dict[str, Any]]) -> str:
    """General compressors on the same documents beside the model, best first."""
    rows = [(_baseline_name(b), b["bpb"]) for b in baselines] + [("this artifact", report["val_bpb"])]
    ordered = sorted(rows, key=lambda row: row[1])
    return table(("compressor", "bits per byte"), [(name, f"{bpb:.4f}") for name, bpb in ordered])


def _baseline_name(row: dict[str, Any]) -> str:
    """A primed compressor has seen the training text, as the model has: that must stand beside its figure."""
    return f"{row['name']}, primed with the training text" if row["primed"] else str(row["name"])


def estimate_line(expected: dict[str, Any]) -> str:
    """A projection in one line."""
    rate = expected["slice_rows"] / max(expected["slice_seconds"], 1e-9)
    return (
        f"about {expected['seconds']:,.0f} s for {expected['rows']:,} tokens on one process "
        f"({expected['slice_rows']:,} tokens took {expected['slice_seconds']:.1f} s, {rate:,.0f} tokens/s)"
    )


def ladder_rows(rungs: list[dict[str, Any]]) -> str:
    """One row per layer: score, gain over the rung before and over the first, paired standard errors, seconds."""
    header = ("layer", "val_bpb", "stderr", "step", "paired", "all", "paired", "seconds")
    return table(header, [(r["name"], *_cells(r), f"{r['seconds']:.1f}") for r in rungs])


def _cells(rung: dict[str, Any]) -> list[str]:
    formats = {"val_bpb": ".5f", "val_bpb_stderr": ".5f", "step": "+.5f", "step_stderr": ".5f", "all": "+.5f"}
    formats["all_stderr"] = ".5f"
    return ["-" if rung[key] is None else format(rung[key], form) for key, form in formats.items()]
