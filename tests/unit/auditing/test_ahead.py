import subprocess
import sys

import numpy as np
import pytest

from golfctl.auditing.ahead import Ahead
from golfctl.auditing.foreign.trace import run_traced
from golfctl.auditing.rules import load_rules
from golfctl.auditing.run import run_audit
from golfctl.auditing.self_test import toy_plan, toy_subject
from golfctl.auditing.subject import AuditContext
from golfctl.auditing.toys.table import TOYS
from golfctl.errors import InputError
from tests.patience import FOREVER_SECONDS, HANG_SECONDS, until

SLEEPS = f"import time; time.sleep({FOREVER_SECONDS})"
TEXT_N = np.arange(8, dtype=np.uint16)


def test_a_begun_piece_answers_once_for_its_own_text_and_others_run_anew():
    calls = []

    def work(text_N):
        calls.append(text_N.tolist())
        return int(text_N.sum())

    with Ahead() as ahead:
        ask = ahead.prepare("T10", work, TEXT_N)
        ahead.begin({"T10"})
        assert ask(TEXT_N[:3]) == 3 and ask(TEXT_N.copy()) == 28
        assert sorted(map(len, calls)) == [3, 8]
        assert ask(TEXT_N) == 28 and len(calls) == 3


def test_only_what_is_chosen_begins_and_the_rest_runs_when_asked():
    calls = []
    with Ahead() as ahead:
        asks = [ahead.prepare(name, lambda name=name: calls.append(name)) for name in ("T13", "T14")]
        ahead.begin({"T14"})
        asks[1]()
        assert calls == ["T14"]
        asks[0]()
    assert calls == ["T14", "T13"]


def test_an_error_of_a_piece_comes_when_it_is_asked_for():
    def broken():
        raise InputError("no rank answered")

    with Ahead() as ahead:
        ask = ahead.prepare("T10", broken)
        ahead.begin({"T10"})
        with pytest.raises(InputError, match="no rank answered"):
            ask()


def test_an_error_elsewhere_stops_the_running_piece_and_drops_the_waiting_one(tmp_path):
    processes, late = [], []
    with pytest.raises(KeyboardInterrupt), Ahead() as ahead:

        def note(process):
            processes.append(process)
            ahead.started(process)

        command = [sys.executable, "-c", SLEEPS]
        ahead.prepare("T14", run_traced, command, tmp_path, 900.0, note)
        ahead.prepare("T13", late.append, 1)
        ahead.begin({"T13", "T14"})
        until(lambda: processes)
        raise KeyboardInterrupt
    assert processes[0].returncode is not None and not late


def test_a_process_started_after_the_end_is_stopped_at_once():
    with Ahead() as ahead:
        pass
    process = subprocess.Popen([sys.executable, "-c", SLEEPS])
    ahead.started(process)
    assert process.wait(HANG_SECONDS) != 0


def test_an_audit_begins_the_pieces_of_its_checks_alone():
    plan, calls = toy_plan(0), []
    subject = toy_subject(TOYS[0], plan)
    with Ahead() as ahead:
        subject.ahead = ahead
        for check in ("T1", "T10"):
            ahead.prepare(check, calls.append, check)
        run_audit(subject, AuditContext(plan, load_rules()), only=["T1"])
        ahead.prepare("end", lambda: None)
        ahead.begin({"end"})
    assert calls == ["T1"]
