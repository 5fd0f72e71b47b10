"""Diagnostics while training: each rule fires where its fault is, and on no healthy network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphdbg as gd
from graphdbg.errors import UnknownNameError
from graphdbg.training.diagnostics import RULES, Finding, Moment, diagnose
from graphdbg.training.profiles import PROFILES, Profile


def network(depth: int, activation: str) -> gd.Graph:
    lines = ["X: Real[n, 8]", "y: Real[n, 8]"]
    lines += [f"W{at}: Real[8, 8]\nb{at}: Real[8]" for at in range(1, depth + 1)]
    lines += [f"h{at} = {activation}({'X' if at == 1 else f'h{at - 1}'} @ W{at} + b{at})"
              for at in range(1, depth + 1)]  # fmt: skip
    return gd.parse("\n".join([*lines, f"L = sum((h{depth} - y)^2) / n"]))


def moment(
    depth: int = 2, activation: str = "tanh", scale: float = 1.0, bias: float = 0.0, **more: Any
) -> Moment:
    graph = network(depth, activation)
    names = tuple(name for name in graph.inputs if name not in ("X", "y"))
    rng = np.random.default_rng(0)
    point = {"X": rng.normal(size=(32, 8)), "y": rng.normal(size=(32, 8))}
    for name in names:
        weights = rng.normal(size=(8, 8)) * scale / np.sqrt(8)
        point[name] = weights if name[0] == "W" else np.full(8, bias)
    point |= more.pop("given", {})
    built = gd.grad(graph, "L", names)
    trace = gd.evaluate(built, point)
    return Moment(trace, built.passes[-1], names, **more)


def rules(findings: list[Finding]) -> set[str]:
    return {each.rule for each in findings}


def only(rule: str, profile: str) -> Profile:
    """A profile with one rule of another."""
    return Profile("test", "", {rule: PROFILES[profile].rules[rule]})


@pytest.mark.parametrize("profile", PROFILES)
def test_a_healthy_network_has_no_findings(profile: str) -> None:
    losses = [1.0 / (at + 1) for at in range(20)]
    healthy = moment(losses=losses, train=losses, validation=[1.05 * each for each in losses])
    assert diagnose(healthy, profile) == []


def test_every_rule_of_a_profile_exists_and_every_rule_is_in_one() -> None:
    used = {rule for each in PROFILES.values() for rule in each.rules}
    assert used == set(RULES)
    assert all(each.source for each in PROFILES.values())


def test_vanishing() -> None:
    deep = moment(depth=14, activation="sigmoid", scale=0.05)
    found = diagnose(deep, "sagemaker")
    nodes = {each.node: each for each in found if each.rule == "vanishing gradient"}
    assert "∂L/∂W1" in nodes and "∂L/∂W14" not in nodes
    assert 0 < nodes["∂L/∂W1"].number < nodes["∂L/∂W1"].limit == 1e-7
    ratio = [each for each in diagnose(deep, "autotrainer") if each.rule == "vanishing ratio"]
    assert [each.node for each in ratio] == ["∂L/∂W1"] and ratio[0].number < 1e-3
    assert "try relu" in str(ratio[0]) and "(autotrainer)" in str(ratio[0])


def test_exploding() -> None:
    """A last layer that amplifies: what reaches the first is far larger than what reaches it."""
    steep = moment(given={"W1": 1e-3 * np.eye(8), "W2": 30.0 * np.eye(8)})
    ratio = np.linalg.norm(steep.gradient("W1")) / np.linalg.norm(steep.gradient("W2"))
    found = [each for each in diagnose(steep, "autotrainer") if each.rule == "exploding ratio"]
    assert [each.node for each in found] == ["∂L/∂W1"]
    assert found[0].number == pytest.approx(ratio) and ratio > found[0].limit == 70.0


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_not_finite_is_found_where_it_arises(profile: str) -> None:
    bad = moment(given={"b2": np.full(8, np.inf)})
    found = [each for each in diagnose(bad, profile) if each.rule == "exploding tensor"]
    assert found and found[0].node in bad.graph.names
    assert "arises" in found[0].said


def test_dead_units() -> None:
    dead = moment(activation="relu", bias=-50.0)
    found = [each for each in diagnose(dead, "cs231n") if each.rule == "dead relu"]
    assert {each.node for each in found} == {"h1", "h2"} and found[0].number == 1.0
    half = np.where(np.arange(8) < 4, -50.0, 5.0)
    assert not [each for each in diagnose(moment(activation="relu", given={"b1": half}), "cs231n")
                if each.node == "h1"]  # fmt: skip
    zeros = diagnose(dead, "autotrainer")
    assert {"∂L/∂W1", "∂L/∂W2"} <= {each.node for each in zeros if each.rule == "zero gradients"}


def test_saturation_is_the_local_derivative_s_size() -> None:
    found = [each for each in diagnose(moment(scale=1.0, bias=20.0), "sagemaker")
             if each.rule == "saturation"]  # fmt: skip
    assert {each.node for each in found} == {"h1", "h2"}
    assert all(each.number > 0.5 for each in found)


def test_update_ratio() -> None:
    base = moment()
    small = {"W1": base.trace["W1"] * (1 + 1e-7), "W2": base.trace["W2"] * (1 - 1e-3)}
    found = diagnose(Moment(base.trace, base.backward, base.parameters, small), "cs231n")
    assert [each.node for each in found] == ["W1"]
    assert found[0].number == pytest.approx(1e-7) and "only" in found[0].said
    large = {"W2": base.trace["W2"] * 1.5}
    found = diagnose(Moment(base.trace, base.backward, base.parameters, large), "cs231n")
    assert [(each.node, each.number) for each in found] == [("W2", pytest.approx(0.5))]


def test_start() -> None:
    spread = moment(given={"W2": np.random.default_rng(1).normal(size=(8, 8)) * 10})
    found = diagnose(spread, only("poor initialisation", "sagemaker"))
    assert [each.node for each in found] == ["W2"] and found[0].number > 10
    later = Moment(spread.trace, spread.backward, spread.parameters, losses=[2.0, 1.0])
    assert not diagnose(later, only("poor initialisation", "sagemaker"))
    faint = moment(given={"W2": 1e-6 * spread.trace["W2"]})
    found = [each for each in diagnose(faint, only("poor initialisation", "sagemaker"))
             if each.limit == 1e-3]  # fmt: skip
    low, high = np.percentile(faint.gradient("W1"), [5, 95])
    assert [(each.node, each.number) for each in found] == [("∂L/∂W1", high - low)]
    zero = moment(given={"W1": np.zeros((8, 8))})
    assert [each.node for each in diagnose(zero, only("all zero", "sagemaker"))] == ["W1"]


def test_unchanged() -> None:
    base = moment()
    same = {name: base.trace[name] for name in base.parameters}
    moved = {name: value + 1.0 for name, value in same.items()}
    rule = only("unchanged", "sagemaker")
    still = Moment(base.trace, base.backward, base.parameters, before=[same] * 3)
    assert {each.node for each in diagnose(still, rule)} == set(base.parameters)
    for before in ([same] * 2, [same, same, moved]):
        assert not diagnose(Moment(base.trace, base.backward, base.parameters, before=before), rule)


def test_losses() -> None:
    base = moment()

    def at(profile: str, **more: Any) -> list[Finding]:
        return diagnose(Moment(base.trace, base.backward, base.parameters, **more), profile)

    rising = [1.0 + 0.1 * step for step in range(12)]
    found = at("sagemaker", losses=rising)
    assert rules(found) == {"loss not decreasing"} and found[0].number == pytest.approx(1.0)
    assert not at("sagemaker", losses=rising[:10])
    assert not at("sagemaker", losses=rising[::-1])
    found = at("sagemaker", train=[1.0, 0.5], validation=[1.0, 0.6])
    assert rules(found) == {"overfitting"} and found[0].number == pytest.approx(0.2)
    patient = {"train": [1.0] * 5, "validation": [1.0, 1.2, 1.2, 1.2, 1.2]}
    assert not at("cs231n", **patient)
    patient["validation"][0] = 1.3
    assert rules(at("cs231n", **patient)) == {"overfitting"}


def test_big_values_are_found_where_they_arise() -> None:
    found = diagnose(moment(activation="relu", given={"b1": np.full(8, 3e10)}), "nanguard")
    assert ("b1", 3e10) in [(each.node, each.number) for each in found]
    assert "h2" not in {each.node for each in found} and rules(found) == {"big value"}
    assert not diagnose(moment(activation="relu", given={"b1": np.full(8, 3e2)}), "nanguard")


@pytest.mark.parametrize("one_hot", [False, True])
def test_rare_classes(one_hot: bool) -> None:
    kind = "OneHot[n, 2]" if one_hot else "Label[n]"
    graph = gd.grad(gd.parse(f"y: {kind}\nw: Real\nL = w^2 + 0*sum(y)"), "L", ["w"])

    def at(rare: int, count: int) -> list[Finding]:
        y = (np.arange(count) < rare).astype(float)
        data = {"y": np.stack([1 - y, y], axis=1) if one_hot else y}
        trace = gd.evaluate(graph, {"w": 1.0, **data})
        seen = Moment(trace, graph.passes[-1], ("w",), data=data)
        return diagnose(seen, only("class imbalance", "sagemaker"))

    found = at(40, 600)
    assert [(each.node, each.number) for each in found] == [("y", 14.0)]
    assert "560 samples, another 40" in found[0].said
    assert not at(60, 600) and not at(10, 499)


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="no profile 'cs231' .*did you mean 'cs231n'"):
        diagnose(moment(), "cs231")
