"""S2: the symbolic gradient of the logistic map x -> 4 x (1 - x), applied again and again.

Its derivative swells exponentially in `sympy.diff`, which forgets what is shared. What is timed
is differentiation only: the expression is built before, the derivative is evaluated after.
Evaluated at x = 1/4, which maps to the fixed point 3/4: there the derivative is exactly
2 (-2)^(depth - 1), in floating point too.

Goal: 10,000 times as fast as sympy.diff at depth 14, at most 3 times as long as CasADi,
linear in the depth. Floor: 1,000 times sympy.diff at depth 14, depth 1,000 under a second.
"""

from functools import partial

from harness import Bout, Contestant, at_most, main, times_faster, within

POINT = 0.25


def iterate(x, depth):
    """The logistic map applied depth times to x."""
    for _ in range(depth):
        x = 4 * x * (1 - x)
    return x


def program(depth):
    """The same as text: one line per application, the last one names f."""
    names = ["x", *(f"l{i}" for i in range(1, depth)), "f"]
    return "\n".join(f"{b} = 4*{a}*(1 - {a})" for a, b in zip(names, names[1:]))


def relative(derivative, depth):
    """The derivative divided by the known one, as an answer: 1 at every depth."""
    return [derivative / (2.0 * (-2.0) ** (depth - 1))]


def graphdbg(depth):
    """The gradient as a graph."""
    import graphdbg as gd

    graph = gd.parse(program(depth))
    gd.grad(gd.parse(program(2)), of="f", wrt=["x"])  # loads what is loaded on first use

    def run():
        gradient = gd.grad(graph, of="f", wrt=["x"])
        return lambda: relative(gd.evaluate(gradient, {"x": POINT})["f.d_x"], depth)

    return run


def sympy_diff(depth):
    """sympy.diff of the nested expression."""
    import sympy

    x = sympy.Symbol("x")
    f = iterate(x, depth)
    sympy.diff(iterate(x, 2), x)

    def run():
        derivative = sympy.diff(f, x)
        return lambda: relative(sympy.lambdify([x], derivative, "math", cse=True)(POINT), depth)

    return run


def symengine(depth):
    """symengine, SymPy's core in C++."""
    import symengine as se

    x = se.Symbol("x")
    f = iterate(x, depth)

    def run():
        derivative = se.diff(f, x)
        return lambda: relative(se.Lambdify([x], [derivative], cse=True)(POINT), depth)

    return run


def casadi(depth):
    """CasADi's gradient of the scalar graph."""
    import casadi as ca

    x = ca.SX.sym("x")
    f = iterate(x, depth)

    def run():
        derivative = ca.gradient(f, x)
        return lambda: relative(float(ca.Function("d", [x], [derivative])(POINT)), depth)

    return run


def entrant(name, prepare, depth, needs):
    """A contestant at a depth."""
    return Contestant(name, partial(prepare, depth), (needs,))


def bout(depth, *marks):
    """The comparison with the fast peers at one depth."""
    contestants = (
        entrant("graphdbg", graphdbg, depth, "graphdbg"),
        entrant("casadi", casadi, depth, "casadi"),
        entrant("symengine", symengine, depth, "symengine"),
    )
    title = f"S2 gradient of the logistic map, depth {depth}"
    return Bout(title, contestants, marks, ("d_x",), expected=(1.0,))


SWELLING = Bout(
    "S2 gradient of the logistic map, depth 14, against sympy",
    (
        entrant("graphdbg", graphdbg, 14, "graphdbg"),
        entrant("sympy.diff", sympy_diff, 14, "sympy"),
    ),
    marks=(
        times_faster("goal", 10_000, "sympy.diff"),
        times_faster("floor", 1_000, "sympy.diff"),
    ),
    answers=("d_x",),
    expected=(1.0,),
    cold=True,
)
LINEAR = Bout(
    "S2 gradient of the logistic map, depth 1000 against depth 100",
    (
        entrant("graphdbg", graphdbg, 1000, "graphdbg"),
        entrant("graphdbg, depth 100", graphdbg, 100, "graphdbg"),
        entrant("casadi", casadi, 1000, "casadi"),
    ),
    # ten times the depth in ten times the time, and a fifth for caches that no longer fit
    marks=(at_most("goal", 12, "graphdbg, depth 100"), within("floor", 1.0)),
    answers=("d_x",),
    expected=(1.0,),
)

if __name__ == "__main__":
    goal = at_most("goal", 3, "casadi")
    main((bout(14, goal), bout(30, goal), LINEAR, SWELLING))
