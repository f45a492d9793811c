"""`eval --proof`: the file decodes to the text that was scored, in as many bits as the ledger has."""

import json
import math
from pathlib import Path

import pytest

from golfctl.cli.main import exit_code_of
from golfctl.data.dataset import Dataset


@pytest.mark.parametrize("more", [["--rolling"], ["--lanes", "2", "--set", 'context="documents"', "--ngram", "3"]])
def test_the_proof_decodes_to_the_text(folder, tmp_path, capsys, more):
    proof, report, text = tmp_path / "proof", tmp_path / "report.json", tmp_path / "text"
    words = ["--documents", "3", "--proof", str(proof), "--report", str(report), "--quiet"]
    assert exit_code_of(["eval", *words, *more]) == 0
    assert "proof" in capsys.readouterr().err
    assert exit_code_of(["decompress", str(proof), "-o", str(text), "--quiet"]) == 0
    assert text.read_bytes() == b"".join(Dataset.open(Path("data/books")).validation().texts[:3])
    found = json.loads(report.read_text())
    bits = found["val_loss"] * found["tokens"] / math.log(2)
    assert found["stepwise"] and abs(8 * proof.stat().st_size - bits) < 0.001 * bits + 8 * 150


def test_what_cannot_be_proved_is_refused(folder, tmp_path, capsys):
    for more in (["--ladder", "--ngram", "3"], ["--estimate"], ["--device", "cuda"], ["--set", "dtype=bfloat16"],
                 ["--deadline", "9", "--ngram", "3"]):  # fmt: skip
        assert exit_code_of(["eval", "--proof", str(tmp_path / "proof"), *more, "--quiet"]) == 2, more
        assert "--proof" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
