"""The format page is what the code does, and every JSON example in the docs fits its schema."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from golfctl.artifact.format_rules import RULES
from golfctl.cli.schema_table import schema_of
from tests.docs.format_page import BLOCKS, PAGE, rendered

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md")])
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```\s*$", re.DOTALL | re.MULTILINE)


def json_blocks():
    for page in PAGES:
        for info, body in FENCE.findall(page.read_text(encoding="utf-8")):
            if info.split() and info.split()[0] in ("json", "jsonl"):
                yield pytest.param(info.split()[1:], body, id=f"{page.relative_to(ROOT)}: {body[:30]!r}")


def test_generated_parts_are_current():
    page = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- generated: ([a-z-]+) -->", page)) == set(BLOCKS)
    assert rendered(page) == page, "run: python -m tests.docs.format_page"


def test_every_rule_stands_in_the_order_of_checks():
    page = PAGE.read_text(encoding="utf-8").split("## 7.")[1]
    places = [page.index(f"| `{name}` |") for name in RULES]
    assert places == sorted(places)


@pytest.mark.parametrize(("tags", "body"), list(json_blocks()))
def test_json_examples(tags, body):
    """Tagged `schema=NAME` (a whole document) or `fragment` (has to be JSON, nothing more)."""
    assert tags, "tag the block: ```json schema=NAME or ```json fragment"
    value = json.loads(body)
    for tag in tags:
        if tag.startswith("schema="):
            Draft202012Validator(schema_of(tag.removeprefix("schema="))).validate(value)
        else:
            assert tag == "fragment"
