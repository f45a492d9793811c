"""Numbers in the environment: read, or refused with a sentence that names the variable."""

import socket

import pytest

from golfctl.core.machine.variables import check_variables, launched, meeting, number_in, speaks_of_loss
from golfctl.errors import InputError


def test_numbers(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", " 4,2 ")
    assert number_in("OMP_NUM_THREADS") == 4
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    assert number_in("OMP_NUM_THREADS") is None


@pytest.mark.parametrize("value", ["abc", "0", "-1", "1.5", "1e3", "٣", "1025", "9" * 30, "\x1b[2J", "4,2x,"])
def test_absurd_ones_are_named(value, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    with pytest.raises(InputError, match="NUMBA_NUM_THREADS="):
        check_variables()


def test_a_launch(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert launched() == (0, 1)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="but no RANK, MASTER_ADDR, MASTER_PORT"):
        launched()
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "29500")
    monkeypatch.setenv("RANK", "1")
    assert launched() == (1, 2)
    monkeypatch.setenv("RANK", "2")
    with pytest.raises(InputError, match="counted from 0"):
        launched()


def test_processes_that_do_not_meet(monkeypatch):
    def nowhere(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setenv("MASTER_ADDR", "no.such.host")
    monkeypatch.setenv("MASTER_PORT", "29500")
    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(InputError, match=r"MASTER_ADDR='no.such.host', MASTER_PORT=29500 .*not known"), meeting():
        pass
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port: [])
    with pytest.raises(InputError, match="timed out"), meeting():
        raise RuntimeError("wait timed out\nand a stack")


def test_a_lost_rank_is_told_by_its_words():
    assert speaks_of_loss(RuntimeError("Connection closed by peer"))
    assert not speaks_of_loss(RuntimeError("shapes do not match"))
