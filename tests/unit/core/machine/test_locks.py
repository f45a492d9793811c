import errno
import fcntl
import multiprocessing
import os
import signal
import time

import pytest

from golfctl.core.machine.locks import held, holder, is_ours, release_all
from golfctl.errors import UsageError
from tests.holding import holding
from tests.patience import FOREVER_SECONDS, HANG_SECONDS

FORK = multiprocessing.get_context("fork")


def test_the_second_comer_is_told_who_is_there(tmp_path):
    lock = tmp_path / ".x.lock"
    with holding("lock", lock) as other:
        told = rf"x is being written by another process \(pid {other.pid}: .*, since 2"
        with pytest.raises(UsageError, match=told), held(lock, tmp_path / "x"):
            pass
        assert holder(lock).pid == other.pid and holder(lock).command.startswith("-c lock")
        other.kill()
        other.wait()
        assert holder(lock) is None and lock.exists()  # a killed process leaves the file, which locks nobody out
    with held(lock, tmp_path / "x") as mine:
        assert mine.kept and is_ours(lock) and holder(lock).pid == os.getpid()
    assert not lock.exists() and not is_ours(lock)


def test_one_process_holds_a_lock_once(tmp_path):
    lock, mine = tmp_path / "l", f"pid {os.getpid()}"
    with held(lock, tmp_path / "x"), pytest.raises(UsageError, match=mine), held(lock, tmp_path / "x"):
        pass
    assert os.listdir(tmp_path) == []


def count_up(lock, counter, times):
    for _ in range(times):
        with held(lock, lock, wait_seconds=HANG_SECONDS):
            counter.write_text(str(int(counter.read_text()) + 1))


def test_nobody_is_inside_together_though_the_file_comes_and_goes(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")
    writers = [FORK.Process(target=count_up, args=(tmp_path / "l", counter, 100)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(HANG_SECONDS)
        assert writer.exitcode == 0
    assert counter.read_text() == "400" and os.listdir(tmp_path) == ["counter"]


def test_a_forked_child_does_not_hold_on_for_its_parent(tmp_path):
    def hold_and_fork(pipe):
        with held(tmp_path / "l", tmp_path / "x"):
            child = os.fork()
            if not child:
                time.sleep(FOREVER_SECONDS)
                os._exit(0)
            pipe.send(child)
            time.sleep(FOREVER_SECONDS)

    ours, theirs = FORK.Pipe()
    parent = FORK.Process(target=hold_and_fork, args=(theirs,))
    parent.start()
    child = ours.recv()
    assert holder(tmp_path / "l").pid == parent.pid
    parent.kill()
    parent.join()
    try:
        assert holder(tmp_path / "l") is None
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"pid":"x"}', '{"pid":1,"since":1e999}', "[" * 4096])
def test_what_a_lock_file_says_is_not_trusted(tmp_path, text):
    lock = tmp_path / "l"
    with lock.open("w+") as stream:
        stream.write(text)
        stream.flush()
        fcntl.flock(stream, fcntl.LOCK_EX)
        told = "x is being written by another process: wait"
        with pytest.raises(UsageError, match=told), held(lock, tmp_path / "x", wait_seconds=0):
            pass


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("keep")
    (tmp_path / "l").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError), held(tmp_path / "l", tmp_path / "x"):
        pass
    assert (tmp_path / "precious").read_text() == "keep" and holder(tmp_path / "l") is None


def test_a_file_system_without_locks_holds_nobody_back(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(fcntl, "flock", none)
    with held(tmp_path / "l", tmp_path / "x") as first, held(tmp_path / "l", tmp_path / "x") as second:
        assert not first.kept and not second.kept and holder(tmp_path / "l") is None


def test_folders_made_for_a_lock_go_with_it_when_asked(tmp_path):
    for tidy in (True, False):
        with held(tmp_path / "a" / "b" / "l", tmp_path, tidy=tidy):
            pass
        assert (tmp_path / "a" / "b").exists() is not tidy


def test_a_process_that_ends_without_unwinding_lets_go(tmp_path):
    with held(tmp_path / "a" / "l", tmp_path, tidy=True):
        release_all()
        assert os.listdir(tmp_path) == []


def test_a_lock_knows_when_its_folder_went(tmp_path):
    run = tmp_path / "run"
    with held(run / "l", run) as lock:
        assert not lock.gone
        run.rename(tmp_path / "elsewhere")
        assert lock.gone
        with held(run / "l", run):
            assert lock.gone  # somebody began anew
    assert not (run / "l").exists()
