import ctypes
import os
import signal
import threading
import time

import pytest

from golfctl.core import files
from golfctl.core.progress import SILENT
from golfctl.errors import InterruptedRun, StorageError
from golfctl.training.run import interrupt
from golfctl.training.run.interrupt import StoppableProgress, Stopped, StopRequest, stop_on_signals
from tests.patience import FOREVER_SECONDS, HANG_SECONDS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_asks_the_second_insists(number):
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        assert not stop
        os.kill(os.getpid(), number)
        assert stop and stop.name == signal.Signals(number).name
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_work_that_reports_can_be_stopped():
    stop = StopRequest()
    progress = StoppableProgress(SILENT, stop, "on the way")
    with progress.task("work", 2, "units") as task:
        task.advance()
        stop.handle(signal.SIGTERM, None)
        with pytest.raises(InterruptedRun, match="stopped by SIGTERM on the way"):
            task.advance()
    with pytest.raises(InterruptedRun), progress.task("more work", 2, "units"):
        pass


def test_what_nohup_started_goes_on_without_its_terminal():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_leave_signals_alone():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def use():
        with stop_on_signals() as stop:
            seen.append(bool(stop))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert seen == [False] and signal.getsignal(signal.SIGTERM) is before


def test_where_nothing_is_lost_the_first_signal_ends_the_work():
    with stop_on_signals() as stop:
        expected = pytest.raises(InterruptedRun, match="stopped by SIGTERM while testing")
        with expected, stop.nothing_to_save(lambda: "while testing"):
            os.kill(os.getpid(), signal.SIGTERM)
            pytest.fail("the work went on")
        with pytest.raises(InterruptedRun, match="before more"), stop.nothing_to_save(lambda: "before more"):
            pytest.fail("more work began")


def test_a_library_that_turns_the_interruption_into_an_error_of_its_own():
    with stop_on_signals() as stop, pytest.raises(InterruptedRun), stop.nothing_to_save(lambda: "while testing"):
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt as error:
            raise RuntimeError("compiler failed") from error


def test_work_with_a_grace_is_done_if_it_is_short_and_ends_if_it_is_long():
    with stop_on_signals() as stop:
        with stop.stoppable(HANG_SECONDS):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Stopped), stop.stoppable(0.05):
            time.sleep(FOREVER_SECONDS)
        time.sleep(0.1)  # no alarm is left behind
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_main_thread_deep_in_a_library_is_not_waited_for(monkeypatch, tmp_path):
    """`system` of C looks at no signal; its shell sends one from within the call, and ends when it was answered."""
    said, answered = [], tmp_path / "answered"
    os.mkfifo(answered)
    command = f"kill -TERM {os.getpid()}; read line < '{answered}'"
    monkeypatch.setattr(interrupt, "_PATIENCE_SECONDS", 0.05)

    def answer(line):
        said.append(line)
        answered.write_text("\n")

    with pytest.raises(StorageError), files.atomic_writer(tmp_path / "made" / "file") as stream:
        stream.write(b"half")
        with (
            pytest.raises(InterruptedRun),
            stop_on_signals(answer) as stop,
            stop.nothing_to_save(lambda: "deep in a library"),
        ):
            ctypes.CDLL(None).system(command.encode())
        assert not list((tmp_path / "made").iterdir())
    assert said == ["stopped by SIGTERM deep in a library"]


def test_a_main_thread_with_something_to_save_is_waited_for(monkeypatch):
    said = []
    monkeypatch.setattr(interrupt, "_PATIENCE_SECONDS", 0.05)
    with stop_on_signals(said.append) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
    assert stop and not said
