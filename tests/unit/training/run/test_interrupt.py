import os
import signal
import threading

import pytest

from golfctl.core.progress import SILENT
from golfctl.errors import InterruptedRun
from golfctl.training.run.interrupt import StoppableProgress, StopRequest, stop_on_signals


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
