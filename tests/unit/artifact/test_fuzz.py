"""Mutated artifacts end in a named error or decode within limits. 100,000 of them: `python -m benchmarks.fuzz`."""

import pytest

from benchmarks.fuzz import artifact
from benchmarks.fuzz.artifact import mutant
from benchmarks.fuzz.artifact_mutations import STRUCTURED
from benchmarks.fuzz.bytewise import BYTEWISE
from benchmarks.fuzz.carcass import Carcass
from benchmarks.fuzz.judge import judge
from golfctl.artifact import read_artifact


@pytest.fixture(scope="module")
def seeds():
    return artifact.seeds()


def check(numbers, seeds):
    outcomes = set()
    for number in numbers:
        verdict = judge(artifact, mutant(number, seeds))
        assert not verdict.fault, f"case {number}: {verdict}"
        outcomes.add(verdict.outcome)
    return outcomes


def test_seeds_decode_and_survive_being_taken_apart(seeds):
    for seed in seeds:
        assert judge(artifact, seed).outcome == "decoded"
        again = Carcass.of(seed).assemble()
        assert read_artifact(again).manifest.to_json() == read_artifact(seed).manifest.to_json()


def test_a_case_is_made_from_its_number_alone(seeds):
    assert [mutant(n, seeds) for n in range(60)] == [mutant(n, seeds) for n in range(60)]


def test_every_mutation_does_something(seeds):
    import random

    for mutation in (*BYTEWISE, *set(STRUCTURED)):
        changed = 0
        for number in range(20):
            rng = random.Random(number)
            if mutation in BYTEWISE:
                changed += mutation(rng, seeds[0]) != seeds[0]
            else:
                body = Carcass.of(seeds[0])
                mutation(rng, body)
                changed += body != Carcass.of(seeds[0])
        assert changed >= 10, mutation.__name__


def test_a_few_mutants(seeds):
    outcomes = check(range(200), seeds)
    assert {"rule seal", "rule file-length", "decoding payload", "decoded"} <= outcomes


@pytest.mark.slow
def test_two_thousand_mutants(seeds):
    assert len(check(range(200, 2200), seeds)) > 20
