"""Graphs as JSON: equal after the round trip, and a file that is none is refused with its place."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphdbg as gd
from graphdbg.errors import GraphError
from graphdbg.source import Source, Span, hidden_in
from graphdbg.tape import ops, records
from graphdbg.tape.builder import Builder
from graphdbg.tape.graph import Graph
from graphdbg.tape.serialization import (
    from_json,
    graph_from_dict,
    graph_to_dict,
    load,
    save,
    to_json,
)
from graphdbg.tape.sizes import named

PROGRAMS = {
    "formula": "f=(x+y)z",
    "square": "f = x*x + 2.0*x + 2",
    "classifier": (
        "X: Real[n, 4]\nW1: Real[4, k]\nb1: Real[k]\nW2: Real[k, 3]\nY: OneHot[n, 3]\n"
        "def layer(x, W, b):\n    return relu(x @ W + b)\n"
        "h = layer(X, W1, b1)\nL = cross_entropy(softmax(h @ W2), Y)\n"
    ),
    "indexing": "x: Real[5]\nf = x[1:4].sum() + x[0]**2 + max(x) + inf*0",
}


def graph_of(name: str) -> Graph:
    return gd.grad(gd.parse(PROGRAMS[name]))


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_come_back_equal(name: str) -> None:
    graph = graph_of(name)
    again = from_json(to_json(graph))
    assert again == graph
    assert repr(again.ops) == repr(graph.ops)  # 1 and 1.0 are equal, but not the same
    assert (again.names, again.ids) == (graph.names, graph.ids)
    assert again.outputs == graph.outputs


def test_spans_still_show_the_source() -> None:
    again = from_json(to_json(gd.parse("f=(x+y)z")))
    span = again["f"].span
    assert span is not None
    assert span.excerpt() == gd.parse("f=(x+y)z")["f"].span.excerpt()  # type: ignore[union-attr]


def test_a_file(tmp_path: Path) -> None:
    graph = graph_of("classifier")
    save(graph, tmp_path / "graph.json")
    assert load(tmp_path / "graph.json") == graph


def test_graph_methods() -> None:
    graph = graph_of("formula")
    assert Graph.from_json(graph.to_json()) == graph


SCALARS = ("add", "mul", "sub", "div", "neg", "exp", "maximum", "where")


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Graphs of elementwise functions, sums, products and slices, with names, spans and sizes."""
    source = Source(draw(st.text(max_size=20)), draw(st.text(max_size=5)))
    b = Builder(source=source)
    size = draw(st.sampled_from([3, named("n"), named("n") * 2 + 1]))
    nodes = [b.input("x", (size,)), b.input("s"), b.const(draw(st.floats(width=32)))]
    for _ in range(draw(st.integers(1, 8))):
        end = draw(st.integers(0, len(source.text)))
        b.span = draw(st.sampled_from([None, Span(source, 0, end)]))
        function = draw(st.sampled_from(SCALARS))
        arity = {"neg": 1, "exp": 1, "where": 3}.get(function, 2)
        nodes.append(b.map(function, *(draw(st.sampled_from(nodes)) for _ in range(arity))))
        if b.shapes[nodes[-1]] and draw(st.booleans()):
            nodes.append(b.sum(nodes[-1], [0]))
    free = st.text(min_size=1, max_size=4).filter(
        lambda name: name not in ("x", "s") and hidden_in(name) is None
    )
    return b.build({draw(free): nodes[-1]})


@given(graphs())
@settings(max_examples=150, deadline=None)
def test_any_graph_comes_back_equal(graph: Graph) -> None:
    text = to_json(graph)
    again = from_json(text)
    assert to_json(again) == text
    assert repr(again.ops) == repr(graph.ops)  # not ==, because nan != nan
    assert again.given_names == graph.given_names
    assert (again.args, again.shapes, again.spans) == (graph.args, graph.shapes, graph.spans)
    assert again.source == graph.source


def test_each_field_of_each_primitive_is_covered() -> None:
    used = {each.name for op in ops.PRIMITIVES if is_dataclass(op) for each in fields(op)}
    assert used == set(records.FIELDS)


EXAMPLES: tuple[ops.Op, ...] = (
    ops.Input("x", (named("n"), 3), "OneHot"),
    ops.Const(float("inf"), (2,)),
    ops.Const(named("n") - 1),
    ops.Array((1, 2.5, float("nan")), (3,)),
    ops.Eye(named("n")),
    ops.Arange(4),
    ops.map_of("tanh"),
    ops.contract_of("ij,jk->ik"),
    ops.Reduce("max", (0, 1)),
    ops.Broadcast((2, named("n")), (1,)),
    ops.Reshape((6,)),
    ops.Slice(((0, named("n"), -1),)),
    ops.Pad(((1, 2, 1),), (5,)),
    ops.Concat(1),
    ops.Gather(2),
    ops.Scatter((4, 4)),
    ops.Inverse(),
    ops.LogDet(),
    ops.Det(),
    ops.Adjugate(),
    ops.StopGradient(),
)


@pytest.mark.parametrize("op", EXAMPLES, ids=lambda op: type(op).__name__)
def test_each_operation_comes_back(op: ops.Op) -> None:
    record = json.loads(json.dumps(records.op_to_dict(op), allow_nan=False))
    assert repr(records.op_from_dict(records.Reader(record, "op"))) == repr(op)


def test_the_examples_cover_each_primitive() -> None:
    assert {type(op) for op in EXAMPLES} == set(ops.PRIMITIVES)


def edited(path: list[Any], value: Any) -> Any:
    """The saved `(x+y)z` with one entry replaced (or removed, when `value` is None)."""
    data = copy.deepcopy(graph_to_dict(graph_of("formula")))
    place = data
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return data


BAD = (
    (["format"], "pickle", "format must be 'graphdbg graph', found \"pickle\""),
    (["version"], 99, "version must be 1, the version this program knows, found 99"),
    (["nodes"], None, "nodes is missing"),
    (["nodes", "args"], 7, "nodes.args must be a list, found 7"),
    (["nodes", "args", 2], [0, 9], r"nodes.args\[2\] must be nodes before it, found \[0, 9\]"),
    (["nodes", "args", 2], [0], r"nodes.args\[2\] must be the operands of Map, found \[0\]"),
    (["nodes", "args", 2], ["x"], r"nodes.args\[2\] must be whole numbers, found \"x\""),
    (["nodes", "op", 3], 77, "nodes.op must be a position below 6, found 77"),
    (["nodes", "phase", 0], "sideways", "must be forward or backward or update, found \"sideways"),
    (["nodes", "frame", 0], 3, "a frame must be -1 or a call below 0, found 3"),
    (["nodes", "frame"], [], "column frames has 0 entries, args 6"),
    (["operations", 2, "op"], "System", "primitive operation, found \"System\""),
    (["operations", 2, "function"], "os.system", "an elementwise function, found \"os.system\""),
    (["operations", 2, "function"], None, r"operations\[2\].function is missing"),
    (["shapes", 0], [2], r"nodes.shape\[0\] must be \(\), found \"\(2,\)\""),
    (["shapes", 0], "long", "must be a list of dimensions, found \"long\""),
    (["names", 0], [0], "must be a node's position and a name, found"),
    (["names", 1], [1, "x"], "nodes by name: expected one for 'x', found 0 and 1"),
    (["names", 1], [0, "a"], "names: expected one for 0, found 'x' and 'a'"),
    (["names", 0], [0, "a"], "names must be the input's own at node 0, 'x', found \"a\""),
    (["names", 0], [2, "a"], "names must be the input's own at node 0, 'x', found null"),
    (["aliases"], [[3, "x"]], "nodes by name: expected one for 'x', found 0 and 3"),
    (["aliases"], [[3, "a"], [2, "a"]], "aliases: expected one for 'a', found 3 and 2"),
    (["outputs"], [], "it has no output"),
    (["outputs"], [99], "a node's position must be a position below 6, found 99"),
    (["passes", 0, "upstream", 0], [4], "a node and its gradient's node, found"),
    (["passes", 0, "contributions", 1, 1, 0], [4, 0], "contributions of four numbers, found"),
    (["spans", 0], [0, 5, 2], "within a text of 8 characters, found"),
    (["spans", 0], [0, 5], "a source, a start and an end, found"),
)  # fmt: skip


@pytest.mark.parametrize(("path", "value", "message"), BAD)
def test_a_bad_file_is_refused(path: list[Any], value: Any, message: str) -> None:
    with pytest.raises(GraphError, match=f"not a saved graph: .*{message}"):
        graph_from_dict(edited(path, value))


def call_of_itself(data: Any) -> None:
    data["calls"][0]["parent"] = 0


# The saved softmax with faults that no single entry shows, and what is said of each.
INCONSISTENT: tuple[tuple[Callable[[Any], None], str], ...] = (
    (call_of_itself, r"calls\[0\].parent must be -1 or a call before it, found 0"),
    (lambda d: d["calls"][0].update(output=10**6), "a node's position must be a position below"),
    (lambda d: d["calls"][0].update(inputs=[15]), r"calls\[0\].inputs must be nodes before its"),
    (lambda d: d["calls"][0].update(label="\u3164"), "a call's name must be a text whose every"),
    (lambda d: d["names"][0].__setitem__(1, "x\u202e"), "a name must be a text whose every char"),
    (lambda d: d["names"][0].__setitem__(1, "\ud800"), "a name must be a text whose every char"),
    (lambda d: d["shapes"].__setitem__(0, [[[["n\u3164"], 1]]]), "a dimension's name must be a"),
    (lambda d: d["nodes"]["args"].__setitem__(1, [9]), "must be nodes before it"),
    (lambda d: d["nodes"]["args"].__setitem__(1, [-1]), "must be nodes before it"),
    (lambda d: d["nodes"]["phase"].__setitem__(0, "backward"), r"nodes.phase\[1\] must be backw"),
    (lambda d: d["nodes"]["origin"].__setitem__(1, 0), r"nodes.origin\[1\] must be -1, or for a"),
    (lambda d: d["nodes"]["frame"].__setitem__(0, 0), "for inputs stand outside of calls"),
    (lambda d: d["shapes"].__setitem__(0, [4]), "node . does not fit|must be"),
    (lambda d: d["shapes"].__setitem__(0, [2**60]), "does not fit|sizes from 0 to 2|must be"),
    (lambda d: d["passes"][0].update(of=0), r"passes\[0\].of must be a scalar"),
    (lambda d: d["passes"][0]["upstream"].pop(), r"passes\[0\].upstream must be a gradient"),
    (lambda d: d["passes"][0]["contributions"][1][1][0].__setitem__(1, 7), "what a user of node"),
    (lambda d: d.update(version=2**70), "whole numbers up to 2"),
)


def test_a_dimension_that_no_input_has_is_refused() -> None:
    data = copy.deepcopy(graph_to_dict(gd.parse("x: Real[n]\nf = sum(x)/n")))
    record = next(each for each in data["operations"] if each["op"] == "Const")
    record["value"] = [[["m"], 1]]
    with pytest.raises(GraphError, match='a dimension must be one of an input\'s, found "m"'):
        graph_from_dict(data)


@pytest.mark.parametrize(("damage", "message"), INCONSISTENT)
def test_a_file_whose_parts_do_not_fit_each_other_is_refused(
    damage: Callable[[Any], None], message: str
) -> None:
    data = graph_to_dict(gd.grad(gd.parse("p = softmax(x); L = sum(p*p)", shapes={"x": (3,)})))
    graph_from_dict(copy.deepcopy(data))
    data = copy.deepcopy(data)
    damage(data)
    with pytest.raises(GraphError, match=f"not a saved graph: .*({message})"):
        graph_from_dict(data)


OPERATIONS = (
    ("f = sum(x[[0, 2]])", "Gather", {"count": 0}),
    ("f = sum(x[1:3])", "Slice", {"ranges": [[5, 2, 1]]}),
    ("f = sum(x[1:3])", "Slice", {"ranges": [[0, 2, 0]]}),
    ("f = max(x)", "Reduce", {"axes": [-1]}),
    ("f = sum(argmax(x)*x)", "Reduce", {"axes": []}),
    ("f = sum(x*array([1, 2, 3, 4]))", "Array", {"values": [1, 2]}),
    ("f = sum(x + 1)", "Const", {"value": 10**400}),
    ("f = sum(x*x)", "Contract", {"inputs": ["\u3164"], "output": ""}),
    ("f = sum(concatenate([x, x]))", "Concat", {"axis": -1}),
)


@pytest.mark.parametrize(("text", "kind", "fields"), OPERATIONS)
def test_an_operation_that_makes_no_sense_is_refused(
    text: str, kind: str, fields: dict[str, Any]
) -> None:
    data = copy.deepcopy(graph_to_dict(gd.parse(text, shapes={"x": (4,)})))
    record = next(each for each in data["operations"] if each["op"] == kind)
    record.update(fields)
    with pytest.raises(GraphError, match="not a saved graph: "):
        graph_from_dict(data)


def test_indices_of_several_shapes_are_refused() -> None:
    text = "L: Label[2]\nK: Label[2]\nM: Label[1]\nX: Real[3, 3]\nf = sum(X[L, K]) + sum(M)"
    data = copy.deepcopy(graph_to_dict(gd.grad(gd.parse(text))))
    ids = {name: at for at, name in data["names"]}
    scatters = {at for at, each in enumerate(data["operations"]) if each["op"] == "Scatter"}
    node = next(at for at, op in enumerate(data["nodes"]["op"]) if op in scatters)
    data["nodes"]["args"][node][2] = ids["M"]
    with pytest.raises(GraphError, match=r"indices of one shape are needed, found"):
        graph_from_dict(data)


def test_numbers_and_keys_that_json_has_not() -> None:
    text = graph_of("formula").to_json()
    for word in ("NaN", "Infinity", "-Infinity", "1" * 5_000):
        with pytest.raises(GraphError, match="a saved graph is JSON, but this text is not"):
            from_json(text.replace('"version": 1', f'"version": {word}'))
    with pytest.raises(GraphError, match="an object has 'version' twice"):
        from_json(text.replace('"version": 1', '"version": 2, "version": 1'))
    with pytest.raises(GraphError, match="whole numbers up to 2.63, found"):
        from_json(text.replace('"version": 1', '"version": ' + "1" * 400))
    with pytest.raises(GraphError, match="must be whole numbers, found"):
        from_json(text.replace('"args": [', '"args": [' + "[" * 900 + "]" * 900 + ","))


def test_nothing_in_a_file_is_raw() -> None:
    text = gd.parse("# \x1b]0;t\x07 \u202e \ud800\nf = x", name="a\u3164b").to_json()
    assert text.isprintable() and "\u3164" not in text
    assert from_json(text).source == Source("# \x1b]0;t\x07 \u202e \ud800\nf = x", "a\u3164b")


def test_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(GraphError, match="a saved graph is JSON, but this text is not"):
        from_json("f=(x+y)z")
    with pytest.raises(GraphError, match="nested too deeply"):
        from_json("[" * 200_000)
    with pytest.raises(GraphError, match=r"the whole must be an object, found \[\]"):
        from_json("[]")


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="cannot read .*none.json.*No such file"):
        load(tmp_path / "none.json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(GraphError, match="it is not text in UTF-8"):
        load(tmp_path / "binary")
    with pytest.raises(GraphError, match="cannot write"):
        save(graph_of("formula"), tmp_path)


@pytest.mark.parametrize("name", PROGRAMS)
def test_networkx_writers(name: str) -> None:
    view = graph_of(name).nx
    assert type(view) is nx.MultiDiGraph
    buffer = BytesIO()
    nx.write_graphml(view, buffer)
    buffer.seek(0)
    again = nx.read_graphml(buffer, force_multigraph=True)
    assert dict(again.nodes(data=True)) == dict(view.nodes(data=True))
    assert again.number_of_edges() == view.number_of_edges()
    data = json.loads(json.dumps(nx.node_link_data(view, edges="edges")))
    linked = nx.node_link_graph(data, edges="edges")
    assert nx.utils.graphs_equal(linked, view)
