"""What `prove` says of random claims is no false word: the short form of `claims`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import claims
import mpmath
import numpy as np
import pytest
import trees

import graphdbg as gd
from graphdbg.formulas.verdicts import Verdict

SHORT = 24  # claims of each sort, some seconds


@pytest.mark.parametrize("first", [0, 1], ids=["true", "false"])
def test_no_false_word_about_the_first_seeds(first: int) -> None:
    counted: Counter[str] = Counter()
    faults = [claims.judged(seed, counted) for seed in range(first, 2 * SHORT, 2)]
    assert not list(filter(None, faults))
    sort = ("true", "false")[first]
    assert counted[f"{sort} claims"] > SHORT / 3
    assert counted["true, proved" if first == 0 else "false, refuted"] > SHORT / 4


def test_the_same_seed_makes_the_same_claim() -> None:
    made = [claims.made(seed) for seed in range(24)]
    assert made == [claims.made(seed) for seed in range(24)]
    sorts = [(at % 2 == 1, bool(each.different)) for at, each in enumerate(made) if each]
    assert all(false == different for false, different in sorts) and len(set(sorts)) == 2


def test_a_false_word_is_a_fault() -> None:
    false = claims.Claim("f = x", "df/dx = 2", "factor", "1 is not 2 at x = 1")
    true = claims.Claim("f = x", "df/dx = 1", "rewritten", None)
    said = {word: Verdict("", word) for word in ("proved", "agrees", "undecided", "refuted")}
    assert [bool(claims._wrong(false, said[word])) for word in said] == [True, True, False, False]
    assert [bool(claims._wrong(true, said[word])) for word in said] == [False] * 3 + [True]
    assert not claims._wrong(false, Verdict("", "agrees", untaken=("q",)))


def test_a_run_goes_on_where_the_last_one_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "totals.json"
    for count in ("3", "4"):
        monkeypatch.setattr("sys.argv", ["claims.py", "--count", count, "--totals", str(place)])
        assert claims.main() == 0
    kept = json.loads(place.read_text("utf-8"))
    assert kept["next"] == 7 and "4 seeds from 3" in capsys.readouterr().out
    counted = kept["counted"]
    assert (
        sum(counted.get(f"{sort} claims", 0) for sort in ("true", "false"))
        + counted.get("not clear", 0)
        == 7
    )


@pytest.mark.parametrize("name", sorted(trees.ELEMENTWISE))
def test_the_second_opinion_reads_operations_as_the_language_does(name: str) -> None:
    """At numbers with which each operation has a value: its text, evaluated by graphdbg."""
    operation = trees.ELEMENTWISE[name]
    count = operation.text.count("{}")
    operands = ("x", "2", "0.5") if name == "pow" else ("x", "y", "z")
    tree = (name, *(("number" if each[0].isdigit() else "name", each) for each in operands[:count]))
    point = {"x": 0.7, "y": 1.3, "z": -0.4}
    exact = {key: np.asarray(mpmath.mpf(value), object) for key, value in point.items()}
    used = {key: value for key, value in point.items() if key in trees.names(tree)}
    found = gd.evaluate(gd.parse(f"f = {trees.text(tree)} + 0*({' + '.join(used)})"), used)["f"]
    assert float(found) == pytest.approx(float(trees.value(tree, exact)[()]), rel=1e-14)
