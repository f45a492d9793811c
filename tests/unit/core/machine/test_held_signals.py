import os
import signal
import threading

import pytest

from golfctl.core.machine.held_signals import held_back


def test_a_signal_waits_until_it_is_wanted():
    before, steps = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt), held_back() as deliver:
        os.kill(os.getpid(), signal.SIGINT)
        steps.append("begun")
        deliver()
        steps.append("never")
    assert steps == ["begun"] and signal.getsignal(signal.SIGINT) is before


def test_the_end_of_the_block_delivers_too_though_something_failed():
    with pytest.raises(KeyboardInterrupt) as ended, held_back():
        os.kill(os.getpid(), signal.SIGINT)
        raise OSError("no such program")
    assert isinstance(ended.value.__context__, OSError)


def test_other_threads_leave_signals_alone():
    before, seen = signal.getsignal(signal.SIGINT), []

    def use():
        with held_back() as deliver:
            seen.append(signal.getsignal(signal.SIGINT))
            deliver()

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert seen == [before]
