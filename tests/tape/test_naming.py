"""What a node is called: a name is one node's."""

from __future__ import annotations

import pytest

from graphdbg.errors import GraphError
from graphdbg.tape.builder import Builder


def test_a_name_that_another_node_has_is_refused() -> None:
    b = Builder()
    x = b.input("x", (3,))
    f = b.map("exp", x)
    b.name(f, "f")
    b.alias(f, "g")
    total = b.sum(f, [0])
    said = r"two nodes cannot both be called 'f': node 1, map of shape \(3,\), has that name; "
    with pytest.raises(GraphError, match=said + r"give node 2, contract of shape \(\), another"):
        b.name(total, "f")
    with pytest.raises(GraphError, match="two nodes cannot both be called 'g'"):
        b.name(total, "g")
    with pytest.raises(GraphError, match="two nodes cannot both be called 'x'"):
        b.alias(total, "x")
    with pytest.raises(GraphError, match="two nodes cannot both be called 'x'"):
        b.input("x", (4,))
    with pytest.raises(GraphError, match="two nodes cannot both be called 'x'"):
        b.build({"x": total})


def test_a_node_keeps_its_names() -> None:
    b = Builder()
    x = b.input("x")
    f = b.map("exp", b.input("x"))
    for name in ("f", "g", "f", "g", "f"):
        b.name(f, name)
    graph = b.build({"f": f})
    assert (graph.given_names, graph.aliases) == ({x: "x", f: "f"}, {"g": f})
    assert (Builder.of(graph).named("g"), Builder.of(graph).named("h")) == (f, None)
    with pytest.raises(GraphError, match="two nodes cannot both be called 'g'"):
        Builder.of(graph).name(x, "g")
