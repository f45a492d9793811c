"""A stack of techniques as text for people: every value that acts, where it came from, and what each part did."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

_WIDTH, _INDENT = 100, 16
_ORIGINS = ("flag", "recipe", "given", "artifact", "checkpoint", "default")  # shown in this order


def stack_lines(report: Mapping[str, Any], brief: bool = False) -> list[str]:
    """The windows, then part after part: values by origin, and (of a report with a state) what became of it.

    `report` has a resolved `config` with its `origins`. `brief` leaves out defaults that need no reason, and the
    reasons of all that is no default.
    """
    if "origins" not in report:  # by a version that did not say
        return []
    config, origins = report["config"], report["origins"]
    done = (report.get("state") or {}).get("parts", {})
    mode = "rolling cache" if config["rolling"] else "sliding"
    lines = _wrapped("windows", [mode, *_by_origin(config, origins, "", brief)])
    for name, values in config.items():
        if isinstance(values, dict):
            lines += _wrapped(name, [f"on by {origins[name]['from']}", *_by_origin(values, origins, f"{name}.", brief)])
            lines += _wrapped("", [done[name]["how"]]) if name in done else []
    return lines


def _by_origin(values: Mapping[str, Any], origins: Mapping[str, Any], prefix: str, brief: bool) -> Iterator[str]:
    """The values of one table that act and are not off, `origin: name value, …` for each origin."""
    texts: dict[str, list[str]] = {origin: [] for origin in _ORIGINS}
    for key, value in values.items():
        said = origins.get(f"{prefix}{key}")
        if said is None or value is None or value is False or isinstance(value, dict):
            continue
        default = said["from"] == "default"
        if not (brief and default and "why" not in said):
            why = f" ({said['why']})" if "why" in said and (default or not brief) else ""
            texts[said["from"]].append(f"{_text(key, value)}{why}")
    return (f"{origin}: {', '.join(found)}" for origin, found in texts.items() if found)


def _text(key: str, value: Any) -> str:
    return key if value is True else f"{key} {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "/".join(map(_value, value))
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _wrapped(label: str, sentences: list[str]) -> list[str]:
    text = f"{label:<{_INDENT}}{'; '.join(sentences)}"
    return textwrap.wrap(text, _WIDTH, subsequent_indent=" " * _INDENT, break_on_hyphens=False)
