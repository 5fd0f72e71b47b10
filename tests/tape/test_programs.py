"""Where a graph is meant, the text of a program or its file will do; what is neither is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphdbg as gd
from graphdbg.errors import SourceError

TEXT = "f = (x + y) z"
POINT = {"x": -2.0, "y": 5.0, "z": -4.0}
CALLS: dict[str, Callable[[Any], Any]] = {
    "grad": lambda p: gd.evaluate(gd.grad(p), POINT)["f.d_z"],
    "jacobian": lambda p: gd.jacobian(p, of="f", wrt="x").text(),
    "hessian": lambda p: gd.hessian(p, wrt=["x", "z"]).text(),
    "local": lambda p: {name: f.text() for name, f in gd.local(p, "f").items()},
    "upstream": lambda p: gd.upstream(p, "x", of="f").text(),
    "prove": lambda p: gd.prove(p, "df/dx = z").verdict,
    "evaluate": lambda p: gd.evaluate(p, POINT)["f"],
    "compile": lambda p: gd.compile(p, outputs=["f"])(**POINT),
    "check": lambda p: gd.check(p, POINT).ok,
    "Session": lambda p: gd.Session(p, POINT).step().reason,
    "to_dot": gd.to_dot,
    "to_text": gd.to_text,
    "derive": lambda p: str(gd.derive(p)),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_text_and_a_file_mean_the_graph(name: str, tmp_path: Path) -> None:
    call = CALLS[name]
    expected = str(call(gd.parse(TEXT)))
    file = tmp_path / "f.gd"
    file.write_text(TEXT)
    assert str(call(TEXT)) == expected
    assert str(call(file)) == expected
    assert str(call(str(file))) == expected


def test_values_give_a_text_its_shapes() -> None:
    v = np.array([3.0, 4.0])
    assert float(gd.evaluate("f = sum(v^2)", {"v": v})["f"]) == 25.0
    assert gd.check("f = sum(v^2)", {"v": v}).ok
    assert gd.Session("f = sum(v^2)", {"v": v}).graph["v"].shape == (2,)


def test_every_line_break_or_sign_makes_a_program() -> None:
    assert gd.grad("x: Real; x^2").inputs == ("x",)
    assert gd.grad("\nx*x").inputs == ("x",)


@pytest.mark.parametrize("text", ["x^2", "nowhere.gd", "", "a" * 5000, "nul\0.gd"])
def test_a_text_that_is_neither_is_named(text: str) -> None:
    with pytest.raises(SourceError, match="neither a program .* nor a file that exists"):
        gd.grad(text)


def test_a_folder_is_no_program(tmp_path: Path) -> None:
    with pytest.raises(gd.GraphError, match=r"[Dd]irectory|folder"):
        gd.grad(tmp_path)


def test_what_is_no_text_is_named() -> None:
    with pytest.raises(TypeError, match="found int, expected a graph, the text of a program"):
        gd.grad(3)  # type: ignore[arg-type]
