"""Damaged clips of eleven containers become pictures and sound, a clear refusal, or a crash that is contained."""

import pytest

import media_mutants as mutants

N_SEEDS = 300


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutants")
    return [one for _, one in mutants.outcomes(iter(range(N_SEEDS)), mutants.originals(folder), folder)]


def test_nothing_but_a_status_a_refusal_or_a_contained_crash(found):
    print(mutants.table(found))
    bad = [one for one in found if one.outcome in ("escaped", "hung", "killed")]
    assert not bad, bad
    assert len(found) == N_SEEDS
    assert {one.container for one in found} == set(mutants.CONTAINERS)


def test_a_third_of_the_mutants_gets_past_the_header(found):
    assert sum(one.probed for one in found) >= N_SEEDS / 3
    assert sum(one.outcome == "decoded" for one in found) >= N_SEEDS / 10


def test_a_refusal_says_what_to_do(found):
    for one in found:
        if one.outcome == "refused":
            assert "expected" in one.detail, one
            assert ";" in one.detail, one


def test_a_mutant_is_that_of_its_seed(tmp_path):
    whole = mutants.originals(tmp_path)
    assert mutants.mutant(7, whole) == mutants.mutant(7, whole)
    assert mutants.mutant(7, whole)[1] != whole[mutants.mutant(7, whole)[0]]
