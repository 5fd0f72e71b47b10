"""The house rules that can be read off the source: imports, what is never called, sizes."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import graphdbg

PACKAGE = Path(graphdbg.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py"))
NAMES = [".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in FILES]
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in zip(NAMES, FILES)}

# The rooms, in order: one may import what stands above it. `lazy` is the one place of late imports.
ORDER = {
    "lazy": "late imports: heavy packages, and the modules that need them",
    "source": "a program's text, places in it, excerpts",
    "errors": "what is wrong: found, expected, where, what to do",
    "library": "functions written in the language itself, and their index",
    "tape": "sizes, primitives, elementwise functions, shapes, the graph, its builder, its files",
    "calculus": "gradients, Jacobians, batches: each a graph again",
    "numbers": "values of all nodes at a point, random points, values written as text",
    "language": "from text to tape",
    "symbolic": "exact index algebra: normal forms, equality",
    "typesetting": "trees, and notations: Unicode, LaTeX, MathML, NumPy",
    "compiling": "plain functions for repeated use",
    "checking": "differences, local rules, verdicts",
    "formulas": "formulas with their stamps, claims and their proofs",
    "rendering": "text: tables, circuits of characters, cards",
    "stepping": "the session: walk, breakpoints, frames, paths, commands",
    "derivations": "a backward pass as one hands it in",
    "drawing": "circuits by Graphviz",
    "pages": "the page that steps",
    "publishing": "files, and what notebooks show",
    "training": "update rules, runs, sweeps, diagnostics",
    "commandline": "arguments, exit codes, the prompt",
}
PLACES = list(ORDER)

FOREIGN = {"textual", "torch", "jax", "tensorflow", "graphdbg_tui"}
LONGEST_FUNCTION = 60
LONGEST_FILE = 450
# Code that is built from the graph alone may be compiled, and only there.
MAY_EXECUTE = {"compiling.compiler"}


def layer(module: str) -> str:
    return module.split(".")[0]


def imports(module: str) -> set[str]:
    """The absolute names a module imports, `graphdbg.graph.Node` for `from .graph import Node`."""
    found: set[str] = set()
    package = ["graphdbg", *module.removesuffix(".__init__").split(".")]
    if not module.endswith("__init__"):
        package.pop()
    for tree in executed(TREES[module]):
        if isinstance(tree, ast.Import):
            found |= {alias.name for alias in tree.names}
        elif isinstance(tree, ast.ImportFrom):
            base = package[: len(package) - tree.level + 1] if tree.level else []
            prefix = ".".join([*base, *([tree.module] if tree.module else [])])
            found |= {f"{prefix}.{alias.name}" for alias in tree.names}
    return found


def executed(tree: ast.Module) -> Iterator[ast.AST]:
    """Everything in a module but the imports that are for type checkers only."""
    todo: list[ast.AST] = [tree]
    while todo:
        each = todo.pop()
        if not (isinstance(each, ast.If) and "TYPE_CHECKING" in ast.unparse(each.test)):
            yield each
            todo.extend(ast.iter_child_nodes(each))


def ours(name: str) -> str | None:
    """The layer of ours that an imported name belongs to."""
    parts = name.split(".")
    if parts[0] != "graphdbg":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in {layer(each) for each in NAMES} else None


def functions(module: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [tree for tree in ast.walk(TREES[module]) if isinstance(tree, kinds)]


def test_every_module_has_its_place() -> None:
    assert {layer(name) for name in NAMES} - {"__init__", "__main__"} <= set(ORDER)


@pytest.mark.parametrize("module", NAMES)
def test_imports_point_upwards(module: str) -> None:
    if layer(module) in ("__init__", "__main__"):
        return
    place = PLACES.index(layer(module))
    for name in imports(module):
        target = ours(name)
        if target is not None and target != layer(module):
            assert PLACES.index(target) < place, f"{module} imports {name}, which stands below it"


@pytest.mark.parametrize("module", NAMES)
def test_imports_stand_at_the_top(module: str) -> None:
    for function in functions(module):
        for tree in ast.walk(function):
            hidden = isinstance(tree, (ast.Import, ast.ImportFrom))
            assert not hidden, f"{module}.{function.name} imports inside a function"


@pytest.mark.parametrize("module", NAMES)
def test_core_knows_no_user_interface_and_no_framework(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(module)} & FOREIGN


@pytest.mark.parametrize("module", NAMES)
def test_nothing_is_executed(module: str) -> None:
    for tree in ast.walk(TREES[module]):
        if isinstance(tree, ast.Call):
            called = getattr(tree.func, "id", getattr(tree.func, "attr", ""))
            bare = isinstance(tree.func, ast.Name)
            forbidden = called in ("sympify", "parse_expr") or (bare and called in ("eval", "exec"))
            allowed = called == "exec" and module in MAY_EXECUTE
            assert not forbidden or allowed, f"{module}:{tree.lineno} calls {called}"


@pytest.mark.parametrize("module", NAMES)
def test_no_exception_is_swallowed(module: str) -> None:
    for tree in ast.walk(TREES[module]):
        if isinstance(tree, ast.ExceptHandler):
            silent = all(isinstance(each, ast.Pass) for each in tree.body)
            broad = tree.type is None or getattr(tree.type, "id", "") == "Exception"
            assert not (silent and broad), f"{module}:{tree.lineno} swallows every exception"


@pytest.mark.parametrize("module", NAMES)
def test_docstrings(module: str) -> None:
    assert ast.get_docstring(TREES[module]), f"{module} has no docstring"
    for tree in public(TREES[module].body):
        assert ast.get_docstring(tree), f"{module}.{tree.name} has no docstring"
        if isinstance(tree, ast.ClassDef):
            for method in public(tree.body):
                assert ast.get_docstring(method), f"{module}.{tree.name}.{method.name}"


def public(body: list[ast.stmt]) -> list[ast.FunctionDef | ast.ClassDef]:
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [tree for tree in body if isinstance(tree, kinds) and not tree.name.startswith("_")]


@pytest.mark.parametrize("module", NAMES)
def test_functions_and_files_are_short(module: str) -> None:
    for function in functions(module):
        length = (function.end_lineno or 0) - function.lineno + 1
        assert length <= LONGEST_FUNCTION, f"{module}.{function.name} has {length} lines"
    lines = len(FILES[NAMES.index(module)].read_text("utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{module} has {lines} lines"


TUI = PACKAGE.parent / "tui"
APP_FILES = sorted(TUI.rglob("*.py"))


@pytest.mark.parametrize("path", APP_FILES, ids=lambda path: path.stem)
def test_the_app_uses_what_is_public_and_keeps_the_rules(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree)
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE
    for each in ast.walk(tree):
        if isinstance(each, ast.ImportFrom) and (each.module or "").startswith("graphdbg"):
            names = [*(each.module or "").split("."), *(alias.name for alias in each.names)]
            assert not any(name.startswith("_") for name in names), f"{path.name}: {names}"
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (each.end_lineno or 0) - each.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{path.name}.{each.name} has {length} lines"
        if isinstance(each, ast.ExceptHandler):
            assert not all(isinstance(line, ast.Pass) for line in each.body), path.name


def test_the_app_paints_before_the_session_is_loaded() -> None:
    """What makes the first paint fast: no checker, formulas or NetworkX, only Textual."""
    script = "import graphdbg_tui.app, sys; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    loaded = set(done.stdout.split())
    late = {"sympy", "networkx", *(f"graphdbg.{room}" for room in ("checking", "formulas"))}
    late.add("graphdbg.stepping.session")
    assert not loaded & late


def loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `code`."""
    script = code + "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return set(done.stdout.split())


HEAVY = {"sympy", "networkx", "numpy", "textual", "rich", "jax", "torch", "numba"}


def test_importing_graphdbg_loads_nothing_heavy() -> None:
    assert not loaded_after("import graphdbg") & HEAVY


def test_evaluating_needs_no_sympy() -> None:
    code = "import graphdbg as gd; gd.evaluate(gd.grad(gd.parse('f=(x+y)z')), dict(x=1, y=2, z=3))"
    assert not loaded_after(code) & (HEAVY - {"numpy"})


def test_public_names() -> None:
    assert sorted(graphdbg.__all__) == sorted(
        "parse Graph Node grad jacobian hessian local upstream Formula prove evaluate compile "
        "check GraphError mlp Session Frame render to_dot to_html to_text derive train".split()
    )


@pytest.mark.parametrize("name", graphdbg.__all__)
def test_public_names_load(name: str) -> None:
    value = getattr(graphdbg, name)
    assert callable(value), f"graphdbg.{name} is {value!r}"
    assert name in dir(graphdbg)


def test_no_module_shadows_a_public_name() -> None:
    """Importing the submodule `graphdbg.prove` would put the module where the function was."""
    assert not {layer(name) for name in NAMES} & {*graphdbg.__all__}


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'graphdbg' has no attribute 'gradd'"):
        graphdbg.gradd  # noqa: B018


def test_every_package_is_installed() -> None:
    """A folder that pyproject.toml forgets would be missing from a wheel."""
    text = (PACKAGE.parent / "pyproject.toml").read_text("utf-8")
    for name in NAMES:
        if name.endswith("__init__"):
            package = f"graphdbg.{name}".removesuffix(".__init__")
            assert f'"{package}"' in text


def test_every_raises_matches_text() -> None:
    """A test that any error would satisfy is no test: each `pytest.raises` says which text."""
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        for tree in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(tree, ast.Call) and ast.unparse(tree.func) == "pytest.raises":
                given = {word.arg for word in tree.keywords}
                assert "match" in given, f"{path.name}:{tree.lineno}: raises without match"
