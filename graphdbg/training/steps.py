"""`TrainingStep`: forward pass, backward pass and update on one tape, so that training is running
one graph again and again, and every formula in it can be stepped, drawn and differentiated.

Names: the next value of W1 is `W1.next`, what the rule keeps for it `W1.v` and `W1.v.next`, the
number of the step `t` (from 1), the rate `lr` (`lr.1`, ... of further groups). Where the program
has a t or an lr of its own, they are called `t.step` and `lr.step`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..calculus.gradients import grad
from ..errors import GraphError
from ..language.parser import extend
from ..tape.builder import Builder
from ..tape.graph import PHASES, Graph
from .rules import COUNT, RATE, Rule, optimizer, schedule

Array = NDArray[Any]
LEARNED = ("Real", "Positive")  # domains of inputs that may be parameters
DEFAULT_RATE = 0.01
TAKEN = ".step"  # put to a name of the step's own that the program has already: no program has it


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that are updated alike, as the parameter groups of torch.optim.

    `parameters` of () are all that no other group has. `settings` are the rule's (rho, beta1, ...),
    `pace` those of the schedule (every, factor, ...). Raises GraphError for a rate that is negative
    or not finite.
    """

    parameters: tuple[str, ...] = ()
    optimizer: str = "sgd"
    rate: float = DEFAULT_RATE
    schedule: str = "constant"
    settings: Mapping[str, float] = field(default_factory=dict)
    pace: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.rate < math.inf:
            raise GraphError(f"found learning rate {self.rate:g}, expected a finite one from 0")


@dataclass(frozen=True, eq=False)
class TrainingStep:
    """One step of training as a graph.

    `updates` maps each input that changes to the node of its next value: parameters, then what the
    rules keep. `parameters` are in the order of the tape, `data` the other inputs but `count`, the
    number of the step, which is None where no rule and no schedule asks for it.
    """

    graph: Graph
    of: str
    groups: tuple[Group, ...]
    parameters: tuple[str, ...]
    memory: tuple[str, ...]
    updates: Mapping[str, str]
    data: tuple[str, ...]
    rates: tuple[str, ...]
    count: str | None

    def start(self, parameters: Mapping[str, Array]) -> dict[str, Array]:
        """The state before the first step: the parameters, and a memory of zeros."""
        state = {name: np.array(parameters[name], float, order="C") for name in self.parameters}
        for name in self.memory:
            owner = name.removesuffix(TAKEN).rpartition(".")[0]
            state[name] = np.zeros(state[owner].shape)
        return state


def training_step(
    graph: Graph, parameters: Sequence[str], of: str | None = None, groups: Iterable[Group] = ()
) -> TrainingStep:
    """The `TrainingStep` of a graph by its only scalar output, or `of`.

    `groups` default to one of all parameters by gradient descent. Raises UnknownNameError for a
    rule, schedule or parameter there is none of, GraphError for a parameter in no group or in two.

    >>> import graphdbg as gd
    >>> step = training_step(gd.parse("E = (w*x - t0)^2"), ["w"], groups=[Group(rate=0.5)])
    >>> point = {"w": 1.0, "x": 2.0, "t0": 1.0}
    >>> float(gd.evaluate(step.graph, point)["w.next"])  # 1 - 0.5 * 2 * (2 - 1) * 2
    -1.0
    """
    target = of or scalar_of(graph)
    shared = _shared(graph, list(groups) or [Group()], parameters)
    tape = grad(graph, target, [name for name in graph.inputs if name in set(parameters)])
    b = Builder.of(tape)
    b.phase = PHASES.index("update")
    writer = _Writer(tape, b, target)
    for at, (group, members) in enumerate(shared):
        writer.group(group, members, f".{at}" if at else "")
    built = b.build([tape.id(target), *writer.updates.values()])
    names = built.names
    changed = {*writer.updates, writer.count}
    return TrainingStep(
        built, target, tuple(group for group, _ in shared),
        tuple(name for name in graph.inputs if name in set(parameters)),
        tuple(name for name in writer.updates if name not in graph.inputs),
        {name: names[at] for name, at in writer.updates.items()},
        tuple(name for name in built.inputs if name not in changed), tuple(writer.rates),
        writer.count,
    )  # fmt: skip


def scalar_of(graph: Graph) -> str:
    """The only scalar output of a graph, which is its loss; GraphError where there is another."""
    scalars = [name for name in graph.outputs if graph[name].shape == ()]
    if len(scalars) != 1:
        found = ", ".join(scalars) or "none"
        raise GraphError(f"training needs one scalar result, the loss; found {found}: say which")
    return scalars[0]


def learned(graph: Graph, data: Iterable[str]) -> list[str]:
    """The inputs that are parameters: real ones that the data do not give."""
    given = set(data)
    return [
        name
        for name in graph.inputs
        if name not in given and graph[name].op.domain in LEARNED  # type: ignore[attr-defined]
    ]


def _shared(
    graph: Graph, groups: list[Group], parameters: Sequence[str]
) -> list[tuple[Group, list[str]]]:
    """Each group with its members; a group without names has what the others leave."""
    taken = [name for group in groups for name in group.parameters]
    for name in taken:
        graph.id(name)
        if name not in parameters:
            raise GraphError(f"'{name}' is in a group, but it is not learned: {parameters} are")
        if taken.count(name) > 1:
            raise GraphError(f"'{name}' is in two groups: a parameter has one rule")
    rest = [name for name in parameters if name not in taken]
    found = [(each, list(each.parameters) or rest) for each in groups]
    if sum(not each.parameters for each in groups) > 1:
        raise GraphError("two groups name no parameters: only one can have those that are left")
    if rest and all(each.parameters for each in groups):
        raise GraphError(f"no group has {', '.join(rest)}: add one without names for what is left")
    return found


class _Writer:
    """Puts updates on the tape, group by group."""

    def __init__(self, graph: Graph, b: Builder, of: str) -> None:
        self.graph, self.b, self.of = graph, b, of
        self.updates: dict[str, int] = {}
        self.rates: list[str] = []
        self.count: str | None = None

    def group(self, group: Group, members: Sequence[str], suffix: str) -> None:
        """The updates of a group's members, after its rate."""
        rule, pace = optimizer(group.optimizer), schedule(group.schedule)
        settings = _changed(rule, {**group.settings, RATE: group.rate})
        rate = self._rate(group, pace, suffix)
        for name in members:
            self._update(name, rule, settings, rate)

    def _rate(self, group: Group, pace: Rule, suffix: str) -> int:
        """The node of the rate: a number, or a formula of the step's number."""
        if group.schedule == "constant":
            rate = self.b.const(group.rate)
        else:
            text = _call(pace.name, [COUNT, repr(float(group.rate))], _changed(pace, group.pace))
            rate = extend(self.b, f"rate = {text}", {COUNT: self._count()})["rate"]
        name = self._free(RATE) + suffix
        self.b.name(rate, name)
        self.rates.append(name)
        return rate

    def _count(self) -> int:
        self.count = self._free(COUNT)
        return self.b.input(self.count)

    def _free(self, name: str) -> str:
        """The name, or where the program has it already another that no program can have."""
        return name + TAKEN if name in self.graph else name

    def _update(self, name: str, rule: Rule, settings: Mapping[str, float], rate: int) -> None:
        at = self.graph.id(name)
        names = {"w": at, "g": self.graph.id(f"{self.of}.d_{name}"), RATE: rate}
        memory = {kept: self._free(f"{name}.{kept}") for kept in rule.memory}
        for kept, called in memory.items():
            names[kept] = self.b.input(called, self.graph.shapes[at])
        if rule.counts:
            names[COUNT] = self._count()
        given = ["w", "g", *rule.memory, *([COUNT] if rule.counts else [])]
        call = _call(rule.name, [*given, f"{RATE}={RATE}"], settings)
        results = ["next", *(f"{kept}_next" for kept in rule.memory)]
        made = extend(self.b, f"{', '.join(results)} = {call}", names)
        for result, owner in zip(results, [name, *memory.values()]):
            self.b.name(made[result], self._free(f"{owner}.next"))
            self.updates[owner] = made[result]


def _changed(rule: Rule, given: Mapping[str, float]) -> dict[str, float]:
    """The settings that differ from the rule's own, the rate apart."""
    settings = rule.with_settings(given) if RATE in rule.settings else rule.with_settings(
        {name: value for name, value in given.items() if name != RATE})  # fmt: skip
    return {x: v for x, v in settings.items() if x != RATE and v != rule.settings[x]}


def _call(function: str, words: Sequence[str], settings: Mapping[str, float]) -> str:
    """`adam(w, g, m, s, t, lr=lr, beta1=0.8)`."""
    more = (f"{name}={value!r}" for name, value in settings.items())
    return f"{function}({', '.join([*words, *more])})"
