"""Short texts that ask for much: calls, nodes, loops, lists and numbers are refused by a limit."""

from __future__ import annotations

import pytest

import graphdbg as gd
from graphdbg.errors import GraphError, LimitError, SourceError


def chain(body: str, depth: int) -> str:
    """Functions f0, f1, ... each of which calls the one before as `body` says."""
    lines = ["def f0(x):", "    return x + 1"]
    for at in range(1, depth):
        inner = body.format(f"f{at - 1}").split("|")
        lines += [f"def f{at}(x):", *(f"    {line}" for line in inner)]
    return "\n".join([*lines, f"y = f{depth - 1}(x)"])


def test_calls_that_double_are_counted_without_being_made() -> None:
    """f_k makes 1 + 3 of f_(k-1): (3^30 - 1)/2 calls for k = 29."""
    with pytest.raises(LimitError, match=f"'f29' makes at least {(3**30 - 1) // 2:,} calls.*limit"):
        gd.parse(chain("return {0}({0}(x)) * {0}(x)", 30))


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("return {0}(x) + {0}(2*x)", 2**25 - 1),
        ("for k in range(3):|    x = {0}(x)|return x", (3**25 - 1) // 2),
        ("return sum([{0}(x + k) for k in range(2)])", 2**25 - 1),
    ],
)
def test_the_count_is_exact(body: str, count: int) -> None:
    with pytest.raises(LimitError, match=f"'f24' makes at least {count:,} calls"):
        gd.parse(chain(body, 25))


@pytest.mark.parametrize(
    "body",
    [
        "if 1 > 0:|    x = {0}({0}(x))|    x = {0}(x)|return x",
        "for k in [1, 2, 3]:|    x = {0}(x)|return x",
        "return {0}(x) if 1 > 0 else x|return {0}(x)",
        "a = {0}(x) if 1 > 0 else x|b = {0}(2*x) if 1 > 0 else x|return a*b",
    ],
)
def test_calls_that_depend_on_conditions_are_counted_as_they_are_made(body: str) -> None:
    text = chain(body, 20)
    if body.startswith("return"):
        assert gd.parse(text).outputs == ("y",)
        return
    with pytest.raises(LimitError, match="the program makes more than 20,000 calls of functions"):
        gd.parse(text)


def test_branches_that_are_not_taken_do_not_count() -> None:
    body = "if x.ndim > 5:|    return {0}({0}({0}(x)))|return {0}(x)"
    assert gd.parse(chain(body, 25)).outputs == ("y",)


def test_nodes_of_a_text() -> None:
    text = "for i in range(300):\n    x = sin(x)\nf = x"
    assert len(gd.parse(text)) == 301
    with pytest.raises(LimitError, match=r"more than 200 nodes, which is the limit.*--nodes N"):
        gd.parse(text, nodes=200)
    graph = gd.parse(text, nodes=301)
    assert len(gd.grad(graph)) > 600  # a gradient is not counted


def test_a_network_is_refused_before_its_text_is_read() -> None:
    with pytest.raises(LimitError, match="a network of 99999 layers makes at least 499995 nodes"):
        gd.mlp([3] * 100_000)
    assert gd.mlp([2, 3, 1], nodes=40).outputs == ("L",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("f = x*sum(range(10**9))", "a list of 1000000000 values is too long: the limit"),
        ("f = x*max(range(10**9))", "a list of 1000000000 values is too long"),
        ("f = x*prod(range(1, 10**6))", "bits is too large"),
        ("f = x*len(list(range(10**30)))", "is too long"),
        ("f = sum(x*array(range(10**9)))", "an array of 1000000000 values is too long"),
        ("f = sum(x*linspace(0, 1, 10**9))", "a list of 1000000000 values is too long"),
        ("f = sum(x*arange(0, 10**9, 2))", "a list of 500000000 values is too long"),
        ("f = sum(x*arange(0, inf, 2))", "has no end"),
        ("s = [1, 2]\nfor i in range(60):\n    s = s + s\nf = x", "is too long"),
        ("s = 'ab'\nfor i in range(60):\n    s = s + s\nf = x", "a text of"),
        ("for i in range(9):\n    s = [1]*10**6\nf = x", "in other lists: the limit is 5000000"),
        ("a = [[[1]*999]*999]*999\nf = x if a == a else 0", "the limit, are compared"),
        ("a = [[[1]*999]*999]*999\nf = x if 1.5 in range(10**12) else 0", "are compared"),
        ("a = [[[1]*999]*999]*999\nf = sin(x, a)", "takes 1 arguments?|takes 1 operand"),
        ("x: Real[10**9]; a, b = x; f = a*b", "1000000000 values for 2 names"),
        ("a, b = range(10**12)\nf = a*x", "1000000000000 values for 2 names"),
        ("x: Real[10**7]\ns = 0\nfor v in x:\n    s = s + v\nf = s", "more than 400000 nodes"),
        ("x: Real[10**6]; p = split(x, 10**6); f = sum(p[0])", "more than 400000 nodes"),
        ("x: Real[n]\nk = n\nfor i in range(40):\n    k = k*k\nf = sum(x)*k", "the limit is"),
        ("x: Real[n, m]\nk = n + m + 1\nfor i in range(9):\n    k = k*k\nf = x*k", "the limit is"),
    ],
)
def test_lists_numbers_and_dimensions(text: str, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        gd.parse(text)


def test_what_is_large_and_cheap_is_done() -> None:
    assert gd.evaluate(gd.parse("f = x*len(range(10**30))"), {"x": 1.0})["f"] == 1e30
    assert gd.evaluate(gd.parse("f = x if 5 in range(10**30) else 0"), {"x": 2.0})["f"] == 2
    with pytest.raises(SourceError, match="loops of more than 1000000 rounds are not unrolled"):
        gd.parse("f = sum([x*i for i in range(10**9)])")
