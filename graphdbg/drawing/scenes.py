"""`Scene`, what stands on the wires of a circuit at one moment, and `Moments`, which makes them.

A moment is a position of a session's walk. The room of each wire is that of the longest text it
will ever carry, so that no moment moves the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GraphError
from ..numbers.evaluator import Trace
from ..rendering.cards import Look
from ..rendering.numbers import brief
from ..stepping import narration
from ..stepping.frames import Frame, accumulated_at
from ..stepping.session import Session
from ..stepping.walk import BACKWARD, FORWARD, SUBSTEPS, WORDS, Kind
from ..tape.graph import Graph, Pass
from .circuits import Circuit, Edge

Array = NDArray[Any]
ROOM = 18  # characters of a number on a wire: a vector of three, or the range of an array
LONGEST_LOCAL = 32  # characters of a derivative on an edge
ONLY = ("both", "forward", "backward")
COLDEST = 1e-6  # of the largest gradient: what is smaller vanishes as well
SAID = 3  # facts of a step below the picture


@dataclass(frozen=True, eq=False)
class Scene:
    """What a circuit shows: a look per node, the edges at work, words below.

    `longest` are all the texts that a node's wire may have to hold. `heat` is the size of the
    gradient from 0 to 1 on a logarithmic scale, and `heat_ends` says what these are. An empty
    scene shows the structure alone.
    """

    looks: Mapping[int, Look] = field(default_factory=dict)
    longest: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    current: int | None = None
    lit: frozenset[Edge] = frozenset()
    direction: str = FORWARD
    caption: tuple[str, ...] = ()
    heat: Mapping[int, float] = field(default_factory=dict)
    heat_ends: str = ""
    locals: Mapping[Edge, str] = field(default_factory=dict)
    only: str = "both"


def still(circuit: Circuit, trace: Trace | None, only: str = "both") -> Scene:
    """The scene in which everything is computed; without a trace the structure alone."""
    if trace is None:
        return Scene(only=only)
    backward = last_pass(circuit.graph)
    looks = {}
    for at in circuit.nodes:
        gradient = backward.upstream.get(at) if backward else None
        known = brief(np.asarray(trace.arrays[gradient]), ROOM) if gradient is not None else ""
        looks[at] = _only(Look(brief(np.asarray(trace.arrays[at]), ROOM), known), only)
    return Scene(looks, {at: (each.value, each.gradient) for at, each in looks.items()}, only=only)


def last_pass(graph: Graph) -> Pass | None:
    """The backward pass whose gradients are shown."""
    return graph.passes[-1] if graph.passes else None


def with_heat(scene: Scene, circuit: Circuit, trace: Trace) -> Scene:
    """The scene with each wire coloured by its gradient's root mean square.

    Raises GraphError where there is no backward pass.
    """
    backward = last_pass(circuit.graph)
    if backward is None:
        raise GraphError("heat is the size of gradients, and the graph has no backward pass")
    sizes = {}
    for at in circuit.nodes:
        gradient = backward.upstream.get(at)
        early = bool(scene.caption) and not scene.looks[at].gradient  # not known at this moment
        if gradient is not None and not early:
            with np.errstate(all="ignore"):
                size = float(np.sqrt(np.mean(np.square(trace.arrays[gradient]))))
            if size > 0 and np.isfinite(size):
                sizes[at] = size
    if not sizes:
        return scene
    high = max(sizes.values())
    low = max(min(sizes.values()), high * COLDEST)
    less = " or less" if min(sizes.values()) < low else ""
    span = np.log(high / low) or 1.0
    heat = {at: max(0.0, float(np.log(size / low) / span)) for at, size in sizes.items()}
    ends = f"|gradient| from {brief(np.asarray(low))}{less} to {brief(np.asarray(high))}"
    return replace(scene, heat=heat, heat_ends=ends)


def with_locals(scene: Scene, circuit: Circuit, session: Session) -> Scene:
    """The scene with each edge's local derivative, as a checked formula and its number."""
    found = {}
    for edge in circuit.edges:
        text = _local(circuit, session, edge)
        if text:
            found[edge] = text
    return replace(scene, locals=found)


def _local(circuit: Circuit, session: Session, edge: Edge) -> str | None:
    """`z = -4`; a folded call's Jacobian has a formula alone."""
    source, target, slot = edge
    scope, names = session.scope, circuit.graph.names
    if circuit.view.closed_call(target) is not None:
        formula = narration.jacobian_text(scope, target, names[source])
        return formula if formula and len(formula) <= LONGEST_LOCAL else None
    formula = scope.local_text(target, slot)
    value = scope.local_value(target, slot)
    number = brief(value) if formula and value is not None and not value.shape else ""
    formula = formula or narration.jacobian_text(scope, target, names[source])
    short = [text for text in (formula, number) if text and len(text) <= LONGEST_LOCAL]
    return narration.equation(*short) or None


def _only(look: Look, only: str) -> Look:
    if only == FORWARD:
        return replace(look, gradient="")
    return replace(look, value="") if only == BACKWARD else look


class Moments:
    """The scenes of a session's walk on one circuit, by position.

    >>> import graphdbg as gd
    >>> from graphdbg.drawing.circuits import circuit
    >>> s = gd.Session(gd.parse("f=(x+y)z"), {"x": -2, "y": 5, "z": -4})
    >>> moments = Moments(circuit(s.graph), s)
    >>> moments.at(1).looks[s.graph.id("q")].value, moments.at(0).looks[s.graph.id("q")].value
    ('3', '')
    """

    def __init__(self, circuit: Circuit, session: Session, only: str = "both") -> None:
        self.circuit, self.session, self.only = circuit, session, only
        self._write: Callable[[Array], str] = lambda value: brief(value, ROOM)

    def at(self, position: int) -> Scene:
        """The scene at a position of the walk."""
        frame = self.session.scope.frame(position)
        current = self.circuit.place(frame.id)
        looks = {node: self._look(node, position, current) for node in self.circuit.nodes}
        return Scene(
            looks, self.longest, current, self._lit(frame, current), frame.direction,
            tuple(self._caption(frame)), only=self.only,
        )  # fmt: skip

    def _look(self, node: int, position: int, current: int | None) -> Look:
        session = self.session
        walk = session.walk
        known = walk.has_value(node, position)
        value = self._write(np.asarray(session.trace.arrays[node])) if known else ""
        state = "current" if node == current else "known" if known else "pending"
        return _only(Look(value, self._gradient(node, position), state), self.only)

    def _gradient(self, node: int, position: int) -> str:
        """The gradient as far as it has arrived, `-4 (1 of 2)`."""
        walk = self.session.walk
        total = accumulated_at(walk, self.session.trace, node, position)
        if total is None:
            return ""
        arrived, awaited = walk.arrived(node, position), walk.awaited(node)
        text = self._write(total)
        return text if arrived == awaited else f"{text} ({arrived} of {awaited})"

    @cached_property
    def longest(self) -> dict[int, tuple[str, ...]]:
        """All the texts that a wire has to hold: the values, and every partial sum."""
        walk, trace = self.session.walk, self.session.trace
        found: dict[int, tuple[str, ...]] = {}
        for node in self.circuit.nodes:
            places = [*walk.parts_at.get(node, ()), walk.end]
            texts = [self._gradient(node, place) for place in dict.fromkeys(places)]
            value = self._write(np.asarray(trace.arrays[node]))
            look = _only(Look(value, max(texts, key=len)), self.only)
            found[node] = (look.value, look.gradient)
        return found

    def _lit(self, frame: Frame, current: int | None) -> frozenset[Edge]:
        """The edges at work: into the node that is computed, out of the one that is visited."""
        if current is None or frame.kind not in (Kind.VISIT, Kind.CALL, Kind.RETURN, *SUBSTEPS):
            return frozenset()
        return frozenset(edge for edge in self.circuit.edges if edge[1] == current)

    def _caption(self, frame: Frame) -> list[str]:
        """Where the walk is, then what this step found."""
        end = frame.walk.end
        if frame.kind == Kind.START:
            return [f"0 of {end}: the inputs are known"]
        inside = f" in {' > '.join(frame.stack)}" if frame.stack else ""
        head = f"{frame.position} of {end}, {frame.direction}: {WORDS[frame.kind]}{inside}"
        return [head, *list(narration.lines(self.session.scope, frame))[:SAID]]
