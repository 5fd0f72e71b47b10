"""Every way of compiling gives what `evaluate` gives."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph

import graphdbg as gd
from graphdbg import lazy
from graphdbg.calculus.gradients import grad
from graphdbg.compiling import fast
from graphdbg.compiling.blocks import Product, faster_product
from graphdbg.compiling.compiler import MAX_SOURCE, Compiled, choose, compile
from graphdbg.compiling.levels import Tape, function
from graphdbg.compiling.lowering import live_nodes, lower
from graphdbg.compiling.memory import Outputs
from graphdbg.compiling.scalar import is_plain
from graphdbg.errors import GraphError, UnknownNameError, ValueGivenError
from graphdbg.numbers.evaluator import evaluate
from graphdbg.tape import ops, scalars
from graphdbg.tape.builder import Builder
from graphdbg.tape.graph import Graph
from graphdbg.tape.sizes import named

SCALAR_ENGINES = ("python", "levels", "numpy", *["numba"] * lazy.has_numba())
FUNCTIONS = tuple(scalars.TABLE)
SMOOTH = (  # and bounded slopes, so that a last digit stays one
    "add", "sub", "mul", "neg", "sin", "cos", "tanh", "arctan", "erf", "sigmoid", "softplus",
    "logsigmoid", "relu", "abs", "maximum", "minimum",
)  # fmt: skip
EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1000.0, -1000.0, math.inf, -math.inf, math.nan)


def assert_same(f: Compiled, graph: Graph, point: dict[str, Any], rtol: float = 1e-12) -> None:
    trace = evaluate(graph, point)
    for name, value in zip(f.outputs, f.run(point), strict=True):
        expected = trace[name]
        scale = np.max(np.abs(expected), initial=1e-3, where=np.isfinite(expected))
        np.testing.assert_allclose(value, expected, rtol, atol=rtol * scale, err_msg=name)
        assert np.shape(value) == expected.shape


def random_scalar_graph(seed: int, length: int) -> Graph:
    """A tape of scalars, the last nodes its outputs."""
    rng = np.random.default_rng(seed)
    b = Builder()
    nodes = [b.input(name) for name in ("x", "y", "o.W1", "lambda")] + [b.const(2), b.const(-0.5)]
    for _ in range(length):
        function = SMOOTH[rng.integers(len(SMOOTH))]
        late = nodes[-12:]
        args = [late[rng.integers(len(late))] for _ in range(scalars.TABLE[function].arity)]
        nodes.append(b.map(function, *args))
        if rng.random() < 0.4:  # keep values small
            nodes.append(b.map("tanh", nodes[-1]))
        if rng.random() < 0.1:
            nodes.append(b.emit(ops.StopGradient(), nodes[-1]))
    return b.build(list(dict.fromkeys(nodes[-5:])))


@pytest.fixture
def formula() -> Graph:
    b = Builder()
    x, y, z = map(b.input, "xyz")
    return grad(b.build({"f": b.map("mul", b.map("add", x, y), z)}))


@pytest.fixture
def layer() -> Graph:
    """sum(relu(X @ W + c)) with named dimensions, and its gradients."""
    n, d, k = map(named, "ndk")
    b = Builder()
    X, W, c = b.input("X", (n, d)), b.input("W", (d, k)), b.input("c", (k,))
    h = b.map("relu", b.map("add", b.contract("ij,jk->ik", X, W), c))
    mean = b.map("div", b.sum(h, (0, 1)), b.const(n))
    return grad(b.build({"L": mean}))


def layer_point(n: int, d: int, k: int, dtype: str = "float64") -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(n)
    shapes = {"X": (n, d), "W": (d, k), "c": (k,)}
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


# ------------------------------------------------------------------ equal to evaluate


@pytest.mark.parametrize("engine", SCALAR_ENGINES)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 60))
def test_scalar_engines_equal_evaluate(engine: str, seed: int, length: int) -> None:
    graph = random_scalar_graph(seed, length)
    f = compile(graph, engine=engine)
    rng = np.random.default_rng(seed)
    for _ in range(3):  # `levels` changes its way with the second call
        point = {name: float(rng.normal()) for name in graph.inputs}
        assert_same(f, graph, point, 1e-9)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 50), scalar=st.booleans())
def test_arrays_equal_evaluate(seed: int, length: int, scalar: bool) -> None:
    graph = random_graph(seed, length, scalar=scalar)
    if scalar:
        graph = grad(graph)
    rng = np.random.default_rng(seed)
    point: dict[str, Any] = {n: rng.normal(size=graph[n].shape) for n in graph.inputs}
    point["labels"] = rng.integers(0, 2, 4)
    try:
        evaluate(graph, point)
    except ValueGivenError:  # an index out of range
        point["labels"] = np.zeros(4)
    f = compile(graph, list(dict.fromkeys(graph.outputs)))
    assert_same(f, graph, point, 1e-10)
    assert_same(f, graph, point, 1e-10)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("engine", SCALAR_ENGINES)
def test_functions_at_the_edges(function: str, engine: str) -> None:
    """Overflow, 0/0 and log(0) give what NumPy gives, in Python floats too."""
    b = Builder()
    names = "abc"[: scalars.TABLE[function].arity]
    graph = b.build({"f": b.map(function, *[b.input(name) for name in names])})
    f = compile(graph, engine=engine)
    for at, value in enumerate((0.0, *EDGES * 3)):  # the first call may go another way
        point = {name: EDGES[(at * 3 + 5 * k) % 11] if k else value for k, name in enumerate(names)}
        assert_same(f, graph, point)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_on_arrays(function: str) -> None:
    b = Builder()
    names = "abc"[: scalars.TABLE[function].arity]
    graph = b.build({"f": b.map(function, *[b.input(name, (11,)) for name in names])})
    point = {name: np.roll(EDGES, 3 * k) for k, name in enumerate(names)}
    assert_same(compile(graph), graph, point)


CONTRACTIONS = """
    ij,jk->ik ij,kj->ki ij,ij->ij ij,ij->i ij,ij-> ij->ji ii-> ii->i i,j->ji ij,j->i i,ij->j
    i,i-> ,ij->ji bij,bjk->bik bij,bkj->bki abi,abj->ab ijk,kl->ijl ijk,ijl->lk ij,jk,kl->il
    i,ij,j-> ij,kl-> ijj,jk->ki ij,jk,ik-> i,j,k->kji ij,i,->j ij,j->ij bi,bij,bj->b abcd,bd->ac
    bhqd,bhkd->bhqk
""".split()


@pytest.mark.parametrize("broadcast", [None, 0, 1])
@pytest.mark.parametrize("spec", CONTRACTIONS)
def test_contractions(spec: str, broadcast: int | None) -> None:
    """Each einsum as it is, and with one operand repeated along its first or last axis."""
    sizes = {letter: 2 + at % 3 for at, letter in enumerate("abcdhijklqk")}
    sizes["k"] = 3
    b = Builder()
    args = []
    inputs = spec.split("->")[0].split(",")
    for at, letters in enumerate(inputs):
        shape = tuple(sizes[letter] for letter in letters)
        if at == 0 and broadcast is not None and letters:
            axes = range(1, len(shape)) if broadcast == 0 else range(len(shape) - 1)
            small = b.input("x0", tuple(shape[axis] for axis in axes))
            args.append(b.spread(small, shape, tuple(axes)))
        else:
            args.append(b.input(f"x{at}", shape))
    graph = b.build({"y": b.contract(spec, *args)})
    rng = np.random.default_rng(0)
    point = {name: rng.normal(size=graph[name].shape) for name in graph.inputs}
    assert_same(compile(graph, ["y"]), graph, point)


@pytest.mark.parametrize("kind", ["max", "min", "prod"])
@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_reductions_of_many_short_rows(kind: str, axes: tuple[int, ...]) -> None:
    b = Builder()
    x = b.input("x", (300, 7))
    y = b.emit(ops.Reduce(kind, axes), x)
    masked = b.map("mul", b.map("gt", x, b.const(0.5)), x)
    graph = b.build({"y": y, "masked": masked})
    point = np.random.default_rng(0).normal(size=(300, 7))
    point[3, 2] = np.nan
    for _ in range(2):
        assert_same(compile(graph), graph, {"x": point}, 1e-11)
        point = point.T.copy().T


def test_repeated_arrays_are_lowered_to_small_shapes() -> None:
    """exp(x) of a row repeated a thousand times costs one row."""
    b = Builder()
    x = b.spread(b.input("x", (4,)), (1000, 4), (1,))
    y = b.map("mul", b.map("exp", x), b.const(2, (1000, 4)))
    graph = b.build({"total": b.contract("ij->j", y)})
    program = lower(graph, graph.output_ids, {}, {"x": np.dtype(float)})
    assert max(math.prod(shape) for shape in program.shapes) == 4
    assert_same(compile(graph), graph, {"x": np.arange(4.0)})


def test_arithmetic_that_changes_nothing_is_removed() -> None:
    b = Builder()
    x, y = b.input("x"), b.input("y")
    minus = b.map("add", x, b.map("neg", y))
    one = b.map("mul", b.map("neg", minus), b.map("neg", b.const(1)))
    graph = b.build({"f": b.map("div", b.map("pow", one, b.const(2)), b.const(1))})
    f = compile(graph)
    assert f.source.splitlines()[2].strip() == "_1 = x - y"
    assert "return (_1 * _1,)" in f.source
    assert f(x=3.0, y=1.0) == (4.0,)


# ------------------------------------------------------------------ choosing


def chain(length: int, functions: tuple[str, ...] = ("sin", "cos")) -> Graph:
    b = Builder()
    at = b.input("x")
    for step in range(length):
        at = b.map(functions[step % len(functions)], at)
    return b.build({"f": at})


def test_engine_is_chosen_from_the_graph(formula: Graph, layer: Graph) -> None:
    assert compile(formula).engine == "python"
    assert compile(layer).engine == "numpy"
    large = chain(MAX_SOURCE + 1)
    expected = "levels, numba" if lazy.has_numba() else "levels"
    assert choose(large, live_nodes(large, large.output_ids)) == expected


def test_deep_chain_of_scalars_without_recursion() -> None:
    """20,000 levels of one node: a second call in levels would cost more than the loop."""
    graph = grad(chain(20_000))
    f = compile(graph)
    first, again = f(x=0.3), f(x=0.3)
    assert first == again
    assert_same(f, graph, {"x": 0.3})
    assert_same(compile(graph, engine="numpy"), graph, {"x": 0.3})


def test_large_tape_by_levels() -> None:
    """Many independent chains, so that levels are wide; both ways and NumPy agree."""
    b = Builder()
    x = b.input("x")
    ends = []
    for at in range(400):
        node = b.map("mul", x, b.const(at / 400))
        for step in range(15):
            node = b.map(
                ("sin", "exp", "neg", "maximum")[step % 4], *(node, x)[: 1 + step % 4 // 3]
            )
        ends.append(node)
    total = ends[0]
    for end in ends[1:]:
        total = b.map("add", total, end)
    graph = grad(b.build({"f": total}))
    f = compile(graph, engine="levels")
    for value in (0.3, 0.3, -1.7, math.inf):
        assert_same(f, graph, {"x": value}, 1e-9)


def test_engines_refuse_what_they_cannot_do(layer: Graph, formula: Graph) -> None:
    with pytest.raises(GraphError, match="engine 'python' is for graphs of scalars"):
        compile(layer, engine="python")
    with pytest.raises(GraphError, match="no engine named 'fortran'; there are python, levels"):
        compile(formula, engine="fortran")


def test_numba_loop_as_plain_python() -> None:
    """The loop that Numba compiles is right as Python, too; each function has its number."""
    graph = random_scalar_graph(1, 60)
    tape = Tape(graph, live_nodes(graph, graph.output_ids), graph.output_ids)
    compiled = fast.Loop(tape)
    values = compiled.values.copy()
    point = {name: 0.3 * at for at, name in enumerate(graph.inputs)}
    values[compiled.inputs] = np.array(list(point.values()))[compiled.slots]
    fast.loop(compiled.codes, *compiled.columns, values, compiled.start)
    trace = evaluate(graph, point)
    assert list(values[compiled.picks]) == pytest.approx(
        [float(trace[name]) for name in graph.outputs]
    )
    assert set(fast.CODES) == {None, *scalars.TABLE}


def test_stages_take_over_with_their_calls(formula: Graph) -> None:
    tape = Tape(formula, live_nodes(formula, formula.output_ids), formula.output_ids)
    f = function(
        tape, [(2, lambda tape: lambda given: (2.0,)), (4, lambda tape: lambda given: (4.0,))]
    )
    assert f(-2.0, 5.0, -4.0) == (-12.0, -4.0, -4.0, 3.0)
    assert [f(-2.0, 5.0, -4.0) for _ in range(4)] == [(2.0,), (2.0,), (4.0,), (4.0,)]


def test_numba_where_it_is_missing(formula: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy, "has_numba", lambda: False)
    with pytest.raises(GraphError, match=r"engine 'numba' needs numba: pip install"):
        compile(formula, engine="numba")


# ------------------------------------------------------------------ the function


def test_ways_to_call(formula: Graph) -> None:
    f = compile(formula, outputs=["f", "f.d_x", "f.d_z"])
    expected = (-12.0, -4.0, 3.0)
    assert f(x=-2.0, y=5.0, z=-4.0) == expected
    assert f(-2.0, 5.0, -4.0) == expected
    assert f(-2, y=5, z=np.float64(-4)) == expected
    assert f.run({"x": np.array(-2), "y": 5.0, "z": True - 5}) == expected
    assert f.floats is not None and f.floats(-2.0, 5.0, -4.0) == expected
    assert (f.inputs, f.outputs) == (("x", "y", "z"), ("f", "f.d_x", "f.d_z"))
    assert all(type(value) is float for value in f(-2, 5, -4))


def test_many_inputs_and_names_that_are_no_identifiers() -> None:
    b = Builder()
    names = [f"o.W{at}" for at in range(30)] + ["class", "_1", "x²"]
    total = b.const(1)
    for name in names:
        total = b.map("add", b.map("mul", total, b.const(0.5)), b.input(name))
    graph = b.build({"f": total, "W3": b.map("neg", b.map("neg", b.input("o.W3")))})
    point = {name: at / 7 for at, name in enumerate(names)}
    f = compile(graph)
    assert_same(f, graph, point)
    assert f(**point) == f(*point.values()) == f.run({**point, "o.W0": 0})
    assert all(type(value) is float for value in f(**{**point, "o.W3": 3}))
    assert not is_plain("class") and not is_plain("o.W1") and is_plain("θ")
    with pytest.raises(ValueGivenError, match="34 values were given for 33 inputs"):
        f(*range(34))
    with pytest.raises(ValueGivenError, match="input 'o.W0' was given by position and by name"):
        f(1.0, **point)


def test_names_of_inputs_do_not_meet_names_of_the_source() -> None:
    b = Builder()
    nodes = [b.input(name) for name in ("_1", "_exp", "__more", "exp", "floats", "x")]
    total = nodes[0]
    for node in nodes[1:]:
        total = b.map("add", b.map("exp", b.map("neg", total)), node)
    graph = b.build({"f": total})
    assert_same(compile(graph), graph, {name: 0.1 * at for at, name in enumerate(graph.inputs)})


@pytest.mark.parametrize("engine", SCALAR_ENGINES)
def test_errors(formula: Graph, engine: str) -> None:
    f = compile(formula, engine=engine)
    with pytest.raises(ValueGivenError, match="no value for input 'z'"):
        f(x=1.0, y=2.0)
    with pytest.raises(ValueGivenError, match="given for 'w', which is not an input"):
        f(x=1.0, y=2.0, z=3.0, w=1.0)
    with pytest.raises(ValueGivenError, match=r"input 'x' needs shape \(\), found \(2,\)"):
        f(x=[1.0, 2.0], y=2.0, z=3.0)
    with pytest.raises(ValueGivenError, match="the value of 'x' is not made of numbers"):
        f(x="one", y=2.0, z=3.0)


def test_errors_of_arrays(layer: Graph) -> None:
    f = compile(layer)
    point = layer_point(4, 3, 2)
    f(**point)
    with pytest.raises(ValueGivenError, match=r"dimension d is 3 in 'X' but 4 in 'W'"):
        f.run({**point, "W": np.ones((4, 2))})
    with pytest.raises(ValueGivenError, match="no value for input 'c'"):
        f(X=point["X"], W=point["W"])
    with pytest.raises(ValueGivenError, match="given for 'V'"):
        f(V=1.0, **point)
    with pytest.raises(UnknownNameError, match="no node named 'L.d_V'"):
        compile(layer, ["L.d_V"])


def test_index_out_of_range() -> None:
    b = Builder()
    x, i = b.input("x", (3,)), b.input("i", (2,), "Label")
    f = compile(b.build({"y": b.emit(ops.Gather(1), x, i)}))
    assert list(f(x=[1.0, 2.0, 3.0], i=[2, 0])[0]) == [3.0, 1.0]
    with pytest.raises(ValueGivenError, match="index 3 is out of range for an axis of size 3"):
        f(x=[1.0, 2.0, 3.0], i=[3, 0])
    assert list(f(x=[1.0, 2.0, 3.0], i=[1, 1])[0]) == [2.0, 2.0]


# ------------------------------------------------------------------ arrays: sizes, types, memory


def test_named_dimensions_of_two_sizes_in_succession(layer: Graph) -> None:
    f = compile(layer)
    for sizes in ((4, 3, 2), (7, 1, 5), (4, 3, 2), (1, 1, 1), (0, 2, 3)):
        assert_same(f, layer, layer_point(*sizes))


def test_float32_stays_float32(layer: Graph) -> None:
    f = compile(layer)
    point = layer_point(4, 3, 2, "float32")
    assert {value.dtype for value in f(**point)} == {np.dtype(np.float32)}
    assert_same(f, layer, point, 1e-5)
    mixed = {**point, "c": [0.5, 1]}  # plain numbers take the type of the arrays
    assert {value.dtype for value in f(**mixed)} == {np.dtype(np.float32)}
    double = {**point, "c": point["c"].astype(float)}
    assert f(**double)[0].dtype == np.float64
    assert_same(f, layer, double, 1e-5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_constants_never_widen_float32(seed: int) -> None:
    graph = random_graph(seed, 25, scalar=False)
    point: dict[str, Any] = {n: np.ones(graph[n].shape, np.float32) for n in graph.inputs}
    point["labels"] = np.zeros(4, int)
    reals = [at for at in range(len(graph)) if graph.names[at] != "labels"]
    f = compile(graph, [graph.names[at] for at in reals])
    assert {np.asarray(value).dtype for value in f.run(point)} == {np.dtype(np.float32)}


def test_float32_scalars(formula: Graph) -> None:
    values = compile(formula)(x=np.float32(-2), y=np.float32(5), z=np.float32(-4))
    assert [float(value) for value in values] == [-12.0, -4.0, -4.0, 3.0]
    assert {value.dtype for value in values} == {np.dtype(np.float32)}


@pytest.mark.parametrize("z", [3 + 4j, np.complex64(1), np.array(2j)])
def test_complex_numbers_are_refused(formula: Graph, z: Any) -> None:
    for call in (compile(formula).run, lambda point: evaluate(formula, point)):
        with pytest.raises(ValueGivenError, match="the value of 'z' is complex: .* real numbers"):
            call({"x": -2.0, "y": 5.0, "z": z})


def test_results_belong_to_the_caller(layer: Graph) -> None:
    """Large outputs are recycled, but never while somebody holds them or a view of them."""
    f = compile(layer)
    points = [layer_point(9, 100 + at % 2 * 0, 90) for at in range(6)]
    for at, point in enumerate(points):
        point["c"] = point["c"] + at
    kept = [f(**point) for point in points]
    views = [f(**point)[1].T[3:] for point in points]
    for point, results, view in zip(points, kept, views):
        trace = evaluate(layer, point)
        for name, value in zip(f.outputs, results):
            np.testing.assert_allclose(value, trace[name], 1e-10, 1e-12)
            assert value.flags.writeable
            assert not any(np.shares_memory(value, given) for given in point.values())
        np.testing.assert_allclose(view, trace[f.outputs[1]].T[3:], 1e-10, 1e-12)
    everything = [value for results in kept for value in results]
    assert len({value.__array_interface__["data"][0] for value in everything}) == len(everything)


def test_outputs_that_are_inputs_or_one_another_are_copies() -> None:
    b = Builder()
    x = b.input("x", (3,))
    y = b.map("exp", x)
    graph = b.build([x, y, b.contract("i->", y), b.const(2, (3,))])
    f = compile(graph, [graph.names[at] for at in (x, y, y, *graph.output_ids[2:])])
    point = np.arange(3.0)
    first, second = f(x=point), f(x=point)
    for value in first:
        value[...] = -1
    np.testing.assert_allclose(second[1], np.exp(np.arange(3.0)))
    np.testing.assert_allclose(second[2], second[1])
    assert list(point) == [0, 1, 2] and list(f(x=point)[4]) == [2, 2, 2]


@pytest.mark.parametrize("sizes", [(800, 64, 128), (64, 800, 128), (80, 640, 16), (64, 64, 64)])
def test_products_in_blocks_are_products(
    sizes: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    rows, inner, columns = sizes
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(inner, rows)).T, rng.normal(size=(inner, columns))
    way = faster_product(*sizes, np.dtype(float))
    assert (way is np.matmul) == (rows * inner * columns < 1_000_000)
    blocked = way.ways[1] if isinstance(way, Product) else way
    for compute in (blocked, *[way] * 20):
        out = np.full((rows, columns), np.nan)
        compute(a, b, out)
        np.testing.assert_allclose(out, a @ b, 1e-11, 1e-11)


def test_only_unheld_outputs_are_recycled() -> None:
    outputs = Outputs((2,), np.dtype(float))
    first = outputs.take()
    place = id(first)
    assert outputs.take() is not first
    view = first[:1]
    del first
    assert id(outputs.take()) != place
    del view
    assert place in {id(outputs.take()), id(outputs.take())}
    outputs.take().flags.writeable = False
    assert outputs.take().flags.writeable


def test_calls_from_several_threads(layer: Graph) -> None:
    f = compile(layer)
    points = [layer_point(8, 30, 40) for _ in range(4)]
    for at, point in enumerate(points):
        point["X"] = point["X"] * at
    expected = [evaluate(layer, point)["L.d_W"] for point in points]
    wrong: list[int] = []

    def work(at: int) -> None:
        for _ in range(50):
            value = f(**points[at])[f.outputs.index("L.d_W")]
            if not np.allclose(value, expected[at], 1e-10):
                wrong.append(at)

    threads = [threading.Thread(target=work, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_non_contiguous_and_read_only_inputs(layer: Graph) -> None:
    point = layer_point(4, 6, 3)
    point["X"] = np.asfortranarray(point["X"])
    point["W"] = np.repeat(point["W"], 2, axis=1)[:, ::2]
    point["c"] = np.broadcast_to(1.5, 3)
    assert_same(compile(layer), layer, point)


def test_source_is_there_to_be_read(layer: Graph) -> None:
    f = compile(layer)
    assert f.source == ""  # it depends on shapes and types
    f(**layer_point(4, 3, 2))
    assert "matmul(" in f.source and "# in0: 'X'" in f.source


ENDS = (-math.inf, -1e308, -2.5, -1.0, -1e-320, -0.0, 0.0, 1e-320, 1e-160, 1.0, 40.0, 710.0,
         1e308, math.inf, math.nan)  # fmt: skip


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize(
    "text",
    ["x**0.5", "x**1.5", "x**-1", "x**-0.5", "x**3", "x**2.5", "2**x", "x**x", "sqrt(x)", "log(x)",
     "exp(x)", "elu(x)", "softsign(x)", "gelu(x)", "logaddexp(x, 1)", "x**2*x**0.5"],
)  # fmt: skip
def test_powers_and_library_functions_at_the_edges(text: str, kind: type) -> None:
    """Alone and in an array: an exponent that is one number and one that is repeated."""
    edges = np.array(ENDS).clip(np.finfo(kind).min, np.finfo(kind).max)
    edges = np.where(np.isinf(ENDS) | np.isnan(ENDS), ENDS, edges).astype(kind)
    one = grad(gd.parse(f"x: Real; f = {text}"), "f", "x")
    many = grad(gd.parse(f"x: Real[n]; f = sum({text})"), "f", "x")
    with np.errstate(all="ignore"):
        whole = evaluate(many, {"x": edges})["f.d_x"]
        compare(gd.compile(many, outputs=["f.d_x"])(x=edges)[0], whole)
        for at, x in enumerate(edges):
            alone = evaluate(one, {"x": x})
            for engine in ("python", "numpy"):
                f, slope = gd.compile(one, outputs=["f", "f.d_x"], engine=engine)(x=x)
                compare(f, alone["f"])
                compare(slope, alone["f.d_x"])
            compare(whole[at], alone["f.d_x"])


def compare(found: Any, expected: Any) -> None:
    digits = 1e-13 if np.asarray(expected).dtype == np.float64 else 3e-6
    np.testing.assert_allclose(np.ravel(found), np.ravel(expected), rtol=digits, atol=0)


def test_scalars_beside_an_array_that_nothing_needs() -> None:
    graph = grad(gd.parse("f = x^2 + sum(v)", shapes={"v": (3,)}), "f", ["x", "v"])
    f = gd.compile(graph, outputs=["f.d_x"])
    assert [float(each) for each in f(x=3.0, v=np.ones(3))] == [6.0]
    assert [float(each) for each in f.run({"x": 2, "v": [1, 2, 3]})] == [4.0]
    with pytest.raises(GraphError, match="engine 'python' is for graphs of scalars"):
        gd.compile(graph, outputs=["f.d_x"], engine="python")
