"""The session without a face: what it shows is the evaluator's, time runs both ways exactly, and
breakpoints, paths, nudges and files hold what they promise, on random graphs and programs with
calls."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_graphs import random_graph

import graphdbg as gd
from graphdbg import GraphError, Session
from graphdbg.calculus import gradients
from graphdbg.errors import ShapeError, UnknownNameError, ValueGivenError
from graphdbg.formulas.formulary import local
from graphdbg.language.parser import extend
from graphdbg.numbers.sampling import sample
from graphdbg.stepping import narration
from graphdbg.stepping.interpreter import Interpreter
from graphdbg.stepping.walk import Kind
from graphdbg.tape.builder import Builder
from graphdbg.tape.graph import NONE, PHASES, Graph

LECTURE = ("f=(x+y)z", {"x": -2.0, "y": 5.0, "z": -4.0})
CALLS = """
def square(a):
    return a*a

def two(a, b):
    s = square(a) + b
    return s, a*tanh(b)

u, v = two(x, y)
p = sigmoid(u*w) + square(v)
q = gelu(p*y) - two(w, p)[1]
f = log(1 + square(q)) + x
"""
MLP = """
X: Real[3, 2]
W: Real[2, 4]
V: Real[4, 3]
H = relu(X @ W)
P = softmax(H @ V + H @ V)
f = -sum(log(P)) / 3
"""
SLOW = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def lecture(**given_values: float) -> Session:
    return Session(gd.parse(LECTURE[0]), {**LECTURE[1], **given_values})


def session_of(seed: int) -> Session:
    """A session on a random graph, or on one of the programs with calls."""
    if seed % 3 == 0:
        return Session(gd.parse(CALLS), sample(gd.parse(CALLS), seed))
    if seed % 7 == 1:
        return Session(gd.parse(MLP), sample(gd.parse(MLP), seed))
    return Session(random_graph(seed, 4 + seed % 20), seed=seed)


SESSIONS = st.integers(0, 400).map(session_of)


def same(a: Any, b: Any) -> bool:
    """Equal to the bit, NaN included; None only equals None."""
    if a is None or b is None:
        return a is b
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()


# ------------------------------------------------------------------ what it shows


def test_the_lectures_walk() -> None:
    session = lecture()
    seen = [(0, "START", "")]
    while session.step().reason != "end":
        seen.append((session.position, session.frame.kind.name, session.frame.node))
    seen.append((session.position, session.frame.kind.name, session.frame.node))
    assert seen == [
        (0, "START", ""), (1, "VISIT", "q"), (2, "VISIT", "f"), (3, "SEED", "f"),
        (4, "LOCAL", "f"), (5, "MULTIPLY", "f"), (6, "ACCUMULATE", "f"), (7, "GRADIENT", "z"),
        (8, "LOCAL", "q"), (9, "MULTIPLY", "q"), (10, "ACCUMULATE", "q"),
        (11, "GRADIENT", "y"), (12, "GRADIENT", "x"),
    ]  # fmt: skip
    assert {name: float(session.gradient(name)) for name in "xyzq"} == {  # type: ignore[arg-type]
        "x": -4.0, "y": -4.0, "z": 3.0, "q": -4.0,
    }  # fmt: skip


@SLOW
@given(SESSIONS)
def test_stepping_to_the_end_gives_the_evaluators_numbers(session: Session) -> None:
    graph, backward = session.graph, session.backward
    trace = gd.evaluate(graph, session.point)
    while session.position < session.end:
        session.step()
    for at in session.walk.value_at:
        assert same(session.value(graph.names[at]), trace.arrays[at])
    assert backward is not None
    for y, g in backward.upstream.items():
        assert same(session.gradient(graph.names[y]), trace.arrays[g])


@SLOW
@given(SESSIONS)
def test_nothing_is_known_before_its_time_and_all_at_its_time(session: Session) -> None:
    graph, walk, backward = session.graph, session.walk, session.backward
    assert backward is not None
    for position in range(session.end + 1):
        session.goto(position)
        frame = session.frame
        if frame.kind == Kind.VISIT:
            assert same(frame.value, session.trace.arrays[frame.id])
        if frame.kind in (Kind.LOCAL, Kind.MULTIPLY, Kind.ACCUMULATE, Kind.GRADIENT):
            assert same(frame.upstream, session.trace.arrays[backward.upstream[frame.id]])
        for operand in frame.operands:
            done = operand.arrived == operand.awaited
            assert (operand.gradient is not None) == done
            assert (operand.so_far is None) == (operand.arrived == 0)
            before = frame.kind in (Kind.SEED, Kind.LOCAL, Kind.CALL)
            assert (operand.contribution is None) == before
            if done:
                g = session.trace.arrays[backward.upstream[operand.node]]
                assert same(operand.so_far, g)  # the last partial sum is the tape's own gradient
    for node, at in walk.value_at.items():
        for position, known in ((at - 1, False), (at, True)):
            session.goto(position)
            assert (session.value(graph.names[node]) is not None) == known
    for node, places in walk.parts_at.items():
        if node != backward.of and node in backward.upstream:
            for position, known in ((places[-1] - 1, False), (places[-1], True)):
                session.goto(position)
                assert (session.gradient(graph.names[node]) is not None) == known


@SLOW
@given(SESSIONS)
def test_the_names_of_the_tape_tell_nothing_early(session: Session) -> None:
    """`f.d_x` is as unknown as grad(x) before its last contribution."""
    assert session.backward is not None
    for at in session.backward.wrt:
        name = session.graph.names[at]
        for position in range(session.walk.turn - 1, session.end + 1):
            session.goto(position)
            assert same(session.evaluate(f"f.d_{name}"), session.gradient(name))
    session.goto(session.walk.turn - 1)
    late = [at for at, phase in enumerate(session.graph.phases) if phase]
    assert all(session.value(session.graph.names[at]) is None for at in late)


def test_a_gradient_of_several_contributions_is_a_sum_that_grows() -> None:
    session = Session(gd.parse("f = x*y + x"), {"x": 2, "y": 3})
    session.until("f")
    session.until("f")
    session.step()
    (operand,) = [each for each in session.step() and session.frame.operands if each.name == "x"]
    assert (float(operand.so_far), operand.gradient) == (1.0, None)  # type: ignore[arg-type]
    assert (operand.arrived, operand.awaited) == (1, 2)
    assert session.gradient("x") is None


def test_a_session_without_a_scalar_walks_forward_alone() -> None:
    session = Session(gd.parse("p = 2*o", shapes={"o": (3,)}), {"o": [1, 2, 3]})
    assert (session.backward, session.end, session.run().reason) == (None, 1, "end")
    for refused in (session.check, lambda: session.paths("o"), lambda: session.nudge("o", 0.1)):
        with pytest.raises(GraphError, match="there is no backward pass"):
            refused()
    assert session.position == 1 and float(session.point["o"][0]) == 1


def test_several_scalars_need_a_choice() -> None:
    graph = gd.parse("u = x*y; v = x+y")
    with pytest.raises(GraphError, match="several scalar results, u, v"):
        Session(graph, {"x": 1, "y": 2})
    assert Session(graph, {"x": 1, "y": 2}, of="v").frame.of == "v"


def test_drawn_inputs_are_listed_until_they_are_set() -> None:
    session = Session(gd.parse("f = x*y"), {"x": 2})
    assert session.drawn == ("y",)
    session.set("y", 3)
    assert session.drawn == ()
    session.undo()
    assert session.drawn == ("y",)


# ------------------------------------------------------------------ time runs both ways

MOVES = (
    "step", "back", "next", "reverse_next", "finish", "reverse_finish", "run", "reverse_run",
    "restart", "goto", "set", "nudge", "until", "reverse_until", "steps",
)  # fmt: skip


def moved(session: Session, move: str, random: Random) -> None:
    """One command of a kind, with arguments drawn at random; what it refuses it refuses."""
    graph = session.graph
    name = random.choice(graph.inputs)
    target = graph.names[random.choice([*session.walk.value_at])]
    actions: dict[str, Callable[[], Any]] = {
        "goto": lambda: session.goto(random.randrange(session.end + 1)),
        "set": lambda: session.set(name, session.point[name] * 1.5 + 0.25),
        "nudge": lambda: session.nudge(name, random.choice((0.1, -0.5))),
        "until": lambda: session.until(target),
        "reverse_until": lambda: session.reverse_until(target),
        "steps": lambda: session.step(random.randrange(1, 9)),
    }
    try:
        actions.get(move, lambda: getattr(session, move)())()
    except (GraphError, ValueGivenError) as error:
        assert any(word in str(error) for word in ("reached", "gradient", "whole number")), error


@SLOW
@given(SESSIONS, st.lists(st.sampled_from(MOVES), max_size=25), st.integers(0, 99))
def test_as_many_undos_lead_back(session: Session, moves: list[str], seed: int) -> None:
    random = Random(seed)
    session.break_at(session.graph.names[random.choice([*session.walk.value_at])])
    session.break_at(session.graph.names[random.choice([*session.walk.value_at])], temporary=True)
    states, past = [session.state], session.history.past
    for move in moves:
        before = session.state
        moved(session, move, random)
        if session.state != before:
            states.append(before)
        elif move == "set" and past and past[-1].scope is not session.scope:
            states.append(before)
    while session.undo():
        pass
    assert session.state == states[0]


def test_undo_takes_back_one_command_at_a_time_and_temporary_breakpoints_return() -> None:
    session = lecture()
    session.break_at("f", temporary=True)
    states = []
    for action in (
        lambda: session.step(),
        lambda: session.set("x", 3),
        lambda: session.run(),
        lambda: session.step(5),
        lambda: session.nudge("y", 0.5),
        lambda: session.back(),
    ):
        states.append(session.state)
        action()
    assert not session.marks.breakpoints
    for state in reversed(states):
        assert session.undo()
        assert session.state == state
    assert not session.undo()
    assert len(session.marks.breakpoints) == 1


def test_undo_goes_back_over_more_points_than_are_kept() -> None:
    session = lecture()
    for at in range(40):
        session.set("x", at)
    assert len(session.history.left) <= 8
    for at in reversed(range(39)):
        session.undo()
        assert float(session.trace["f"]) == (at + 5) * -4
    session.set("x", 1)
    assert float(session.trace["f"]) == -24


@SLOW
@given(SESSIONS, st.integers(0, 60), st.integers(1, 40))
def test_back_mirrors_step(session: Session, start: int, count: int) -> None:
    session.goto(min(start, session.end))
    states = [session.state]
    for _ in range(count):
        if session.position < session.end:
            session.step()
            states.append(session.state)
    for state in reversed(states):
        assert session.state == state
        session.back()


@SLOW
@given(SESSIONS)
def test_reverse_next_mirrors_next_at_one_depth(session: Session) -> None:
    positions = [session.position]
    while session.position < session.end:
        session.next()
        positions.append(session.position)
    for position in reversed(positions[:-1]):
        session.reverse_next()
        assert session.position == position


@SLOW
@given(SESSIONS, st.integers(0, 2000))
def test_finish_and_reverse_finish_leave_the_call(session: Session, at: int) -> None:
    session.goto(at % (session.end + 1))
    depth = len(session.frame.stack)
    around = session.walk.around(session.position)
    session.finish()
    if around is not None:
        assert session.position == around[1]
        assert len(session.frame.stack) == depth - 1
        session.back()
        session.reverse_finish()
        assert session.position <= around[0] - 1 or len(session.frame.stack) >= depth


@SLOW
@given(SESSIONS, st.integers(0, 99))
def test_both_directions_meet_the_same_breakpoints(session: Session, seed: int) -> None:
    random = Random(seed)
    names = [session.graph.names[at] for at in session.walk.value_at]
    for _ in range(3):
        session.break_at(random.choice(names))
    session.break_at(random.choice(names), when="sum(abs(value)) > 1")
    session.break_at(random.choice(names), hits="% 2")
    session.watch(f"grad({random.choice(session.graph.inputs[:2])})")

    def met(run: Callable[[], Any]) -> list[tuple[int, list[int]]]:
        found = []
        while (stop := run()).breakpoints:
            found.append((stop.position, [each.number for each in stop.breakpoints]))
        return found

    onward = met(session.run)
    last = [at for at in onward if at[0] == session.end]
    assert [*last, *met(session.reverse_run)] == onward[::-1]


# ------------------------------------------------------------------ breakpoints and watches


def stops(session: Session) -> list[int]:
    found = []
    while (stop := session.run()).breakpoints:
        found.append(stop.position)
    return found


@pytest.mark.parametrize(
    ("target", "options", "expected"),
    [
        ("q", {}, [1, 8]),
        ("1", {}, [1, 4]),
        ("line 1", {}, [1, 4]),
        ("op mul", {}, [2, 4]),
        ("mul", {}, [2, 4]),
        ("node x", {}, [12]),
        ("q", {"when": "value > 2"}, [1, 8]),
        ("q", {"when": "upstream < 0"}, [8]),
        ("q", {"when": "position > 1"}, [8]),
        ("q", {"when": "grad(x) < 0"}, []),
        ("q", {"hits": 2}, [8]),
        ("q", {"hits": "== 1"}, [1]),
        ("q", {"hits": "< 2"}, [1]),
        ("q", {"hits": "% 2"}, [8]),
        ("q", {"temporary": True}, [1]),
        ("q", {"log": "{q}"}, []),
    ],
)
def test_where_breakpoints_stop(target: str, options: dict[str, Any], expected: list[int]) -> None:
    session = lecture()
    session.break_at(target, **options)
    assert stops(session) == expected


def test_log_messages_are_filled_in_and_survive_repeated_steps() -> None:
    session = lecture()
    session.break_at("q", log="q = {q}, gradient {grad(q)}")
    assert session.step(12).messages == ("q = 3, gradient —", "q = 3, gradient -4")


def test_counting_the_hits_of_a_condition_at_many_places_is_quick() -> None:
    lines = ["h0 = x", *(f"h{at} = tanh(h{at - 1} + {at})" for at in range(1, 2001))]
    session = Session(gd.parse("\n".join([*lines, "f = h2000"])), {"x": 3})
    session.break_at("op tanh", when="value > -2", log="{position}")
    begin = time.monotonic()
    assert len(session.run().messages) == 4000
    assert time.monotonic() - begin < 5  # 8 million looks at the condition took longer


def test_breakpoints_on_calls_and_on_lines_inside_functions() -> None:
    session = Session(gd.parse(CALLS), {"x": 0.3, "y": 0.4, "w": 0.5})
    session.break_at("call square")
    assert len(stops(session)) == 4 + 3  # no gradient flows through the one in two(w, p)
    session.restart()
    session.delete(1)
    session.break_at("line 3")  # the body of square
    assert len(stops(session)) == 4 + 3


def test_toggle_ignore_and_change() -> None:
    session = lecture()
    made = session.toggle("q")
    assert made is not None and session.toggle("q") is None and not session.marks.breakpoints
    made = session.break_at("q")
    session.ignore(made.number, 1)
    assert stops(session) == [8]
    session.restart()
    session.change(made.number, hit_condition="", enabled=False)
    assert stops(session) == []
    with pytest.raises(GraphError, match="has 3 entries, expected one number"):
        three = Session(gd.parse("h = 2*x; f = sum(h)", shapes={"x": (3,)}), {"x": [1, 2, 3]})
        three.break_at("h", when="h > 0")


@pytest.mark.parametrize(
    ("target", "options", "kind", "text"),
    [
        ("nope", {}, UnknownNameError, "found 'nope', expected a node, a line number"),
        ("line 7", {}, GraphError, "nothing is computed on line 7; lines with nodes: 1"),
        ("op exp", {}, UnknownNameError, "no operation 'exp' in this program"),
        ("call f", {}, UnknownNameError, "no call of 'f' in this program"),
        ("q", {"when": "nope > 0"}, UnknownNameError, "no name 'nope'"),
        ("q", {"when": "q ="}, GraphError, "not an expression: '=' assigns"),
        ("q", {"hits": "x"}, GraphError, "found the hit count 'x'"),
        ("q", {"log": "{nope}"}, UnknownNameError, "no name 'nope'"),
    ],
)
def test_breakpoints_that_make_no_sense(
    target: str, options: dict[str, Any], kind: type[GraphError], text: str
) -> None:
    session = lecture()
    with pytest.raises(kind, match=text):
        session.break_at(target, **options)
    assert not session.marks.breakpoints


def test_watches_stop_where_a_value_changes() -> None:
    session = Session(gd.parse("f = x*y + x*z"), {"x": 2, "y": 3, "z": 4})
    session.watch("accumulated(x)")
    stop = session.run()
    assert stop.reason == "watch"
    assert stop.messages == ("accumulated(x): — → 4",)
    assert session.run().messages == ("accumulated(x): 4 → 7",)
    assert session.run().reason == "end"
    assert session.reverse_run().messages == ("accumulated(x): 4 → 7",)


def test_catching_kinks_nan_and_infinity() -> None:
    session = Session(gd.parse("q = x - 1; r = log(q); s = 0*r; f = s + relu(q)"), {"x": 1})
    assert (session.catch("nan"), session.catch("inf")) == (1, 1)
    assert [(session.run().reason, session.frame.node) for _ in range(2)] == [
        ("inf", "r"), ("nan", "s"),
    ]  # fmt: skip
    assert "0 · -inf is 0 · ∞" in narration.explain(session.scope, session.frame)
    while session.position < session.end:  # NaN can be stepped through
        session.step()
        narration.explain(session.scope, session.frame)
        assert [*narration.lines(session.scope, session.frame)]
    session.catch("kink")
    session.reverse_run()
    assert session.frame.operation == "relu(q)"
    assert "relu'(0) = 0" in narration.explain(session.scope, session.frame)
    with pytest.raises(GraphError, match="found the filter 'all', expected one of nan, inf, kink"):
        session.catch("all")


def test_catching_a_wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = gd.parse("q = x @ y; f = q*z", shapes={"x": (2,), "y": (2,)})
    op = type(graph["q"].op)
    right = gradients.RULES[op]

    def wrong(site: Any, slot: int) -> Any:
        found = right(site, slot)
        return found and (site.b.map("mul", found[0], site.b.const(2)), *found[1:])

    with monkeypatch.context() as patch:
        patch.setitem(gradients.RULES, op, wrong)
        session = Session(graph, {"x": [1, 2], "y": [3, 4], "z": 5})
    assert session.catch("check-failed") == 1
    stop = session.run()
    assert (stop.reason, session.frame.node) == ("check-failed", "q")
    assert not session.check("x").ok


# ------------------------------------------------------------------ what if, paths, files


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("q", 1, "'q' is computed: only inputs can be set"),
        ("n", 1, "'n' is not in the program: only inputs can be set"),
        ("x", [1, 2], r"'x' has shape \(\), found \(2,\)"),
        ("x[0]", 1, "it is a number and has no entries"),
        ("x", "three", "is not made of numbers"),
    ],
)
def test_values_that_cannot_be_set(name: str, value: Any, text: str) -> None:
    session = lecture()
    with pytest.raises(ValueGivenError, match=text):
        session.set(name, value)
    assert not session.undo()


def test_entries_are_set_and_nudged_alone() -> None:
    session = Session(gd.parse("f = sum(W*W)", shapes={"W": (2, 2)}), {"W": [[1, 2], [3, 4]]})
    session.set("W[1, -1]", 7)
    assert session.point["W"].tolist() == [[1, 2], [3, 7]]
    made = session.nudge("W[0, 1]", 0.5)
    assert (made.predicted, made.actual) == (2.0, 2.25)
    for entry in ("W[2, 0]", "W[0]", "W[0, 0, 0]"):
        with pytest.raises(ValueGivenError, match=r"no entry \[.*\] in shape \(2, 2\)"):
            session.set(entry, 1)
        with pytest.raises(ValueGivenError, match=r"no entry \[.*\] in shape \(2, 2\)"):
            session.nudge(entry, 1)


def test_what_was_not_differentiated_by_cannot_be_nudged() -> None:
    session = Session(gd.grad(gd.parse("f = x*y"), "f", ["x"]), {"x": 1, "y": 2})
    with pytest.raises(GraphError, match="'f' was not differentiated by it"):
        session.nudge("y", 0.1)
    assert float(session.point["y"]) == 2 and not session.undo()


@SLOW
@given(SESSIONS, st.integers(0, 99), st.sampled_from((1e-3, -0.25, 2.0)))
def test_nudges_predict_gradient_times_step(session: Session, pick: int, by: float) -> None:
    assert session.backward is not None
    names = [session.graph.names[at] for at in session.backward.wrt]
    name = names[pick % len(names)]
    gradient, before = session.trace[f"f.d_{name}"], session.trace["f"]
    made = session.nudge(name, by)
    assert made.predicted == float(np.sum(gradient)) * by
    assert made.actual == float(session.trace["f"]) - float(before)


def scalar_graph(seed: int) -> Graph:
    """A random program of numbers in which values are used several times."""
    random = Random(seed)
    names = ["x", "y"]
    lines = []
    for at in range(random.randrange(2, 9)):
        a, b = random.choice(names[-3:]), random.choice(names)
        forms = ("{a}*{b}", "{a} + {b}", "tanh({a})", "{a} - 0.5*{b}", "sin({a})*{b}")
        lines.append(f"h{at} = {random.choice(forms).format(a=a, b=b)}")
        names.append(f"h{at}")
    return gd.parse("\n".join([*lines, f"f = {names[-1]} + 0.25*x*y"]))


def all_paths(session: Session, node: int) -> list[float]:
    """The product of local derivatives along each path from f to a node, one by one."""
    backward, arrays = session.backward, session.trace.arrays
    assert backward is not None
    if node == backward.of:
        return [1.0]
    found = []
    for part in backward.contributions.get(node, ()):
        local_value = float(np.asarray(arrays[part.local]))
        found += [product * local_value for product in all_paths(session, part.consumer)]
    return found


@SLOW
@given(st.integers(0, 10_000))
def test_the_paths_add_up_to_the_gradient(seed: int) -> None:
    session = Session(scalar_graph(seed), {"x": 0.7, "y": -1.3}, of="f")
    for name in ("x", "y"):
        expected = all_paths(session, session.graph.id(name))
        found = session.paths(name, most=10_000)
        assert found.count == len(expected) == len(found.paths)
        products = sorted(float(path.product) for path in found.paths)
        np.testing.assert_allclose(products, sorted(expected), rtol=1e-9, atol=1e-12)
        total = float(session.trace[f"f.d_{name}"])
        scale = max(1.0, sum(map(abs, expected)))
        assert abs(sum(products) - total) <= 1e-12 * scale
        few = session.paths(name, most=2)
        largest = sorted(map(abs, expected), reverse=True)[:2]
        np.testing.assert_allclose([abs(float(p.product)) for p in few.paths], largest, rtol=1e-9)


@SLOW
@given(SESSIONS)
def test_listed_paths_of_arrays_add_up_too(session: Session) -> None:
    assert session.backward is not None
    for at in session.backward.wrt[:3]:
        found = session.paths(session.graph.names[at], most=300)
        if found.count == len(found.paths):
            total = sum((path.product for path in found.paths), np.zeros(found.gradient.shape))
            np.testing.assert_allclose(total, found.gradient, rtol=1e-7, atol=1e-9)


def test_paths_that_cancel_are_flagged() -> None:
    session = Session(gd.parse("h = x + 1; f = h*h - x*x"), {"x": 1000})
    assert session.paths("x").cancels
    assert session.paths("x").cancellation == pytest.approx(2001)
    assert not Session(gd.parse("f = x*x + x"), {"x": 1}).paths("x").cancels


def test_paths_are_counted_and_not_listed() -> None:
    lines = ["h0 = x", *(f"h{at} = h{at - 1}*0.5 + h{at - 1}*0.5" for at in range(1, 201))]
    session = Session(gd.parse("\n".join([*lines, "f = h200"])), {"x": 3})
    found = session.paths("x", most=3)
    assert found.count == 2**200 and len(found.paths) == 3
    assert "2 ** 200" and "about 1.607e+60" in "\n".join(
        narration.ledger_lines(session.scope, found)
    )


@SLOW
@given(SESSIONS, st.integers(0, 2000), st.integers(0, 99))
def test_saving_and_loading_gives_an_equal_state(session: Session, at: int, seed: int) -> None:
    random = Random(seed)
    names = [session.graph.names[each] for each in session.walk.value_at]
    for _ in range(3):
        session.break_at(
            random.choice(names), when=random.choice(("", "sum(value) > 0")),
            hits=random.choice(("", "% 2")), log=random.choice(("", "at {position}")),
            temporary=random.random() < 0.5,
        )  # fmt: skip
    session.display(f"sum({random.choice(names)})")
    session.watch(f"sum({random.choice(names)})")
    session.delete(random.choice((1, 2, 4)))
    session.catch("nan")
    session.set(session.graph.inputs[0], session.point[session.graph.inputs[0]] + 1)
    session.goto(at % (session.end + 1))
    again = Session.from_json(session.to_json())
    assert again.state == session.state
    assert again.drawn == session.drawn
    assert again.graph == session.graph
    assert not again.undo()
    assert again.break_at(names[0]).number == session.break_at(names[0]).number


def test_infinite_numbers_are_saved_as_text() -> None:
    session = lecture(x=float("inf"), y=float("nan"))
    text = session.to_json()
    json.loads(text, parse_constant=pytest.fail)
    again = Session.from_json(text)
    assert np.isposinf(again.point["x"]) and np.isnan(again.point["y"])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda data: data.pop("format"), "format"),
        (lambda data: data.update(version=99), "version"),
        (lambda data: data.update(position=-1), "found position -1"),
        (lambda data: data.update(position="3"), "position"),
        (lambda data: data.update(graph=[]), "the whole must be an object"),
        (lambda data: data.update(point=[]), "the inputs x, y, z"),
        (lambda data: data.update(filters=["all"]), "found the filter 'all'"),
        (lambda data: data.update(filters=[1]), "filters"),
        (lambda data: data.update(watches=["x"]), "watches"),
        (lambda data: data["breakpoints"][0].update(target="zz"), "zz"),
        (lambda data: data["breakpoints"][0].update(kind="python"), "python"),
        (lambda data: data["breakpoints"][0].update(condition="().__class__"), "attributes"),
        (lambda data: data["breakpoints"][0].update(enabled=1), "enabled"),
        (lambda data: data["breakpoints"][0].update(number=0), "found 0 as the number"),
        (lambda data: data["breakpoints"].append(data["breakpoints"][0]), "twice"),
        (lambda data: data["point"][0].update(values=["x"]), "numbers"),
        (lambda data: data["point"][0].update(dtype="object"), "dtype"),
        (lambda data: data["point"][0].update(shape=[2]), "as many values"),
    ],
)
def test_files_that_are_no_session(change: Callable[[Any], Any], text: str) -> None:
    session = lecture()
    session.break_at("q")
    data = json.loads(session.to_json())
    change(data)
    with pytest.raises(GraphError, match=text):
        Session.from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '"x"', "null", "[" * 100_000])
def test_texts_that_are_no_session(text: str) -> None:
    with pytest.raises(GraphError, match=r"a saved session is JSON|not a saved session"):
        Session.from_json(text)


# ------------------------------------------------------------------ in words


@settings(SLOW, max_examples=20)
@given(SESSIONS)
def test_every_position_can_be_told(session: Session) -> None:
    for position in range(session.end + 1):
        session.goto(position)
        scope, frame = session.scope, session.frame
        told = [
            narration.location(frame), narration.source_line(frame),
            *narration.lines(scope, frame), narration.explain(scope, frame),
            *narration.stack_lines(scope, frame),
        ]  # fmt: skip
        assert all("None" not in line and "array(" not in line for line in told)
        assert len([*narration.lines(scope, frame)]) > 0


def test_a_call_that_returns_several_values() -> None:
    session = Session(gd.parse(CALLS), {"x": 0.3, "y": 0.4, "w": 0.5})
    session.step()
    assert session.frame.call is not None and session.frame.id == NONE
    assert [session.graph.names[at] for at in session.frame.results] == ["u", "v"]
    assert session.frame.line == 9
    session.finish()
    lines = "\n".join(narration.lines(session.scope, session.frame))
    assert "u, v = two(x, y)" in lines and "u = 0.49" in lines and "—" not in lines


def test_a_call_has_no_local_formula_of_an_operation_inside_it() -> None:
    """Its argument's one contribution comes from inside: that is not the call's own derivative."""
    session = Session(gd.parse("def g(a): return tanh(2*a)\nf = 3*g(x)"), {"x": 0.1})
    session.until("call g")
    session.until("call g")
    assert session.frame.kind == Kind.CALL
    lines = "\n".join(narration.lines(session.scope, session.frame))
    assert "∂" in lines and "= 2" not in lines


def test_parameters_that_a_library_function_made_stand_on_no_line_of_the_program() -> None:
    """Their span is in the library, and they are inputs, outside of the call."""
    session = Session(gd.parse("x: Real[2]; o = mlp(x, [3, 1]); f = sum(o)"))
    talk = Interpreter(session)
    for position in range(session.end + 1):
        session.goto(position)
        assert session.frame.line in (None, 1)
        assert talk.execute("list").text


def test_local_texts_of_a_graph_too_large_for_explanations() -> None:
    names = ["x", "y"]
    lines = []
    for at in range(2200):
        lines.append(f"h{at} = tanh({names[-1]})*{names[-2]}")
        names.append(f"h{at}")
    session = Session(gd.parse("\n".join([*lines, "f = h2199*x"])), {"x": 0.5, "y": 0.7})
    assert len(session.graph) > 4000
    session.until("h2000")
    session.until("h2000")
    (first, second) = session.frame.operands
    texts = {narration.local_text(session.scope, each) for each in (first, second)}
    assert "h1998" in texts


def test_local_derivatives_where_only_a_dimension_is_named() -> None:
    """`L = q/n` alone has no input that carries the n; its formula needs a size all the same."""
    graph = gd.parse("L = sum(x*x)/n", shapes={"x": ("n",)})
    (found,) = local(graph, "L").values()
    assert found.text() == "1/n"


def test_places_are_functions_of_the_walk_alone() -> None:
    a, b = lecture(), lecture()
    a.break_at("q", when="value > 0")
    b.break_at("q", when="value > 0")
    for move in itertools.islice(itertools.cycle(["run", "reverse_run", "step"]), 30):
        getattr(a, move)()
    b.goto(a.position)
    assert a.hits(a.marks.get(1)) == b.hits(b.marks.get(1))


def test_shapes_of_programs_are_checked_before_anything_is_opened() -> None:
    with pytest.raises(ShapeError, match="shape"):
        Session(gd.parse("f = sum(x + y)", shapes={"x": (2,), "y": (3,)}))


def training_step() -> Graph:
    """A step of momentum on E = (w x - t)^2 / 2: three passes on one tape."""
    graph = gd.grad(gd.parse("E = (w*x - t)^2 / 2"), "E", ["w"])
    b = Builder.of(graph)
    b.phase = PHASES.index("update")
    names = {"w": graph.id("w"), "g": graph.id("E.d_w"), "v": b.input("w.v"), "lr": b.input("lr")}
    made = extend(b, "w_next, v_next = momentum(w, g, v, lr)", names)
    for name, at in made.items():
        b.name(at, name)
    return b.build([*graph.output_ids, *made.values()])


def test_an_update_is_a_third_pass() -> None:
    point = {"w": 1.0, "x": 2.0, "t": 1.0, "w.v": 0.5, "lr": 0.1}
    session = Session(training_step(), point)
    walk = session.walk
    assert walk.turn < walk.update <= walk.end
    directions = [session.scope.frame(at).direction for at in range(walk.end + 1)]
    assert directions == sorted(directions, key=PHASES.index)
    assert session.value("w.v") == 0.5 and session.value("w_next") is None
    assert session.finish().position == walk.turn - 1
    assert session.finish().position == walk.update - 1 and session.value("w_next") is None
    assert session.gradient("w") == 2.0
    stops = []
    while session.position < session.end:
        session.step()
        stops.append((session.frame.title, session.frame.node, session.frame.stack))
    assert stops[0] == ("call", "", ("momentum",)) and stops[-1][0] == "return"
    assert ("value", "v_next", ("momentum",)) in stops
    assert stops[-2] == ("value", "w_next", ("momentum",))
    assert session.value("w_next") == pytest.approx(1.0 - 0.1 * (0.9 * 0.5 + 2.0))
    assert session.value("v_next") == pytest.approx(0.9 * 0.5 + 2.0)
    assert session.reverse_finish().position == walk.update - 1
    assert session.reverse_finish().position == walk.turn - 1
    trace = gd.evaluate(session.graph, point)
    session.goto(session.end)
    for name in session.graph.names:
        assert same(session.value(name), trace[name]), name


def test_an_infinite_sum_of_contributions_is_shown_without_a_word_of_numpy() -> None:
    session = gd.Session(gd.parse("f = x*a - x*b + x"), {"x": 1.0, "a": np.inf, "b": np.inf})
    while session.position < session.end:
        session.step()
        assert session.frame is not None
    assert np.isnan(session.value("f.d_x"))


def test_a_saved_session_with_a_part_that_does_not_fit_is_refused() -> None:
    text = gd.Session(gd.parse("f=(x+y)z"), {"x": 1, "y": 2, "z": 3}).to_json()
    for change, message in (
        (lambda d: d["point"].append(d["point"][0]), "point must be one value for each input"),
        (lambda d: d["point"][0].update(values=[10**400]), "point: 'x' must be numbers"),
        (lambda d: d["point"][0].update(shape=[2**70]), "point: 'x' must be a shape"),
        (lambda d: d.update(position=99), "found position 99"),
        (lambda d: d.update(seed=-1), "seed must be a whole number from 0, found -1"),
        (lambda d: d.update(seed=2**70), "seed must be whole numbers up to 2"),
        (lambda d: d.update(filters=["nan", "rain"]), "rain"),
        (lambda d: d["graph"]["names"][0].__setitem__(1, "x\u3164"), "a name must be a text"),
    ):
        data = json.loads(text)
        change(data)
        with pytest.raises(gd.GraphError, match=message):
            gd.Session.from_json(json.dumps(data))
