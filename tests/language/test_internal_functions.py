"""Functions of the library's own do not exist outside of its texts."""

import pytest

import graphdbg as gd
from graphdbg.errors import GraphError, UnknownNameError
from graphdbg.language.functions import INTERNAL, find_function, function_names

CALLS = {
    "guard": "guard(x, 0)", "guarded_log": "guarded_log(x, x, x > 0)",
    "scores_behind": "scores_behind(x, 'softmax')", "parameter": "parameter('W', 3)",
}  # fmt: skip


def test_every_internal_function_has_a_call():
    assert set(CALLS) == INTERNAL


@pytest.mark.parametrize("name", sorted(INTERNAL))
@pytest.mark.parametrize("prefix", ["", "np.", "torch.", "torch.nn.functional.", "jax."])
def test_a_program_a_claim_and_a_watch_do_not_know_it(name, prefix):
    call = prefix + CALLS[name]
    with pytest.raises(UnknownNameError, match=f"no function named '{name}'"):
        gd.parse(f"f = x*{call}")
    with pytest.raises(UnknownNameError, match=f"no function named '{name}'"):
        gd.parse(f"def g(x): return {call}\nf = g(x)")
    with pytest.raises(UnknownNameError, match=f"no function named '{name}'"):
        gd.prove("f = x", f"df/dx = {call}")
    with pytest.raises(UnknownNameError, match=f"no function named '{name}'"):
        gd.Session(gd.parse("f = x"), {"x": 1.0}).watch(call)


@pytest.mark.parametrize("name", sorted(INTERNAL))
def test_it_is_no_method_and_no_word_for_an_activation(name):
    with pytest.raises(GraphError, match=f"no method '{name}'"):
        gd.parse(f"f = x.{name}(0)")
    with pytest.raises(GraphError, match="found str"):
        gd.parse(f"x: Real[3]; o = mlp(x, [2, 1], activation='{name}')")
    with pytest.raises(UnknownNameError, match=f"no activation function named '{name}'"):
        gd.mlp([2, 3, 1], activation=name)


def test_the_nearest_names_are_no_internal_ones():
    assert not INTERNAL & set(function_names())
    with pytest.raises(UnknownNameError, match="no function named 'gard'(?!.*guard)"):
        gd.parse("f = gard(x)")


@pytest.mark.parametrize("name", sorted(INTERNAL))
def test_the_name_is_free_for_an_input(name):
    assert gd.parse(f"f = 2 {name} + x").inputs == (name, "x")


def test_the_library_knows_them():
    assert find_function("guard", from_library=True) is not None
    graph = gd.parse("f = elu(x)")
    assert any(getattr(op, "function", "") == "guard" for op in graph.ops)
    assert gd.parse("x: Real[3]; o = mlp(x, [2])").inputs == ("x", "o.W1", "o.b1")
