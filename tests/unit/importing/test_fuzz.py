"""Mutated and generated checkpoints. 100,000 of them: `python -m benchmarks.fuzz --target importer`."""

import mmap

import pytest

from benchmarks.fuzz import importer
from benchmarks.fuzz.importer_seeds import importer_seeds
from benchmarks.fuzz.judge import judge
from golfctl.errors import CheckpointError


@pytest.fixture(scope="module")
def seeds():
    return importer_seeds()


def check(numbers, seeds):
    outcomes = set()
    for number in numbers:
        verdict = judge(importer, importer.mutant(number, seeds))
        assert not verdict.fault, f"case {number}: {verdict}"
        outcomes.add(verdict.outcome)
    return outcomes


def test_seeds_are_read(seeds):
    outcomes = [judge(importer, seed).outcome for seed in seeds]
    assert outcomes.count("import: refused") == 2  # float8, in both forms of torch.save
    assert all(outcome.endswith(": read") for outcome in outcomes if outcome != "import: refused")


def test_a_case_is_made_from_its_number_alone(seeds):
    assert [importer.mutant(n, seeds) for n in range(60)] == [importer.mutant(n, seeds) for n in range(60)]


def raises(path):
    raise KeyError("x")


def talks(path):
    raise CheckpointError("\x1b[31m")


def takes(path):
    pages = mmap.mmap(-1, 1 << 26)  # from the system, not from what an earlier test gave back to the allocator
    pages.write(bytes(1 << 26))
    HELD.append(pages)


HELD = []


@pytest.mark.parametrize("door, fault", [(raises, "KeyError"), (talks, "printed"), (takes, "memory")])
def test_a_fault_is_found(seeds, monkeypatch, door, fault):
    monkeypatch.setitem(importer._DOORS, "import", door)
    monkeypatch.setattr(importer, "GROWTH_BYTES", 1 << 24)
    assert fault in judge(importer, seeds[0]).fault


def test_a_few_mutants(seeds):
    assert {"import: read", "import: refused"} <= check(range(150), seeds)


@pytest.mark.slow
def test_two_thousand_mutants(seeds):
    assert len(check(range(150, 2150), seeds)) > 8
