"""T13: scorers fed through a pipe, honest ones and others, and every way in which one can fail to answer."""

import sys

import numpy as np
import pytest

from golfctl.auditing.blackbox import FunctionBox
from golfctl.auditing.finding import Verdict
from golfctl.auditing.foreign.feeder import feed
from golfctl.auditing.foreign.posted_scores import PostedScores
from golfctl.auditing.plan import Plan
from golfctl.auditing.rules import load_rules
from golfctl.auditing.run import run_check
from golfctl.auditing.subject import AuditContext, Subject
from golfctl.auditing.table import CHECKS
from golfctl.errors import InputError
from tests.patience import HANG_SECONDS

V = 8
TEXT = np.random.default_rng(0).integers(0, V, 40).astype(np.uint16)
COUNTS = """
import math, sys
seen = [0.5] * {V}
for line in sys.stdin:
    seen[int(line)] += 1
    print(*(math.log(n / sum(seen)) for n in seen), flush=True)
"""


def counts(text_N, ahead=0):
    """The same counts from a text that is held; `ahead` of them are of tokens yet to come."""
    nll = []
    for i in range(1, len(text_N)):
        seen = 0.5 + np.bincount(text_N[: i + ahead], minlength=V)
        nll.append(-np.log(seen[text_N[i]] / seen.sum()))
    return PostedScores.of(np.arange(1, len(text_N)), np.array(nll))


def command(tmp_path, text):
    script = tmp_path / "scorer.py"
    script.write_text(text.replace("{V}", str(V)))
    return [sys.executable, str(script)]


def finding(tmp_path, function, text=COUNTS, withheld=()):
    words = command(tmp_path, text)
    who = Subject("s", FunctionBox("s", V, function), TEXT, TEXT, withheld=withheld)
    who.feed = lambda text_N: feed(words, text_N, V, HANG_SECONDS, "scorer")
    plan = Plan.from_dict({"text_tokens": 40, "cuts": 5, "mass_tokens": 40, "fed_tokens": 40})
    return run_check(CHECKS["T13"], who, AuditContext(plan, load_rules()))


def test_who_books_what_it_posts_passes(tmp_path):
    assert finding(tmp_path, counts).verdict is Verdict.PASS


def test_who_knew_the_token_when_it_booked_fails(tmp_path):
    found = finding(tmp_path, lambda text_N: counts(text_N, ahead=1))
    assert found.verdict is Verdict.FAIL and found.value > 0.1


def test_rows_that_do_not_sum_to_one_fail(tmp_path):
    text = COUNTS.replace("n / sum(seen)", "1.5 * n / sum(seen)")
    found = finding(tmp_path, lambda t: PostedScores.of(counts(t).position_R, counts(t).nll_R - np.log(1.5)), text)
    assert found.verdict is Verdict.FAIL and "4.1e-01" in found.detail


def test_who_reads_the_text_elsewhere_fails(tmp_path):
    text_file = tmp_path / "val.bin"
    text_file.write_bytes(TEXT.tobytes())
    found = finding(tmp_path, counts, f"open({str(text_file)!r}, 'rb').read()\n{COUNTS}", withheld=[text_file])
    assert found.verdict is Verdict.FAIL and "it read" in found.detail


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "ended before it answered token 1"),
        ("raise SystemExit('no model here')", "it said: no model here"),
        ("input(); print('abc', flush=True); input()", "no row of numbers"),
        ("input(); print('1 2 3', flush=True); input()", "has 3 numbers, not 8"),
        ("input(); print('nan ' * 8, flush=True); input()", "holds NaN"),
        ("import time; time.sleep(9999)", "still running after 1 s"),
        ("import subprocess, time; subprocess.Popen(['sleep', '9999']); time.sleep(9999)", "still running after 1 s"),
    ],
)
def test_scorers_that_do_not_answer_are_named_in_one_line(tmp_path, text, says):
    with pytest.raises(InputError, match=says) as caught:
        feed(command(tmp_path, text), TEXT, V, 1.0 if "sleep" in text else HANG_SECONDS, "scorer")
    assert "\n" not in str(caught.value)
