"""What a score divides by: no file beside the data, no tokenizer's word and no swallowed text can move it."""

import json
import shutil

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from golfctl.cli.main import exit_code_of
from golfctl.cli.schema_table import schema_of
from golfctl.core.canonical import sha256_bytes
from golfctl.data.dataset import Dataset
from golfctl.data.shards import read_shard, write_shard
from tests.cli.conftest import write_run
from tests.random_tokenizer import make

FLAGS = ("--stride", "64", "--batch", "16", "--quiet", "--json")


def evaluated(capsys, *arguments):
    """The report, and what was said on stderr."""
    capsys.readouterr()
    assert exit_code_of(["eval", *FLAGS, *map(str, arguments)]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    Draft202012Validator(schema_of("eval-report")).validate(report)
    return report, err


def copied(folder, target, *left_out):
    shutil.copytree(folder / "data/books", target, ignore=shutil.ignore_patterns(*left_out))
    return target


@pytest.fixture
def bare(folder, tmp_path):
    return copied(folder, tmp_path / "bare", "dataset.json", "validation*")


@pytest.fixture
def original(folder, tmp_path):
    """The held-out documents as a file of its own."""
    texts = [text.decode() for text in Dataset.open(folder / "data/books").validation_texts()]
    path = tmp_path / "original.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def test_a_built_data_set_is_held_against_the_text_that_it_keeps(folder, capsys):
    report, _ = evaluated(capsys)
    held = Dataset.open(folder / "data/books").validation()
    raw = sum(map(len, held.texts))
    assert report["carried_bytes"] == report["raw_bytes"] == raw and report["val_bpb"] == report["val_bpb_raw"]
    assert report["properties"]["bytes"] == {
        "verdict": True, "how": f"all {raw:,} bytes of the text come back from its tokens",
    }  # fmt: skip
    assert report["honest"] is True and report["by_document"]["carried_bytes"] == held.raw_bytes_D.tolist()


def test_bare_shards_leave_honesty_unknown_until_the_text_is_given(folder, capsys, bare, original):
    whole, _ = evaluated(capsys)
    alone, _ = evaluated(capsys, "--data", bare)
    assert alone["honest"] is None and alone["properties"]["bytes"]["verdict"] is None
    assert "the tokenizer's word alone" in alone["properties"]["bytes"]["how"] and alone["val_bpb_raw"] is None
    settled, _ = evaluated(capsys, "--data", bare, "--text", original)
    assert settled["honest"] is True and settled["val_bpb"] == whole["val_bpb"] and settled["text"] == whole["text"]


def test_the_digest_of_a_known_text_settles_bare_shards(folder, capsys, bare, tmp_path):
    from golfctl.auditing.rules import BUILTIN

    held = Dataset.open(bare).validation()
    digest = sha256_bytes(b"".join(held.decoded_texts()))
    rules = tmp_path / "rules.toml"
    text = (BUILTIN / "parameter-golf.toml").read_text()
    entry = (
        f'\n[[data]]\nname = "the books"\ntokens = 9\nbytes_low = 1\nbytes_high = 9\nbytes_per_token = 1.0\n'
        f'text_sha256 = "{digest}"\n'
    )
    rules.write_text(text + entry)
    report, _ = evaluated(capsys, "--data", bare, "--rules", rules)
    assert report["honest"] is True and "is the books" in report["properties"]["bytes"]["how"]
    rules.write_text(text + entry.replace(digest, "0" * 64))
    assert evaluated(capsys, "--data", bare, "--rules", rules)[0]["honest"] is None


def test_figures_beside_the_data_never_move_the_score(folder, capsys, tmp_path):
    edited = copied(folder, tmp_path / "edited")
    path = edited / "dataset.json"
    said = json.loads(path.read_text())
    held = said["validation"]
    held["document_raw_bytes"] = [2 * size for size in held["document_raw_bytes"]]
    held["hidden_bytes"] = sum(held["document_raw_bytes"]) - held["decoded_bytes"]
    path.write_text(json.dumps(said))
    assert exit_code_of(["eval", *FLAGS, "--data", str(edited)]) == 3
    assert "raw bytes in" in capsys.readouterr().err
    (edited / "validation.jsonl.zst").unlink()  # nothing is left to hold them against
    report, _ = evaluated(capsys, "--data", edited)
    assert report["honest"] is None and report["val_bpb"] == evaluated(capsys)[0]["val_bpb"]


def test_another_text_is_no_text_of_these_tokens(folder, capsys, bare, original, tmp_path):
    lines = original.read_text().splitlines()
    (tmp_path / "other.jsonl").write_text("".join(json.dumps({"text": "Дом у реки."}) + "\n" for _ in lines))
    (tmp_path / "fewer.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    assert exit_code_of(["eval", *FLAGS, "--data", str(bare), "--text", str(tmp_path / "fewer.jsonl")]) == 3
    assert f"{len(lines) - 1} documents, the tokens have {len(lines)}" in capsys.readouterr().err
    assert exit_code_of(["eval", *FLAGS, "--data", str(bare), "--text", str(tmp_path / "other.jsonl")]) == 3
    assert "carry none of the" in capsys.readouterr().err
    longer = [json.dumps({"text": json.loads(line)["text"] * 3}) for line in lines]
    (tmp_path / "longer.jsonl").write_text("\n".join(longer) + "\n")
    report, _ = evaluated(capsys, "--data", bare, "--text", tmp_path / "longer.jsonl")
    assert report["honest"] is False and "this is no score of that text" in report["properties"]["bytes"]["how"]


def test_pads_at_the_end_and_a_missing_bos_are_notes(folder, capsys, bare):
    (shard,) = Dataset.open(bare).val_shards
    ids_N = np.array(read_shard(shard))
    write_shard(shard, np.concatenate([ids_N, [0, 0, 0]]))
    report, err = evaluated(capsys, "--data", bare)
    note = "the text ends in 3 pad tokens, which are scored and carry no bytes"
    assert note in report["notes"] and f"warning: {note}" in err
    write_shard(shard, ids_N[ids_N != 1])
    report, _ = evaluated(capsys, "--data", bare)
    assert any(note.startswith("the stream does not begin with a BOS") for note in report["notes"])


def test_text_that_the_unknown_piece_swallows_is_not_scored(folder, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("абвгдежзик"), 6)) for _ in range(400)]
    lines = [json.dumps({"text": " ".join(rng.choice(words, 60))}) for _ in range(40)]
    (tmp_path / "text.jsonl").write_text("\n".join(lines))
    tokenizer = make([*"abcdefgh", "\u2581"], byte_fallback=False)
    (tmp_path / "tok.model").write_bytes(tokenizer.proto)
    build = ["data", "build", "text.jsonl", "--tokenizer", "tok.model", "--holdout", "0.3", "-o", "d"]
    assert exit_code_of(build) == 0
    said = capsys.readouterr().err
    assert "are <unk>, which swallows" in said and "normaliser" not in said
    write_run(tmp_path / "runs/u", tmp_path / "d", tokenizer.vocab_size)
    assert exit_code_of(["pack"]) == 0
    report, err = evaluated(capsys, "--data", "d", "--baselines")
    assert report["honest"] is False and report["properties"]["bytes"]["verdict"] is False
    assert report["carried_bytes"] * 8 < report["raw_bytes"] and "are <unk>, which swallows" in err
    assert report["val_bpb_billed"] is None  # a space after a special piece is billed nothing
    assert exit_code_of(["data", "verify", "d", "--no-overlap"]) == 0


def test_a_loss_above_that_of_guessing_is_a_note(folder, capsys):
    report, err = evaluated(capsys)
    worse = report["val_loss"] > np.log(340)
    assert worse == any("worse than guessing evenly" in note for note in report["notes"])
    assert worse == ("worse than guessing evenly" in err) and worse  # the model of these tests is random
