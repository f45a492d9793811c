"""The page and the picture of what `quantisation.py` measured."""

from pathlib import Path

_COMMAND = "python benchmarks/quantisation.py RUN --data DATASET --parts bars,fit,curves --out OUT"


def markdown(gathered: dict, name: str) -> str:
    """Bars, fits and curves of every run as tables."""
    machine = gathered["environment"]
    lines = [
        "# Quality against bytes",
        "",
        f"`{_COMMAND}`, once per run. {machine['cpus']}-core {machine['processor']}, CPU only, torch on one thread.",
        "",
        "KL(full ‖ packed) in nats per token and billed bpb over held-out tokens; bytes are whole artifacts. Baselines"
        " and entropy-coded quantisation share one calibration on training text. Ratios in bold are the bars: KL at"
        " equal bytes ≤ 0.35 (GPTQ-lite) and ≤ 0.6 (full GPTQ), bytes at equal KL ≤ 0.8 (full GPTQ).",
        "",
        f"![KL against bytes]({name}.svg)",
        "",
    ]
    for run, found in sorted(gathered["runs"].items()):
        about = found["about"]
        lines += [f"## {run}", ""]
        lines += [
            f"{about['parameters']:,} quantised parameters, full model {about['bpb']:.5f} bpb over"
            f" {about['tokens']:,} held-out tokens, calibration {about['calibration']}.",
            "",
        ]
        lines += _bars(found.get("bars", [])) + _fits(found.get("fit", [])) + _curves(found.get("curves", []))
    return "\n".join(lines)


def _bars(bars: list[dict]) -> list[str]:
    if not bars:
        return []
    head = "| baseline | bytes | KL | bpb | entropy in its bytes: KL (bpb) | ratio | at its KL: bytes (KL) | ratio |"
    return [head, "| --- " + "| ---: " * 7 + "|", *map(_bar, bars), ""]


def _bar(bar: dict) -> str:
    base, same, small = bar["baseline"], bar["same_bytes"], bar["same_kl"]
    return (
        f"| {base['curve']} | {base['bytes']:,} | {base['kl']:.6f} | {base['bpb']:.5f} | {same['kl']:.6f}"
        f" ({same['bpb']:.5f}, {same['bytes']:,} bytes) | **{same['kl'] / base['kl']:.3f}** | {small['bytes']:,}"
        f" ({small['kl']:.6f}) | **{small['bytes'] / base['bytes']:.3f}** |"
    )


def _fits(rows: list[dict]) -> list[str]:
    if not rows:
        return []
    head = [
        f"Budget {rows[0]['budget']:,} bytes:",
        "",
        "| setting | bytes | KL | bpb |",
        "| --- | ---: | ---: | ---: |",
    ]
    return [*head, *map(_row, rows), ""]


def _curves(rows: list[dict]) -> list[str]:
    if not rows:
        return []
    return ["| curve | bytes | KL | bpb |", "| --- | ---: | ---: | ---: |", *map(_row, rows), ""]


def _row(row: dict) -> str:
    return f"| {row['curve']} | {row['bytes']:,} | {row['kl']:.6f} | {row['bpb']:.5f} |"


def draw(gathered: dict, curves: list[str], path: Path) -> None:
    """One panel per run, one line per scheme."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    runs = {run: _points(found) for run, found in sorted(gathered["runs"].items()) if "curves" in found}
    if not runs:
        return
    matplotlib.rcParams["svg.hashsalt"] = "golfctl"
    figure, axes = pyplot.subplots(1, len(runs), figsize=(6 * len(runs), 5), squeeze=False, sharey=True)
    for axis, (run, rows) in zip(axes[0], runs.items(), strict=True):
        for curve in curves:
            points = sorted((size / 1e6, kl) for name, size, kl in rows if name == curve)
            if not points:
                continue
            axis.plot(*zip(*points, strict=True), marker="o", markersize=4, label=curve)
        axis.set(yscale="log", xlabel="artifact, MB", title=run)
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("KL(full ‖ packed), nats per token")
    axes[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def _points(found: dict) -> list[tuple[str, int, float]]:
    """Curve, bytes and KL of every row that belongs to a curve."""
    rows = [row for bar in found.get("bars", []) for row in bar.values()]
    named = [
        ("entropy + rans" if r["curve"].startswith("entropy at") else r["curve"].replace(" int6", ""), r) for r in rows
    ]
    named += [(row["curve"], row) for row in found["curves"]]
    return [(name, row["bytes"], row["kl"]) for name, row in named]
