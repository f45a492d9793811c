"""One named check and at least one malformed file per rule; every message names rule, place, expected and found."""

import re
from pathlib import Path

import pytest

from golfctl.artifact import RULES, RuleError, open_artifact, read_artifact
from golfctl.artifact.format_rules import fail
from tests.hostile.build import FILES, cases
from tests.hostile.craft import valid_bytes

CASES = cases()
ROOT = Path(__file__).parents[2]


def rule_of(stem):
    return stem.split("--")[0]


def test_the_base_of_every_case_is_valid():
    assert read_artifact(valid_bytes()).manifest.parameters > 0


def test_every_rule_has_a_file():
    assert {rule_of(path.stem) for path in FILES.glob("*.golf")} == set(RULES)


def test_files_are_as_their_builder_makes_them():
    assert {path.stem: path.read_bytes() for path in FILES.glob("*.golf")} == CASES


@pytest.mark.parametrize("stem", sorted(CASES))
def test_file_breaks_its_rule(stem):
    path = FILES / f"{stem}.golf"
    with pytest.raises(RuleError) as caught:
        open_artifact(path)
    error = caught.value
    assert error.rule == rule_of(stem)
    message = str(error)
    assert message.startswith(f"{path}: rule {error.rule} broken in ") and "\n" not in message and message.isprintable()
    assert f"at offset {error.offset:,}: expected {error.expected}, found {error.found}" in message
    assert error.exit_code == 4 and error.section and error.expected and error.found and len(message) < 600


def test_damage_is_placed_in_its_section():
    data = bytearray(valid_bytes())
    artifact = read_artifact(bytes(data))
    section = artifact.section("code")
    data[section.offset] ^= 1
    with pytest.raises(RuleError, match=r"rule section-digest broken in section 'code' at offset") as caught:
        read_artifact(bytes(data))
    assert caught.value.offset == section.offset


def test_an_unknown_rule_is_a_bug():
    with pytest.raises(KeyError):
        fail("no-such-rule", "preamble", 0, 1, 2)


def test_every_check_in_the_source_names_a_rule_of_the_table():
    source = "".join(path.read_text() for path in sorted((ROOT / "golfctl" / "artifact").rglob("*.py")))
    assert set(re.findall(r'fail\(\s*"([a-z-]+)"', source)) == set(RULES)
