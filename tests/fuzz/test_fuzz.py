"""Files and texts with faults in them give an answer or one error: the short form of `attempts`."""

from __future__ import annotations

import attempts
import mutations
import pytest

import graphdbg as gd

SHORT = {"graphs": 400, "sessions": 150, "texts": 400, "commands": 60}
PATIENCE = 30.0  # seconds of work: the bound of the long form is 3, on a machine that is not busy


@pytest.mark.parametrize("what", SHORT)
def test_no_fault_in_the_first_seeds(what: str) -> None:
    found = {seed: attempts.attempt(attempts.ATTEMPTS[what], seed, PATIENCE)
             for seed in range(SHORT[what])}  # fmt: skip
    faults = {seed: told for seed, told in found.items() if told not in ("done", "refused")}
    assert not faults
    assert {"done", "refused"} == set(found.values())


def test_the_files_without_faults_are_read() -> None:
    for text in mutations.graph_files():
        assert gd.Graph.from_json(text).to_json() == text
    for text in mutations.session_files():
        assert gd.Session.from_json(text).to_json() == text


def test_the_same_seed_gives_the_same_fault() -> None:
    for make in (lambda seed: mutations.json_file(mutations.graph_files, seed), mutations.program):
        assert [make(seed) for seed in range(20)] == [make(seed) for seed in range(20)]


def test_a_fault_and_a_hang_are_told() -> None:
    def broken(seed: int) -> None:
        raise KeyError(seed)

    def endless(seed: int) -> None:
        while seed == 7:
            pass

    assert attempts.attempt(broken, 7).startswith("KeyError at ")
    assert attempts.attempt(endless, 7, 0.05).startswith("Hang at ")
    assert attempts.attempt(endless, 8) == "done"
