"""The tests that need an accelerator (`pytest -m gpu`); in the dry form they are only collected."""

import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from benchmarks.gpu.options import Options
from benchmarks.gpu.parts.programs import program
from benchmarks.gpu.report import Report


def run(options: Options, report: Report) -> None:
    words = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-p", "no:cacheprovider", "-W", "default"]
    if options.dry:
        done = program([*words, "--collect-only", "tests/unit/model/kernels/test_backends.py"])
        found = [line for line in done.stdout.splitlines() if "::" in line]
        report.holds("tests marked gpu are collected", bool(found), f"{len(found)} tests")
        report.figure("main", {"tests": len(found)})
        return
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "junit.xml")
        done = program([*words, f"--junitxml={results}"], codes=(0, 1))
        cases = ElementTree.parse(results).getroot().iter("testcase")
        for case in cases:
            judge(case, report)
    report.figure("last line", done.stdout.strip().splitlines()[-1])
    report.figure("main", {"tests": len(report.checks)})


def judge(case: ElementTree.Element, report: Report) -> None:
    """One test: a skipped one is not here, with its reason."""
    name = f"{case.get('classname')}::{case.get('name')}"
    skipped = case.find("skipped")
    fault = next((part for part in (case.find("failure"), case.find("error")) if part is not None), None)
    if skipped is not None:
        report.absent(name, skipped.get("message") or "skipped")
    else:
        report.holds(name, fault is None, "" if fault is None else (fault.get("message") or "failed")[:400])
