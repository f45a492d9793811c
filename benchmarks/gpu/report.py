"""What a part finds, saved after every finding: a part that is stopped leaves what it had."""

import contextlib
import json
import math
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from golfctl.core.files import atomic_write

PASSED, FAILED, BROKEN, ABSENT = "passed", "failed", "broken", "not here"


class Report:
    """Checks (with a verdict each), and figures by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checks: list[dict[str, Any]] = []
        self.figures: dict[str, Any] = {}

    def at_most(self, name: str, value: float, bound: float, note: str = "") -> None:
        """A check that passes when `value` is a number and no larger than `bound`."""
        verdict = PASSED if value <= bound else FAILED  # a NaN is not
        self._check(name, verdict, note, value=value, bound=bound)

    def holds(self, name: str, truth: bool, note: str = "") -> None:
        self._check(name, PASSED if truth else FAILED, note)

    def absent(self, name: str, reason: str) -> None:
        """What cannot be tried on this machine, and why: named once, never left out."""
        if any(check["name"] == name and check["note"] == reason for check in self.checks):
            return
        self._check(name, ABSENT, reason)

    def figure(self, name: str, value: Any) -> None:
        self.figures[name] = _finite(value)
        self._save()
        print(f"  {name}: {json.dumps(self.figures[name])[:200]}", file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """One error of the block is one broken check, and the part goes on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever a driver, a kernel or a compiler throws
            lines = (str(error).strip() or "no message").splitlines()
            self._check(name, BROKEN, f"{type(error).__name__}: {lines[0]}", trace=traceback.format_exc()[-4000:])
            print(traceback.format_exc(), file=sys.stderr)

    @property
    def status(self) -> str:
        """The part's own verdict; one that found nothing is broken."""
        verdicts = {check["verdict"] for check in self.checks}
        if BROKEN in verdicts or not (self.checks or self.figures):
            return BROKEN
        if FAILED in verdicts:
            return FAILED
        return ABSENT if verdicts == {ABSENT} and not self.figures else PASSED

    def _check(self, name: str, verdict: str, note: str, **values: Any) -> None:
        self.checks.append({"name": name, "verdict": verdict, "note": note, **_finite(values)})
        self._save()
        shown = " ".join(f"{key} {value:.3g}" for key, value in values.items() if isinstance(value, float))
        print(f"  {verdict:9}{name} {shown} {note}".rstrip(), file=sys.stderr, flush=True)

    def _save(self) -> None:
        found = {"status": self.status, "checks": self.checks, "figures": self.figures}
        atomic_write(self.path, json.dumps(found, allow_nan=False).encode())


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
