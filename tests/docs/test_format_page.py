"""The format page is what the code does, and every JSON example in the docs fits its schema."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from golfctl.artifact.format_rules import RULES
from golfctl.cli.schema_table import schema_of
from golfctl.coding import decode
from tests.docs.format_page import BLOCKS, PAGE, rendered
from tests.docs.format_values import CODES, ROWS_R2, stream, values
from tests.oracles import golf_rans, golf_rans_lp

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


def test_values_to_check_against_are_those_of_the_plain_readers():
    payload, shape = stream(), (1, len(CODES))
    assert decode("rans/1", payload, "int8", shape).tolist() == [CODES]
    assert golf_rans.decode(payload, "int8", shape) == bytes(code % 256 for code in CODES)
    [_, [slope]] = golf_rans_lp.slopes(ROWS_R2)
    assert f"G[1, 0] = {slope:,}" in values()


@pytest.mark.skipif(shutil.which("file") is None, reason="needs file(1)")
def test_file_knows_an_artifact_by_its_magic():
    golden = ROOT / "tests" / "golden" / "v1" / "grid.golf"
    asked = ["file", "--brief", "--magic-file", str(PAGE.with_name("golf.magic"))]
    said = [
        subprocess.run([*asked, *more, golden], capture_output=True, text=True).stdout for more in ([], ["--mime-type"])
    ]
    assert said == [
        f"golfctl language model artifact, container version 1, {golden.stat().st_size} bytes\n",
        "application/vnd.golfctl.artifact\n",
    ]
