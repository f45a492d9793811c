"""`golfctl compare BASE… -- NEW…`: does the new set of runs beat the base, and may they be averaged at all."""

from pathlib import Path
from typing import Any

import click

from golfctl.cli.options import Finite, json_option
from golfctl.cli.views.render import emit_json, table
from golfctl.cli.views.terminal import echo
from golfctl.core.text import one_line
from golfctl.errors import UsageError, VerdictError

_SHOWN = 3
_NEW = "golfctl.compare.new"


class _TwoLists(click.Command):
    """Keeps what stands after `--`, which click would merge with what stands before."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            cut = args.index("--")
            ctx.meta[_NEW] = args[cut + 1 :]
            args = args[:cut]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[OPTIONS]", "BASE...", "--", "NEW..."]


@click.command("compare", cls=_TwoLists, epilog="Exit 6 when the answer is no, or when the runs must not be averaged.")
@click.argument("base", nargs=-1, type=click.Path(path_type=Path))
@click.option("--margin", type=Finite(min=0), help="Gain to be shown. Default: the rules' (0.005 nats).")
@click.option("--unit", type=click.Choice(["nats", "bpb"]), default="nats", show_default=True, help="Of the margin.")
@click.option("--p", "p_wanted", type=Finite(0, 1, min_open=True, max_open=True), help="Default: the rules'.")
@click.option("--ignore", multiple=True, type=click.Choice(["code", "environment"]), help="Average in spite of this.")
@click.option("--rules", "rules_name", default="parameter-golf", show_default=True, help="Rules: a name or a file.")
@json_option
@click.pass_context
def command(ctx: click.Context, base: tuple[Path, ...], **options: Any) -> None:
    """Welch's one-sided test: is NEW better than BASE by more than the margin.

    BASE and NEW are eval reports (`golfctl eval --report`) or run folders.
    """
    new = tuple(Path(name) for name in ctx.meta.get(_NEW, []))
    if not base or not new:
        raise UsageError("compare needs two lists: golfctl compare BASE… -- NEW…")
    late = [str(path) for path in new if str(path).startswith("--")]
    if late:
        raise UsageError(f"{late[0]} stands behind the second list: options go before the first")
    from golfctl.auditing.rules import load_rules
    from golfctl.comparison.compare import compare
    from golfctl.comparison.receipt import read_receipt

    claim, unit = load_rules(options["rules_name"]).claim, options["unit"]
    margin = options["margin"]
    if margin is None:
        if unit == "bpb":
            raise UsageError("the rules give the margin in nats: with --unit bpb name it with --margin")
        margin = claim.margin_nats
    p_wanted = options["p_wanted"] or claim.p_value
    receipts = [[read_receipt(path) for path in paths] for paths in (base, new)]
    result = compare(receipts[0], receipts[1], margin, p_wanted, unit, options["ignore"])
    if options["as_json"]:
        emit_json(result)
    else:
        echo(_text(result))
    if not result["better"]:
        raise VerdictError(_why_not(result))


def _text(result: dict[str, Any]) -> str:
    unit = result["unit"]
    rows = []
    for name in ("base", "new"):
        side = result[name]
        spread = "" if side["standard_deviation"] is None else f"{side['standard_deviation']:.5f}"
        seeds = ", ".join("?" if seed is None else str(seed) for seed in side["seeds"])
        rows.append((name, str(len(side["scores"])), f"{side['mean']:.5f}", spread, seeds))
    lines = [table(("set", "runs", f"mean {unit}", "sd", "seeds"), rows)]
    lines.append(
        f"gain {result['gain']:+.5f} {unit}; to be shown: more than {result['margin']:g} at p < {result['p_wanted']:g}"
    )
    if result["interval_95"]:
        low, high = result["interval_95"]
        lines.append(f"95 % interval {low:+.5f} … {high:+.5f}; p = {result['p_value']:.2g}")
        runs = min(len(result[name]["scores"]) for name in ("base", "new"))
        lines.append(
            f"with this spread {runs} runs a side show a gain of {result['showable_gain']:.5f} or more (4 in 5)"
        )
    lines += [*_over_documents(result["paired_documents"]), _in_words(result), _apart(result), *_unknown(result)]
    lines.append("what can be recomputed, and how: docs/receipts.md, or `recomputed` of --json")
    lines.append("what no test sees: how many other runs were made and left out")
    return "\n".join(lines)


def _over_documents(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    low, high = found["interval_95_bpb"]
    return [
        f"over documents: gain {found['gain_bpb']:+.5f} bpb, 95 % {low:+.5f} … {high:+.5f} "
        f"(paired bootstrap, {found['documents']:,} documents, better on {found['documents_better']:,})"
    ]


def _in_words(result: dict[str, Any]) -> str:
    """What follows, for someone who reads one line alone."""
    gain, unit = result["gain"], result["unit"]
    if result["p_value"] is None:
        return "in words: nothing follows yet; one run has no spread, so run at least two seeds a side"
    if not result["better"]:
        more = "; more seeds may" if gain > result["margin"] else ""
        return f"in words: these runs do not show that new is better by more than {result['margin']:g} {unit}{more}"
    found = result["paired_documents"]
    shaky = found is not None and found["interval_95_bpb"][0] <= 0
    held = ", but other documents might not show it" if shaky else ""
    return f"in words: new is better by more than {result['margin']:g} {unit}, and not by the luck of its seeds{held}"


def _apart(result: dict[str, Any]) -> str:
    nothing = "nothing that the reports say" if result["training_unknown"] else "nothing"
    return f"base and new differ in {_some(result['differs']) or nothing}"


def _unknown(result: dict[str, Any]) -> list[str]:
    """What was averaged all the same, what nobody can see, and what nothing but the report itself vouches for."""
    lines = []
    if result["passed_over"]:
        lines.append(f"averaged all the same, as --ignore asks: {_some(result['passed_over'])}")
    if result["training_unknown"]:
        lines.append(
            f"how they were trained is unknown, no journal is beside them: {_some(result['training_unknown'])}"
        )
    if result["unvouched"]:
        lines.append(
            f"no receipt in a journal beside them, nothing vouches for those figures: {_some(result['unvouched'])}"
        )
    else:
        lines.append("their journals are whole, which shows accidents and order, not forgery: anybody can write one")
    return lines


def _some(items: list[str]) -> str:
    more = f" and {len(items) - _SHOWN} more (--json)" if len(items) > _SHOWN else ""
    return one_line("; ".join(items[:_SHOWN]) + more)


def _why_not(result: dict[str, Any]) -> str:
    if result["p_value"] is None:
        return "one run has no spread: give at least two reports a side"
    return f"not shown: p = {result['p_value']:.2g}, wanted < {result['p_wanted']:g}"
