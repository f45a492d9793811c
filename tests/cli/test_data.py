"""`golfctl data`: what a user types, what comes out, and how bad input ends."""

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator

from golfctl.cli.main import exit_code_of
from golfctl.cli.schema_table import schema_of
from golfctl.data.shards import write_shard
from tests.patience import HANG_SECONDS, until
from tests.stand_in_hub import published, serving

LINE = "Chapter {i}.\n\nThe quick brown fox jumps over the lazy dog {i} times;\n    it is  well known.\tReally?\n"


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """A folder to work in with `books.jsonl`, 300 documents."""
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps({"text": LINE.format(i=i)}) for i in range(300)]
    (tmp_path / "books.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def golfctl(*arguments):
    return exit_code_of(["data", *map(str, arguments)])


def build(*arguments):
    return golfctl("build", "books.jsonl", "--vocab", 340, "--holdout", 0.1, *arguments)


def test_build_then_verify(corpus, capsys):
    assert build() == 0
    captured = capsys.readouterr()
    assert "building data/books" in captured.err and "reversible" in captured.out
    assert golfctl("verify", "data/books", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    held = report["dataset"]
    assert report["ok"] and held["raw_bytes"] == held["billed_bytes"]
    assert report["overlap"]["train_documents"] + held["validation_documents"] == 300
    Draft202012Validator(schema_of("data-verify")).validate(report)
    Draft202012Validator(schema_of("data-report")).validate(held)
    Draft202012Validator(schema_of("dataset")).validate(json.loads((corpus / "data/books/dataset.json").read_bytes()))


def test_build_with_held_out_text_and_a_tokenizer(corpus, capsys):
    (corpus / "held.txt").write_text("Held out.\n\tThe lazy dog.\n", encoding="utf-8")
    assert golfctl("tokenizer", "books.jsonl", "--vocab", 330, "-o", "t.model", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema_of("data-tokenizer")).validate(facts)
    assert facts["reversible"] is True and facts["vocab_size"] == 330 and facts["path"] == "t.model"
    build_arguments = ["books.jsonl", "--validation", "held.txt", "--tokenizer", "t.model", "-o", "d", "--json"]
    assert golfctl("build", *build_arguments) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["raw_bytes"] == 25 and facts["validation_documents"] == 1 and facts["hidden_bytes"] == 0
    assert golfctl("verify", "d", "--text", "held.txt", "--quiet") == 0
    assert "the original ones, byte for byte" in capsys.readouterr().out


def test_fetch_from_a_mirror(corpus, capsys, monkeypatch):
    from golfctl.data.tokenizers.tokenizer import Tokenizer

    monkeypatch.setenv("HF_HOME", str(corpus / "hf"))
    assert golfctl("tokenizer", "books.jsonl", "--vocab", 340, "--quiet") == 0
    capsys.readouterr()
    (corpus / "published").mkdir()
    with serving(published(corpus / "published", Tokenizer.load(corpus / "tokenizer.model"))) as hub:
        assert golfctl("fetch", "sp340", "--train-shards", 2, "--endpoint", hub.url, "--json") == 0
    captured = capsys.readouterr()
    facts = json.loads(captured.out)
    assert facts["path"] == "data/sp340" and facts["train_tokens"] == 100_002 and facts["raw_is_decoded"] is True
    assert "fetching sp340" in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "books.jsonl", "--vocab", "340", "--tokenizer", "t.model"], "give one of them"),
        (["build", "books.jsonl", "--holdout", "0.1", "--validation", "v.txt"], "give one of them"),
        (["build", "-o", "here", "--replace"], "--out, --replace: no effect on the embedded corpus"),
        (["tokenizer"], "name the text to train on"),
        (["build", "books.jsonl", "--vocab", "7"], "300<=x<=65536"),
    ],
)
def test_contradictions_are_usage_errors(corpus, capsys, arguments, message):
    assert golfctl(*arguments) == 2
    assert message in capsys.readouterr().err


def test_bad_input_is_one_line_and_exit_code_3(corpus, capsys):
    def refused(message, *arguments, code=3):
        capsys.readouterr()
        assert golfctl(*arguments, "--quiet") == code
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and message in lines[0], lines

    assert build("-o", "d", "--quiet") == 0
    (corpus / "bad.jsonl").write_text('{"text": "a"}\n{oops}\n', encoding="utf-8")
    (corpus / "latin.txt").write_bytes(b"caf\xe9")
    (corpus / "empty.jsonl").write_text('{"text": ""}\n', encoding="utf-8")
    refused("no such file or folder: none.jsonl", "build", "none.jsonl")
    refused("bad.jsonl: line 2 is not JSON", "build", "bad.jsonl")
    refused("latin.txt: byte 3 is not UTF-8", "build", "latin.txt")
    refused("no text to train a tokenizer on", "build", "empty.jsonl")
    refused("this text supports at most", "build", "books.jsonl", "--vocab", "9000")
    refused("exists already", "build", "books.jsonl", "--vocab", "9000", "-o", "d", code=2)  # before it trains anything
    refused("no such dataset folder: nowhere", "verify", "nowhere")
    held = corpus / "d" / "fineweb_val_000000.bin"
    whole = held.read_bytes()
    held.write_bytes(whole[:-2])
    refused("truncated", "verify", "d")
    held.write_bytes(whole)
    (corpus / "d" / "dataset.json").unlink()
    write_shard(held, [1, 5, 4000])
    refused("token 2 has id 4000, not below the vocabulary's 340", "verify", "d")
    assert not (corpus / "data").exists() or not list((corpus / "data").iterdir())


def test_a_failed_check_prints_the_report_and_ends_with_3(corpus, capsys):
    assert build("-o", "d", "--quiet") == 0
    capsys.readouterr()
    (corpus / "other.txt").write_text("Another text.", encoding="utf-8")
    assert golfctl("verify", "d", "--text", "other.txt", "--quiet", "--json") == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out)["ok"] is False and "original:" in captured.err


def test_a_full_disk_leaves_nothing(corpus, capsys, monkeypatch):
    from golfctl.data import shards

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shards, "header", full)
    assert build("-o", "d", "--quiet") == 3
    assert "no room left to write" in capsys.readouterr().err
    assert [path.name for path in corpus.iterdir()] == ["books.jsonl"]


@pytest.mark.parametrize("limit_bytes", [5_000, 20_000])
def test_a_real_refusal_by_the_system_leaves_nothing(corpus, limit_bytes):
    """Files beyond a limit of the process fail as on a full disk: the text file first, or a shard."""
    assert golfctl("tokenizer", "books.jsonl", "--vocab", "330", "-o", "t.model", "--quiet") == 0
    command = [sys.executable, "-m", "golfctl", "data", "build", "books.jsonl", "--tokenizer", "t.model", "-o", "out/d"]
    limit = (limit_bytes, limit_bytes)
    refused = subprocess.run(
        [*command, "--quiet"], stderr=subprocess.PIPE, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )  # fmt: skip
    assert refused.returncode == 3 and refused.stderr.startswith("golfctl: no room left to write"), refused.stderr
    assert len(refused.stderr.splitlines()) == 1 and list((corpus / "out").iterdir()) == []


def _hears_interrupts():
    """Undo what a shell does to background jobs, whose children would inherit that they ignore interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_leaves_nothing_half_written(corpus):
    """A real interrupt of a real process while it tokenizes."""
    lines = [json.dumps({"text": LINE.format(i=i) * 40}) for i in range(3_000)]
    (corpus / "books.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert golfctl("tokenizer", "books.jsonl", "--vocab", "330", "-o", "t.model", "--quiet") == 0
    command = [sys.executable, "-m", "golfctl", "data", "build", "books.jsonl", "--tokenizer", "t.model", "-o", "out/d"]
    for _ in range(10):  # the work may be done before this process is given the processor again
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=_hears_interrupts)
        until(lambda: list(corpus.glob("out/.d.*.tmp/*.bin")) or process.poll() is not None)  # noqa: B023
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=HANG_SECONDS)
        if process.returncode != 0:
            break
        shutil.rmtree(corpus / "out")
    assert process.returncode == 130 and messages.splitlines()[-1] == "golfctl: interrupted"
    assert list((corpus / "out").iterdir()) == []


def test_torch_stays_out(corpus):
    code = "import sys; from golfctl.cli.main import exit_code_of as run; "
    code += "run(['data', 'build', 'books.jsonl', '--vocab', '340', '-o', 'd', '--quiet']); "
    code += "run(['data', 'verify', 'd', '--quiet']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL).returncode == 0
