"""Files that break one rule of decoding: golfctl and the reader written from the page name the same one."""

import json
import subprocess
from pathlib import Path

import pytest

from golfctl.artifact import RULES, RuleError, read_artifact
from golfctl.coding.rans import loops
from golfctl.coding.rans.lp_plain_loops import take_predicted
from golfctl.coding.rans.plain_loops import take_matrix, take_vector
from golfctl.core.decoding_rules import DECODING_RULES, DecodingError
from golfctl.inspection.verify import verify_payloads
from tests.golden.make_refused import FILES, TABLE, cases
from tests.hostile.build import FILES as HOSTILE
from tests.oracles import golf_reader
from tests.oracles.golf_further import FURTHER_CODERS, FURTHER_SCHEMES

ROOT = Path(__file__).parents[2]
OUTCOMES = json.loads(TABLE.read_text())


def test_every_rule_of_decoding_has_a_file_and_every_file_an_outcome():
    assert set(OUTCOMES.values()) == set(DECODING_RULES)
    assert {path.stem for path in FILES.glob("*.golf")} == set(OUTCOMES)
    assert not set(DECODING_RULES) & set(RULES), "a name says which table it stands in"


def test_files_are_as_their_builder_makes_them():
    made = cases()
    assert set(made) == set(OUTCOMES)
    compressed = ("zlib", "lzma", "zstd", "brotli")  # another version of a library may compress otherwise
    for stem, data in made.items():
        assert stem.split("--")[-1].startswith(compressed) or data == (FILES / f"{stem}.golf").read_bytes(), stem


def by_golfctl(stem):
    artifact = read_artifact((FILES / f"{stem}.golf").read_bytes())
    with pytest.raises(DecodingError) as caught:
        verify_payloads(artifact)
    message = str(caught.value)
    assert message.endswith(f"(rule {caught.value.rule})") and message.isprintable()
    assert caught.value.details == {"rule": caught.value.rule} and caught.value.exit_code == 4
    return caught.value.rule


@pytest.mark.parametrize("stem", sorted(OUTCOMES))
def test_golfctl_names_the_rule(stem):
    assert by_golfctl(stem) == OUTCOMES[stem]


@pytest.mark.parametrize("stem", sorted(stem for stem in OUTCOMES if stem.startswith("rans-")))
def test_the_loops_without_a_compiler_name_it_too(stem, monkeypatch):
    for name, loop in (("vector", take_vector), ("matrix", take_matrix), ("predicted", take_predicted)):
        monkeypatch.setattr(loops, f"take_{name}", loop)
    assert by_golfctl(stem) == OUTCOMES[stem]


@pytest.mark.parametrize("stem", sorted(OUTCOMES))
def test_the_reader_written_from_the_page_names_it(stem):
    with pytest.raises(golf_reader.Refused) as caught:
        golf_reader.read((FILES / f"{stem}.golf").read_bytes(), FURTHER_CODERS, FURTHER_SCHEMES)
    assert str(caught.value) == OUTCOMES[stem]


@pytest.mark.parametrize("path", sorted(HOSTILE.glob("prediction-work*.golf")), ids=lambda path: path.stem)
def test_both_refuse_a_file_that_costs_too_much(path):
    with pytest.raises(golf_reader.Refused, match="prediction-work"):
        golf_reader.read(path.read_bytes(), FURTHER_CODERS, FURTHER_SCHEMES)
    with pytest.raises(RuleError, match="prediction-work"):
        read_artifact(path.read_bytes())


def test_the_table_is_append_only():
    place = TABLE.relative_to(ROOT).as_posix()
    shown = subprocess.run(["git", "-C", str(ROOT), "log", "--format=%H", "--", place], capture_output=True, text=True)
    for commit in shown.stdout.split():
        old = subprocess.run(["git", "-C", str(ROOT), "show", f"{commit}:{place}"], capture_output=True, text=True)
        for stem, rule in json.loads(old.stdout).items():
            assert OUTCOMES.get(stem) == rule, f"{stem} changed since {commit[:8]}"
