"""Gradients that a user gave: names, verdicts, rounding, and the assertion for test suites."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphdbg as gd
from graphdbg import testing
from graphdbg.commandline.cli import main
from graphdbg.errors import ValueGivenError

TEXT = "h = tanh(w*x); L = (h - t)^2"
AT = {"w": 0.5, "x": 2.0, "t": 1.0}
H = np.tanh(1.0)
RIGHT = {"h": 2 * (H - 1), "w": 4 * (H - 1) * (1 - H * H), "x": (H - 1) * (1 - H * H)}
CENTRED = "x: Real[6,3]; b: Real[3]; z = x + b; c = z - mean(z, axis=0); L = sum(c*c*c)"


# ------------------------------------------------------------------ verdicts


def test_every_given_gradient_has_its_verdict() -> None:
    report = gd.check(TEXT, AT, gradients=RIGHT)
    assert report.ok
    assert [(each.name, each.verdict) for each in report.given] == [
        ("h", "right"), ("w", "right"), ("x", "right"),
    ]  # fmt: skip
    assert str(report).count(": right, relative error") == 3


@pytest.mark.parametrize("wrong", [("w",), ("x",), ("h", "x"), ("h", "w", "x")])
def test_all_wrong_ones_are_named(wrong: tuple[str, ...]) -> None:
    given = {name: value * (2 if name in wrong else 1) for name, value in RIGHT.items()}
    report = gd.check(TEXT, AT, gradients=given)
    assert not report.ok
    assert not report.fails  # the graph's own gradients are right
    assert tuple(each.name for each in report.given if each.verdict == "wrong") == wrong
    assert str(report).count("2 times the right one") == len(wrong)
    assert f"departs first: '{wrong[0]}'" in str(report)
    assert [each["verdict"] for each in report.to_dict()["given"]].count("wrong") == len(wrong)


@pytest.mark.parametrize("word", ["w", "dw", "d_w", "dL_dw", "dL/dw", "L.d_w"])
def test_a_gradient_goes_by_several_names(word: str) -> None:
    report = gd.check(TEXT, AT, gradients={word: RIGHT["w"]})
    assert [(each.name, each.ok) for each in report.given] == [("w", True)]


def test_a_node_of_that_name_comes_first() -> None:
    """`dw` is a node here, and so is `w`."""
    report = gd.check("dw = 3*w; L = dw^2", {"w": 2.0}, gradients={"dw": 12.0, "w": 36.0})
    assert [(each.name, each.ok) for each in report.given] == [("dw", True), ("w", True)]
    with pytest.raises(ValueGivenError, match="'dw' and 'L.d_dw' are both the gradient of 'dw'"):
        gd.check("dw = 3*w; L = dw^2", {"w": 2.0}, gradients={"dw": 12.0, "L.d_dw": 12.0})


# ------------------------------------------------------------------ rounding


def centred(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(size=(6, 3)), "b": rng.normal(size=3)}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("given", "right"), [(0, True), (1e-17, True), (-3e-16, True), (1e-9, False), (0.1, False)]
)
def test_zero_up_to_rounding_is_right(seed: int, given: float, right: bool) -> None:
    report = gd.check(CENTRED, centred(seed), of="L", gradients={"b": np.full(3, given)})
    assert report.given[0].ok is right
    assert ("0 up to rounding" in str(report)) is right


def test_a_zero_in_single_precision() -> None:
    for given, right in ((1e-8, True), (1e-3, False)):
        array = np.full(3, given, np.float32)
        assert gd.check(CENTRED, centred(0), of="L", gradients={"b": array}).ok is right


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_rounding_hides_no_wrong_gradient_of_another_size(scale: float) -> None:
    """The bound grows and shrinks with the loss; a part in a thousand is seen at each size."""
    text = f"x: Real[4]; L = {scale}*sum((x - mean(x))^2 + x)"
    x = np.array([1.0, 2.0, 4.0, 9.0])
    right = scale * (2 * (x - x.mean()) + 1)
    assert gd.check(text, {"x": x}, gradients={"x": right}).ok
    for at in range(4):
        wrong = right + 1e-3 * scale * np.eye(4)[at]
        assert not gd.check(text, {"x": x}, gradients={"x": wrong}).ok


def test_a_gradient_that_is_exactly_zero() -> None:
    text = "L = relu(x) + y"
    assert gd.check(text, {"x": -1.0, "y": 1.0}, gradients={"x": 0.0}).ok
    assert not gd.check(text, {"x": -1.0, "y": 1.0}, gradients={"x": 1e-12}).ok


# ------------------------------------------------------------------ points and functions


def test_numbers_need_a_whole_point() -> None:
    with pytest.raises(ValueGivenError, match="as numbers.*'x', 't' have no value.*a function"):
        gd.check(TEXT, {"w": 0.5}, gradients={"w": 1.0})
    with pytest.raises(ValueGivenError, match="'t' has no value"):
        gd.check(TEXT, {"w": 0.5, "x": 2.0}, gradients={"w": lambda w: w, "x": 1.0})


def cross_entropy(x: Any, y: Any) -> dict[str, np.ndarray]:
    p = np.exp(x - x.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    return {"x": p / len(y)}


def test_labels_are_indices() -> None:
    text = "x: Real[4,3]; y: Label[4]; L = softmax_cross_entropy(x, y)"
    assert gd.check(text, gradients=cross_entropy).ok
    assert gd.check(text, {"y": [0.0, 2.0, 1.0, 1.0]}, gradients=cross_entropy).ok
    assert not gd.check(text, gradients=lambda x, y: {"x": 2 * cross_entropy(x, y)["x"]}).ok


def test_a_function_gets_what_it_takes() -> None:
    assert gd.check("f = x*y + z", gradients=lambda x, y: {"x": y, "y": x}).ok
    assert gd.check("f = x*y", gradients={"x": lambda y: y, "y": lambda **point: point["x"]}).ok
    with pytest.raises(ValueGivenError, match=r"takes 'q', which is not an input.*inputs: x, y"):
        gd.check("f = x*y", gradients=lambda q: {"x": q})


# ------------------------------------------------------------------ graphdbg check --given


def test_given_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    X, w, y = rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=5)
    monkeypatch.chdir(tmp_path)
    for name, array in {"X": X, "w": w, "y": y, "dw": 2 * X.T @ (X @ w - y)}.items():
        np.save(name, array)
    values = ["check", "L = sum((X@w - y)^2)", "X=@X.npy", "w=@w.npy", "y=@y.npy"]
    assert main([*values, "--given", "dw=@dw.npy"]) == 0
    assert "of 1 given, all are right" in " ".join(capsys.readouterr().out.split())
    assert main([*values, "--given", "dw=@dw.npy", "--given", "y=[0,0,0,0,0]"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "of 2 given, 1 WRONG" in said
    assert "given as 0 everywhere" in said
    assert main([*values[:-1], "--given", "dw=@dw.npy"]) == 2
    assert "'y' has no value" in capsys.readouterr().err
    assert main([*values, "--given", "dv=@dw.npy"]) == 2
    assert "no node named 'dv'" in capsys.readouterr().err
    assert main([*values, "--wrt", "X", "--given", "dw=@dw.npy"]) == 2
    assert "add it to wrt" in capsys.readouterr().err


# ------------------------------------------------------------------ gd.testing


def test_the_assertion(tmp_path: Path) -> None:
    path = tmp_path / "loss.gd"
    path.write_text(TEXT, "utf-8")
    for program in (TEXT, path, gd.parse(TEXT), gd.grad(gd.parse(TEXT), "L", ["w", "x"])):
        testing.assert_gradients(program, AT, RIGHT)
        with pytest.raises(AssertionError, match=r"'x' .*: wrong at \(\), given 1, analytic -0.1"):
            testing.assert_gradients(program, AT, {**RIGHT, "x": 1.0})
    assert gd.testing is testing


def test_an_assertion_of_nothing_is_refused() -> None:
    with pytest.raises(ValueGivenError, match="no gradient was given"):
        testing.assert_gradients(TEXT, AT, {})


def test_the_tolerance_of_the_assertion() -> None:
    testing.assert_gradients("f = x^2", {"x": 1.0}, {"x": 2.001}, rtol=1e-2)
    with pytest.raises(AssertionError, match=r"ratio|times the right one"):
        testing.assert_gradients("f = x^2", {"x": 1.0}, {"x": 2.001})


@pytest.mark.parametrize("off", ["", "2 * "])
def test_the_page_has_an_example_for_pytest(tmp_path: Path, off: str) -> None:
    page = (Path(__file__).parents[2] / "docs/checking.md").read_text("utf-8")
    found = re.search(r"```python\n(# test_backward\.py\n.*?)```", page, re.DOTALL)
    assert found is not None
    (tmp_path / "test_backward.py").write_text(found[1].replace("p / len", f"{off}p / len"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_backward.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == (1 if off else 0), done.stdout
    assert ("2 times the right one in every entry" in done.stdout) is bool(off)
