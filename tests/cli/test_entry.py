"""The process entry: Ctrl-C that a library disguises is still Ctrl-C; a bug stays a bug."""

import os
import signal
import sys

import pytest

from golfctl import __main__ as entry
from golfctl.cli import main


@pytest.fixture(autouse=True)
def _restore_handler():
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def disguised():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        raise ImportError("initialisation failed") from None


def broken():
    raise ImportError("initialisation failed")


def test_a_disguised_interrupt_is_an_interrupt(monkeypatch, capsys):
    monkeypatch.setattr(main, "exit_code_of", disguised)
    with pytest.raises(SystemExit) as end:
        entry.run()
    assert end.value.code == 130 and capsys.readouterr().err == "golfctl: interrupted\n"


def test_a_bug_is_a_bug(monkeypatch):
    monkeypatch.setattr(main, "exit_code_of", broken)
    with pytest.raises(ImportError):
        entry.run()
    assert "golfctl.cli.main" in sys.modules
