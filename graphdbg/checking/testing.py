"""For test suites: an assertion that a backward pass written by hand is right.

`graphdbg.testing` is this module. It works with any test runner, and needs no plugin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from numpy.typing import ArrayLike

from ..errors import ValueGivenError
from ..tape.programs import Program
from .checker import check
from .given_gradients import Gradients


def assert_gradients(
    program: Program,
    point: Mapping[str, ArrayLike] | None,
    gradients: Gradients,
    *,
    of: str | None = None,
    wrt: Iterable[str] | str | None = None,
    rtol: float | None = None,
    seed: int = 0,
) -> None:
    """None where all `gradients` are right at `point`; else AssertionError, which names the wrong.

    `program` is a graph, the text of a program or its file; `gradients` are arrays, or functions of
    the inputs, by the names of the inputs and inner nodes whose gradients they are (W, or dW), or
    one function that returns all of them. Inputs that `point` leaves out get random values
    (`seed`), which needs gradients that are functions. `of` is the scalar that was differentiated
    (default: the only one), `wrt` by what, `rtol` how far entries may be off, relatively (default:
    1e-6, in single precision 1e-4).

    Raises ValueGivenError where no gradient is given, and whatever `check` raises.

    >>> assert_gradients("f = x^2 y", {"x": 3.0, "y": 2.0}, {"x": 12.0, "y": 9.0})
    >>> assert_gradients("f = x^2 y", None, lambda x, y: {"dx": 2 * x * y, "dy": x * x})
    """
    report = check(program, point, of=of, wrt=wrt, seed=seed, rtol=rtol, gradients=gradients)
    if not report.given:
        raise ValueGivenError("no gradient was given: there is nothing to assert")
    if not report.ok:
        raise AssertionError(str(report))
