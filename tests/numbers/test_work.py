"""What an evaluation costs is known from shapes alone, and refused before any of it is begun."""

from __future__ import annotations

import numpy as np
import pytest

import graphdbg as gd
from graphdbg.errors import GraphError, LimitError
from graphdbg.numbers.sampling import sample
from graphdbg.numbers.work import contraction, work_of
from graphdbg.tape.limits import default_limit, read_size, size_text

HUGE = [
    ("A: Real[30, 30]; f = sum(kron(kron(A, A), A))", "kron_2.blocks"),
    ("A: Real[200, 200]; f = sum(tanh(einsum('ij,kl->ijkl', A, A)))", "(200, 200, 200, 200)"),
    ("f = sum(x * one_hot(3, 10**10))", "(10000000000,)"),
    ("f = sum(x * eye(10**6))", "(1000000, 1000000)"),
    ("f = sum(x * arange(10**12))", "(1000000000000,)"),
    ("f = sum(x + zeros(10**6, 10**6))", "(1000000, 1000000)"),
    ("x: Real[10**5]; f = sum(diag(x))", "(100000, 100000)"),
    ("x: Real[10**5]; f = sum(tanh(x[:, None] + x[None, :]))", "(100000, 100000)"),
    ("x: Real[10**12]; f = sum(x)", "'x'"),
    ("x: Probability[10**12]; f = sum(x)", "'x'"),
    ("y: Label[10**12]; f = x*sum(y)", "'y'"),
    ("x: Real[1000]; f = sum(broadcast_to(x, (10**9, 1000)))", "(1000000000, 1000)"),
    ("A: Real[5000, 5000]; f = sum(A @ A @ A)", "(5000, 5000)"),
    ("A: Real[4000, 4000]; f = sum(inv(A))", "(4000, 4000)"),
]


@pytest.mark.parametrize(("text", "named"), HUGE)
def test_huge_work_is_refused_before_anything_is_drawn(text: str, named: str) -> None:
    graph = gd.parse(text, limit="4GB")
    with pytest.raises(LimitError, match=r"would take .* the limit is 4.*--limit SIZE") as caught:
        sample(graph)
    assert named in str(caught.value)
    assert caught.value.node is not None


@pytest.mark.parametrize("text", [text for text, _ in HUGE if text.startswith("f = ")])
def test_each_way_to_numbers_asks(text: str) -> None:
    graph = gd.parse(text, limit="4GB")
    for use in (
        lambda: gd.evaluate(graph, {"x": 1.0}),
        lambda: gd.check(graph, {"x": 1.0}),
        lambda: gd.compile(gd.grad(graph), ["f", "f.d_x"])(x=1.0),
        lambda: gd.Session(graph, {"x": 1.0}),
        lambda: gd.jacobian(graph, of="f", wrt="x"),
        lambda: gd.prove(graph, "df/dx = 1"),
    ):
        with pytest.raises(LimitError, match="the limit is 4"):
            use()


def test_a_limit_is_the_graph_s_the_call_s_or_the_default() -> None:
    text, point = "x: Real[1000]; f = sum(x*x)", {"x": np.ones(1000)}
    assert gd.evaluate(gd.parse(text), point)["f"] == 1000
    small = gd.parse(text, limit="10 kB")
    for graph in (small, gd.grad(small)):
        with pytest.raises(LimitError, match=r"would take .* kB.*the limit is 10 kB"):
            gd.evaluate(graph, point)
    assert gd.evaluate(small, point, limit="1MB")["f"] == 1000
    for use in (gd.evaluate, gd.check):
        with pytest.raises(LimitError, match="the limit is 10 kB"):
            use(gd.parse(text), point, limit=10_000)
    with pytest.raises(LimitError, match="the limit is 10 kB"):
        gd.compile(gd.parse(text), limit="10kB")(**point)


def test_sizes_of_dimensions_count() -> None:
    graph = gd.parse("x: Real[n, n]; f = sum(exp(x))", limit="1MB")
    assert gd.evaluate(graph, {"x": np.zeros((10, 10))})["f"] == 100
    with pytest.raises(LimitError, match=r"'.*' of shape \(n, n\): 2 MB; the limit is 1 MB"):
        gd.evaluate(graph, {"x": np.zeros((500, 500))})


@pytest.mark.parametrize(
    "text",
    [
        "A: Real[7, 7]; f = sum(kron(A, A))",
        "A: Real[20, 30]; f = tanh(einsum('ij,kl->ijkl', A, A))",
        "A: Real[20, 30]; f = A.T.reshape(600)",
        "x: Real[40]; f = concatenate([x, x[::-1]]).reshape(8, 10)",
        "x: Real[9]; f = cumsum(x)",
        "y: Label[5]; E: Real[10, 4]; f = E[y]",
    ],
)
def test_bytes_are_those_of_the_arrays(text: str) -> None:
    """What is counted is what the arrays hold, views that share an operand's memory left out."""
    graph = gd.parse(text)
    trace = gd.evaluate(graph, sample(graph))
    owned: dict[int, int] = {}
    for array in trace.arrays:
        whole = array
        while isinstance(whole.base, np.ndarray):
            whole = whole.base
        owned[id(whole)] = whole.nbytes
    assert work_of(graph, {}).kept == pytest.approx(sum(owned.values()), abs=64)


def test_products_of_einsums() -> None:
    assert contraction(("ij", "jk"), "ik", ((20, 30), (30, 40))) == (0, 24_000)
    chain = contraction(("i", "ij", "jk"), "k", ((100,), (100, 100), (100, 100)))
    assert chain == (100, 20_000)  # from the left
    assert contraction(("abc", "def"), "", ((30,) * 3, (30,) * 3))[1] < 60_000


@pytest.mark.parametrize(
    ("spec", "shapes"),
    [
        ("abc,def->", [(20, 20, 20), (20, 20, 20)]),
        ("abc,adc->abd", [(20, 30, 40), (20, 35, 40)]),
        ("ab,bc,cd->d", [(40, 50), (50, 60), (60, 70)]),
        ("aab,bc->a", [(60, 60, 30), (30, 50)]),
    ],
)
def test_a_long_einsum_is_the_plain_one(spec: str, shapes: list[tuple[int, ...]]) -> None:
    rng = np.random.default_rng(0)
    names = "xyz"[: len(shapes)]
    point = {name: rng.normal(size=shape) for name, shape in zip(names, shapes)}
    graph = gd.parse(
        f"f = einsum('{spec}', {', '.join(names)})",
        shapes=dict(zip(names, shapes)),
    )
    expected = np.einsum(spec, *point.values())
    np.testing.assert_allclose(gd.evaluate(graph, point)["f"], expected, rtol=1e-10, atol=1e-8)


def test_a_one_hot_row_needs_no_identity_matrix() -> None:
    graph = gd.parse("y: Label[3]; f = sum(x * one_hot(y, 10**6))", limit="500MB")
    assert gd.evaluate(graph, {"x": 2.0, "y": [5, 0, 999_999]})["f"] == 6
    with pytest.raises(GraphError, match="index 4 is out of range for an axis of size 4"):
        gd.evaluate(gd.parse("y: Label[2]; f = sum(one_hot(y, 4))"), {"y": [1, 4]})


def test_sizes_as_text() -> None:
    assert read_size("2 gb") == 2 * 10**9
    assert size_text(read_size("0.5TB") or 0) == "500 GB"
    assert 0 < default_limit() <= 4 * 10**9
    for bad in ("", "much", "-1", "2 apples", "0", "1e9", True):
        with pytest.raises(GraphError, match="found the limit"):
            read_size(bad)
