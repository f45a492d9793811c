"""Foreign scorers behind a command: the shipped adapter, its faulty relatives, and commands that misbehave."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from golfctl.auditing.foreign.command import CommandBox
from golfctl.auditing.foreign.markov import MarkovSource
from golfctl.auditing.foreign.subject_of_command import read_tokens
from golfctl.cli.main import exit_code_of
from golfctl.data.shards import write_shard
from golfctl.errors import InputError, UsageError
from tests.patience import FOREVER_SECONDS, HANG_SECONDS, Witness, growing_limits, until
from tests.unit.auditing.test_self_test import SHORT

ADAPTER = Path(__file__).parents[4] / "examples" / "audit-adapter" / "adapter.py"
V = 16
QUICK = ["--vocab", str(V), "--seed", "5", "--tokens-per-text", "64", "--cuts", "8", "--positions", "2", "--quiet"]


@pytest.fixture
def tokens(tmp_path):
    path = tmp_path / "val.bin"
    path.write_bytes(np.random.default_rng(0).integers(0, V, 400).astype("<u2").tobytes())
    return path


def adapter(tmp_path, old="", new="", name="scorer.py"):
    """The shipped adapter for V tokens, with one piece of it replaced."""
    text = ADAPTER.read_text().replace("vocab=256", f"vocab={V}")
    assert old in text
    path = tmp_path / name
    path.write_text(text.replace(old, new) if old else text)
    return f"{sys.executable} {path} {{folder}}"


def audit(command, tokens, tmp_path, *more):
    report = tmp_path / "audit.json"
    code = exit_code_of(
        ["audit", "--scorer-cmd", command, "--tokens", str(tokens), *QUICK, "--report", str(report), *more]
    )
    return code, {f["id"]: f for f in json.loads(report.read_text())["findings"]}


def test_the_shipped_adapter_passes(tmp_path, tokens, capsys):
    code, found = audit(adapter(tmp_path), tokens, tmp_path)
    shown = capsys.readouterr().out
    assert code == 0 and found["T1"]["verdict"] == "pass" and found["T3"]["verdict"] == "pass"
    assert found["T14"]["verdict"] == "pass" and found["T10"]["verdict"] == "not covered"
    assert "a pass is no clearance" in shown and "legal" not in shown.lower()


def test_the_shipped_step_scorer_books_what_it_posts(tmp_path, tokens):
    step = tmp_path / "step.py"
    step.write_text((ADAPTER.parent / "step.py").read_text().replace("VOCAB = 256", f"VOCAB = {V}"))
    more = ["--only", "T13,T1b", "--step-cmd", f"{sys.executable} {step}", "--bos", "3"]
    code, found = audit(adapter(tmp_path), tokens, tmp_path, *more)
    assert code == 0 and found["T13"]["verdict"] == "pass" and "4 document" in found["T1b"]["detail"]
    cheat = adapter(tmp_path, "Counter(tokens[:1])", "Counter(tokens)", "cheat.py")
    code, found = audit(cheat, tokens, tmp_path, *more)
    assert code == 6 and {found[name]["verdict"] for name in ("T13", "T1b")} == {"fail"}


def test_a_fresh_text_of_the_same_kind(tmp_path, tokens):
    fresh = tmp_path / "fresh.bin"
    fresh.write_bytes(np.random.default_rng(9).integers(0, V, 400).astype("<u2").tobytes())
    code, found = audit(adapter(tmp_path), tokens, tmp_path, "--only", "T12-iv", "--fresh", str(fresh))
    assert code == 0 and found["T12-iv"]["verdict"] == "pass"
    script = tmp_path / "memory.py"  # knows the validation text by heart, and nothing else
    script.write_text(
        "import sys, math, pathlib\n"
        f"known = pathlib.Path({str(tokens)!r}).read_bytes()\n"
        "for p in pathlib.Path(sys.argv[1]).glob('*.bin'):\n"
        "    data = p.read_bytes()\n"
        f"    nll = 0.1 if data in known else math.log({V})\n"
        "    rows = [f'{i} {i + 1} {nll}\\n' for i in range(len(data) // 2 - 1)]\n"
        "    p.with_suffix('.ledger').write_text(''.join(rows))\n"
    )
    command = f"{sys.executable} {script} {{folder}}"
    code, found = audit(command, tokens, tmp_path, "--only", "T12-iv", "--fresh", str(fresh))
    assert code == 6 and found["T12-iv"]["verdict"] == "fail" and found["T12-iv"]["value"] > 2.0


def test_adapting_before_scoring_fails_with_a_reproducer(tmp_path, tokens, capsys):
    command = adapter(tmp_path, "Counter(tokens[:1])", "Counter(tokens)")
    code, found = audit(command, tokens, tmp_path, "--evidence", str(tmp_path / "ev"))
    assert code == 6 and found["T1"]["verdict"] == "fail"
    facts = json.loads((Path(found["T1"]["reproducer"]) / "reproducer.json").read_text())
    texts = [read_tokens(tmp_path / "ev" / "T1" / facts["texts"][n], V) for n in ("original", "altered")]
    before, after = CommandBox(command, V).score(texts)
    position = facts["position"]
    assert before.claimed(64)[position] != after.claimed(64)[position]


def test_a_bonus_for_the_realised_token_fails_mass_and_source(tmp_path, tokens):
    code, found = audit(adapter(tmp_path, "+ 0.5)", "+ 1.5)"), tokens, tmp_path, "--only", "T1,T3,T3r,T12-ii")
    assert code == 6 and found["T1"]["verdict"] == "pass"
    assert {found[name]["verdict"] for name in ("T3", "T3r", "T12-ii")} == {"fail"}


def test_a_scorer_that_opens_the_real_text_or_the_network_is_seen(tmp_path, tokens):
    command = adapter(tmp_path, "def score", f"open({str(tokens)!r}, 'rb').read()\n\n\ndef score", "peek.py")
    code, found = audit(command, tokens, tmp_path, "--only", "T14")
    assert code == 6 and "val.bin" in found["T14"]["detail"]
    call = (
        "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80))\nexcept OSError:\n    pass\n\n\ndef score"
    )
    code, found = audit(adapter(tmp_path, "def score", call, "call.py"), tokens, tmp_path, "--only", "T14")
    assert code == 6 and "socket" in found["T14"]["detail"]


def test_a_variant_at_another_batch_size(tmp_path, tokens):
    other = adapter(tmp_path, "* vocab)", "* vocab + 1)", "other.py")
    same = adapter(tmp_path)
    assert audit(same, tokens, tmp_path, "--only", "T10", "--variant-cmd", same)[0] == 0
    code, found = audit(same, tokens, tmp_path, "--only", "T10", "--variant-cmd", other)
    assert code == 6 and found["T10"]["verdict"] == "fail"


def test_required_but_not_covered_is_6(tmp_path, tokens, capsys):
    assert audit(adapter(tmp_path), tokens, tmp_path, "--only", "T1,T10", "--require", "T10")[0] == 6
    assert "T10" in capsys.readouterr().err


def test_one_text_at_a_time(tmp_path):
    script = tmp_path / "one.py"
    script.write_text(
        "import sys\nn = len(open(sys.argv[1], 'rb').read()) // 2\n"
        "open(sys.argv[2], 'w').writelines(f'{i} {i + 1} 1.0\\n' for i in range(n - 1))\n"
    )
    (ledger,) = CommandBox(f"{sys.executable} {script} {{tokens}} {{ledger}}", V).score([np.zeros(5, np.uint16)])
    assert ledger.position_R.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("false {folder}", "ended with code 1"),
        ("true {folder}", "left no 00000.ledger"),
        ("/no/such/program {folder}", "no such|cannot run|ended with code"),
        ("sleep 9999 {folder}", "still running after 1 s"),
    ],
)
def test_commands_that_misbehave_are_named(command, says):
    command = command.replace("sleep 9999 {folder}", "sh -c 'sleep 9999' {folder}")
    with pytest.raises(InputError, match=says):
        CommandBox(command, V, timeout_seconds=1.0).score([np.zeros(4, np.uint16)])


@pytest.mark.parametrize(
    ("ledger", "exit_code", "says"),
    [
        ("", 6, "T8"),
        ("0 1 nan\\n", 6, "T8"),
        ("0 1 1.0\\n", 6, "T8"),
        ("0 99999999999999999999999 1.0\\n", 3, "no index of a token"),
        ("\\x00\\xff garbage", 3, "order position nll"),
        ("9" * 5000 + " 1 1.0\\n", 3, "order position nll"),
        ("0 1 inf\\n1 2 -inf\\n", 6, "T8"),
        ("0 1 1e308\\n1 2 -1e308\\n", 6, "T8"),
    ],
    ids=["empty", "NaN", "too few lines", "impossible position", "garbage", "long", "infinite", "huge"],
)
def test_ledgers_that_make_no_sense(tmp_path, tokens, capsys, ledger, exit_code, says):
    script = tmp_path / "odd.py"
    script.write_text(
        "import sys, pathlib\n"
        f"for p in pathlib.Path(sys.argv[1]).glob('*.bin'):\n    p.with_suffix('.ledger').write_text('{ledger}')\n"
    )
    command = ["audit", "--scorer-cmd", f"{sys.executable} {script} {{folder}}", "--tokens", str(tokens), *QUICK]
    assert exit_code_of([*command, "--json"]) == exit_code
    out, err = capsys.readouterr()
    assert says in err and "Traceback" not in err and err.count("\n") == 1 and len(err) < 300
    if exit_code == 6:
        found = {f["id"]: f["verdict"] for f in json.loads(out, parse_constant=pytest.fail)["findings"]}
        assert found["T8"] == "fail" and "pass" not in {found[name] for name in ("T12-i", "T12-ii", "T12-iii", "T12-v")}


@pytest.mark.parametrize("text", ["garbage{", '{"time": 1}', "[]", "[" * 5000])
def test_a_scorer_that_writes_into_its_trace_is_named(tmp_path, tokens, capsys, text):
    spoil = f"import os\nopen(os.environ['GOLFCTL_TRACE'], 'a').write({text!r} + chr(10))\n\n\ndef score"
    command = adapter(tmp_path, "def score", spoil, "spoil.py")
    assert exit_code_of(["audit", "--scorer-cmd", command, "--tokens", str(tokens), *QUICK, "--only", "T8"]) == 3
    err = capsys.readouterr().err
    assert "was spoiled" in err and err.count("\n") == 1


def test_last_words_do_not_steer_the_terminal(tmp_path):
    script = tmp_path / "red.py"
    script.write_text("raise SystemExit('\\x1b[31mred\\x07')")
    with pytest.raises(InputError, match=r"ended with code 1: \?\[31mred\?$"):
        CommandBox(f"{sys.executable} {script} {{folder}}", V).score([np.zeros(4, np.uint16)])


def test_evidence_of_infinite_scores_can_be_written(tmp_path, tokens):
    script = tmp_path / "free.py"
    script.write_text(
        "import sys, pathlib\n"
        "for p in pathlib.Path(sys.argv[1]).glob('*.bin'):\n"
        "    rows = [f'{i} {i + 1} -inf\\n' for i in range(len(p.read_bytes()) // 2 - 1)]\n"
        "    p.with_suffix('.ledger').write_text(''.join(rows))\n"
    )
    command = f"{sys.executable} {script} {{folder}}"
    code, found = audit(command, tokens, tmp_path, "--evidence", str(tmp_path / "ev"), "--only", "T12-ii,T3")
    facts = json.loads((tmp_path / "ev" / "T12-ii" / "reproducer.json").read_text(), parse_constant=pytest.fail)
    assert code == 6 and facts["nats_of_scorer"] == ["-inf"] and found["T3"]["verdict"] == "fail"


def leaves_one_running(witness):
    """A scorer that does not end; what it leaves in the background tells the witness that it began."""
    background = f"(echo begun; exec sleep {FOREVER_SECONDS}) > {witness.path}"
    return f"sh -c '{background} & sleep {FOREVER_SECONDS}; true' {{folder}}"


def test_what_a_scorer_left_running_is_stopped(tmp_path):
    with Witness(tmp_path / "pipe") as witness:
        for limit in growing_limits():
            with pytest.raises(InputError, match=f"still running after {limit:.0f} s"):
                CommandBox(leaves_one_running(witness), V, timeout_seconds=limit).score([np.zeros(4, np.uint16)])
            until(witness.nobody_left)
            if witness.said:
                break


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_an_audit_that_is_stopped_takes_its_scorer_along(tmp_path, tokens, number):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with Witness(tmp_path / "pipe") as witness:
        words = [sys.executable, "-m", "golfctl", "audit", "--scorer-cmd", leaves_one_running(witness)]
        words += ["--tokens", str(tokens), *QUICK, "--report", str(tmp_path / "r.json")]
        environment = {**os.environ, "TMPDIR": str(scratch)}
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment) as process:
            until(lambda: witness.has_heard() or process.poll() is not None)
            process.send_signal(number)
            _, said = process.communicate(timeout=HANG_SECONDS)
        assert process.returncode == 130 and b"interrupted" in said and b"Traceback" not in said
        until(witness.nobody_left)
        assert witness.said == b"begun\n"
    assert not (tmp_path / "r.json").exists() and list(scratch.iterdir()) == []


@pytest.mark.parametrize("command", ["scorer", "scorer {tokens}", "scorer {folder} {ledger}", "scorer '{folder}"])
def test_commands_without_their_places_are_usage_errors(command):
    with pytest.raises(UsageError):
        CommandBox(command, V)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--scorer-cmd", "x {folder}", "--tokens", "t"],
        ["--scorer-cmd", "x {folder}", "--vocab", "9"],
        ["--scorer-cmd", "x {folder}", "--vocab", "9", "--tokens", "t", "--ttt"],
        ["--self-test", "--require", "T1"],
        ["--self-test", "--bos", "0"],
        ["--scorer-cmd", "", "--vocab", "9", "--tokens", "t"],
        ["--scorer-cmd", "x {folder}", "--vocab", "9", "--tokens", "t", "--reference", "m"],
        ["--step-cmd", "x"],
        ["--tokens", "t"],
        ["--only", "T99", "--scorer-cmd", "x {folder}", "--vocab", "9"],
        ["--only", ",", "--scorer-cmd", "x {folder}", "--vocab", "9", "--tokens", "t"],
        ["--require", "", "--scorer-cmd", "x {folder}", "--vocab", "9", "--tokens", "t"],
        ["--scorer-cmd", "x {folder}", "--vocab", "9", "--tokens", "t", "--device", "cpu"],
        ["--scorer-cmd", "x {folder}", "--vocab", "9", "--tokens", "t", "--seconds-per-run", "nan"],
        ["--self-test", "--device", "cpu"],
        ["--self-test", "--rules", "mine.toml"],
        ["--self-test", "--seconds-per-run", "5"],
    ],
)
def test_contradicting_options(arguments):
    assert exit_code_of(["audit", *arguments]) == 2


def test_shards_and_bare_files_are_both_read(tmp_path, tokens):
    ids = read_tokens(tokens, V)
    write_shard(tmp_path / "shard.bin", ids)
    assert np.array_equal(read_tokens(tmp_path / "shard.bin", V), ids)
    with pytest.raises(InputError, match="vocabulary"):
        read_tokens(tokens, 4)
    (tmp_path / "odd.bin").write_bytes(b"abc")
    with pytest.raises(InputError, match="whole number"):
        read_tokens(tmp_path / "odd.bin", V)


def test_markov_source_is_a_distribution_that_knows_its_cost():
    rng = np.random.default_rng(1)
    source = MarkovSource(rng.integers(0, V, 300).astype(np.uint16), V)
    text_SN, nll_SN = source.sample(2, 40, rng)
    for s in range(2):
        for i in (1, 7, 39):
            row = source.row(text_SN[s, :i])
            assert row.sum() == pytest.approx(1.0) and nll_SN[s, i] == pytest.approx(-np.log(row[text_SN[s, i]]))


def test_the_self_test_command(monkeypatch, capsys):
    from golfctl.auditing import self_test

    monkeypatch.setattr(self_test, "_PLAN", SHORT)
    monkeypatch.setattr(self_test, "TOYS", self_test.TOYS[:3])
    assert exit_code_of(["audit", "--self-test", "--quiet"]) == 0
    assert "3 of 3 toy scorers" in capsys.readouterr().out
    broken = self_test.TOYS[0]._replace(scorer=self_test.TOYS[2].scorer)
    monkeypatch.setattr(self_test, "TOYS", (broken,))
    assert exit_code_of(["audit", "--self-test", "--json", "--quiet"]) == 6
