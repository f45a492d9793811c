"""Races of writers that are killed at random. 200 rounds of each: `python -m benchmarks.races --rounds 200`."""

import os
import random
import time

import pytest

from benchmarks.races.forks import race
from benchmarks.races.rounds import ROUNDS, Ground, run_rounds
from golfctl.core.journal import Journal
from golfctl.errors import UsageError
from tests.patience import FOREVER_SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ROUNDS))
def test_nothing_that_was_reported_is_lost(tmp_path, name, one_thread):
    found = run_rounds(Ground(tmp_path), name, count=6, seed=1)
    assert not found["faults"] and found["writers"].get("done") and "failed" not in found["writers"]


def test_racers_report_over_a_pipe_and_may_be_killed(tmp_path):
    def refused(tell):
        raise UsageError("no")

    def buggy(tell):
        tell(1)
        raise KeyError("x")

    class Never(random.Random):
        def random(self):
            return 0.9

    outcomes = race([lambda tell: tell({"a": 1}), refused, buggy], Never(0), 0.0)
    assert [outcome.code for outcome in outcomes] == [0, 2, 1]
    assert [outcome.told for outcome in outcomes] == [[{"a": 1}], [], [1]]
    assert outcomes[1].message == "no" and outcomes[2].message == "KeyError: 'x'"

    class Always(Never):
        def random(self):
            return 0.1

    (killed,) = race([lambda tell: time.sleep(FOREVER_SECONDS)], Always(0), 0.1)
    assert killed.code == -9 and not killed.told


def test_a_round_finds_a_journal_without_locks_broken(tmp_path, monkeypatch):
    """The check can fail: writers that do not look for the end lose each other's records."""
    monkeypatch.setattr(Journal, "_catch_up", lambda self, stream: stream.seek(0, os.SEEK_END))
    monkeypatch.setattr("benchmarks.races.rounds.Journal.__init__", _blind)
    ground = object.__new__(Ground)
    ground.folder = tmp_path
    with pytest.raises(Exception, match="does not continue the hash chain"):
        run_rounds(ground, "journal", count=6, seed=0)


def _blind(self, path, say=print):
    self.path, self.torn, self._say = path, b"", say
    self._count, self._last, self._bytes = 0, "0" * 64, 0
