"""The plan of the house, and the rules that can be read off its source.

The plan is `ORDER`: the rooms of `graphdbg`, from the ground up, in one line each. Then comes what
it means for imports, for the text at each room's door, for what is written inside, and for what is
loaded when.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from house import APP, CORE, FILES, FOLDERS, INIT, ROOMS, TREES, circles, imports, loaded_late, room

import graphdbg

# A room imports what stands above it, and an import for type checkers is an import. What stands
# below is reached through `lazy` alone. The app is a house of its own, which stands on this one.
ORDER = {
    "lazy": "late imports: heavy packages, and the modules that need them",
    "source": "a program's text, places in it, excerpts",
    "errors": "what is wrong: found, expected, where, what to do",
    "files": "reading files within bounds, writing them beside their place",
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
    "__init__": "the public names, loaded when first used",
    "commandline": "arguments, exit codes, the prompt",
    "__main__": "`python -m graphdbg`",
}
PLACES = list(ORDER)

FOREIGN = {"textual", "torch", "jax", "tensorflow"}
LONGEST_FUNCTION = 60
LONGEST_FILE = 450
# Code that is built from the graph alone may be compiled, and only there.
MAY_EXECUTE = {"graphdbg.compiling.compiler"}
HOME = FOLDERS[CORE].parent
OF_CORE = [name for name in FILES if name.split(".")[0] == CORE]


def layer(module: str) -> str:
    """The room of `graphdbg`, or the file beside the rooms, that a module is or lies in."""
    return module.split(".")[1]


# -------------------------------------------------------------------------------------- imports


def test_every_module_has_its_place() -> None:
    assert {layer(name) for name in OF_CORE} == set(ORDER)


def test_the_root_holds_the_rooms_and_little_else() -> None:
    files = {path.name for path in FOLDERS[CORE].iterdir() if path.is_file()}
    modules = {f"{name}.py" for name in ("__init__", "__main__", "errors", "lazy", "source")}
    assert files == {*modules, "py.typed"}
    assert {layer(name) for name in OF_CORE if f"{layer(name)}.py" not in files} == {
        name.split(".")[1] for name in ROOMS if name.startswith(f"{CORE}.")
    }


@pytest.mark.parametrize("module", OF_CORE)
def test_imports_point_upwards(module: str) -> None:
    if layer(module) == "__init__":
        return  # it names what all rooms offer, and loads nothing
    for each in imports(module):
        if each.module.split(".")[0] == CORE and layer(each.module) != layer(module):
            above = PLACES.index(layer(each.module)) < PLACES.index(layer(module))
            assert above, f"{module} imports {each}, which stands below it"


def test_no_files_import_each_other() -> None:
    assert circles() == []


@pytest.mark.parametrize(
    "tie", ["from .grandchild import A", "if TYPE_CHECKING:\n    from . import grandchild"]
)
def test_a_circle_is_found_wherever_it_is_tied(tie: str) -> None:
    """The test above can fail: around three files, and by an import for type checkers alone."""
    texts = {
        "house.room.__init__": "",
        "house.room.parent": "from .child import B",
        "house.room.child": tie,
        "house.room.grandchild": "from ..room.parent import C",
        "house.hall": "from .room import parent",
    }
    trees = {name: ast.parse(text) for name, text in texts.items()}
    assert circles(trees) == [[f"house.room.{name}" for name in ("child", "grandchild", "parent")]]


@pytest.mark.parametrize("module", FILES)
def test_imports_stand_at_the_top(module: str) -> None:
    for function in functions(module):
        for tree in ast.walk(function):
            hidden = isinstance(tree, (ast.Import, ast.ImportFrom))
            assert not hidden, f"{module}.{function.name} imports inside a function"


@pytest.mark.parametrize("module", OF_CORE)
def test_core_knows_no_user_interface_and_no_framework(module: str) -> None:
    assert not {each.module.split(".")[0] for each in imports(module)} & {*FOREIGN, APP}


@pytest.mark.parametrize("module", [name for name in FILES if name not in OF_CORE])
def test_the_app_uses_what_is_public(module: str) -> None:
    for each in imports(module):
        if each.module.split(".")[0] == CORE:
            names = [*each.module.removesuffix(INIT).split("."), each.name]
            assert not any(name.startswith("_") for name in names), f"{module} imports {each}"


# ---------------------------------------------------------------------------------------- doors


def door(name: str) -> str:
    """What a room's docstring says one may import: the paragraph that begins with "Import"."""
    text = ast.get_docstring(TREES[name + INIT]) or ""
    return next((part for part in text.split("\n\n") if part.startswith("Import ")), "")


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_says_what_it_is_for_and_what_to_import(name: str) -> None:
    text = ast.get_docstring(TREES[name + INIT]) or ""
    assert re.match(r"[A-Z`][^\n]{20,}", text), f"{name} does not say what it is for"
    assert door(name), f"{name}: say what one may import, 'Import `this` from `that`.'"
    assert text.endswith(".")


@pytest.mark.parametrize("name", ROOMS)
def test_what_a_room_offers_is_there(name: str) -> None:
    """`one`, `two` and `three` from `module`: each of them is."""
    words = r"((?:`\w+`(?:, | and |, and ))*`\w+`),? from `(\w+)`"
    for names, module in re.findall(words, door(name).replace("\n", " ")):
        assert f"{name}.{module}" in FILES, f"{name} offers {module}, which is not there"
        defined = set(re.findall(r"\w+", FILES[f"{name}.{module}"].read_text("utf-8")))
        assert set(re.findall(r"\w+", names)) <= defined, f"{names} from {name}.{module}"


@pytest.mark.parametrize("module", FILES)
def test_rooms_are_entered_by_their_doors(module: str) -> None:
    for each in imports(module) | loaded_late(module):
        target = room(each.module)
        if target in ROOMS and target not in (room(module), APP) and each.module in FILES:
            offered = set(re.findall(r"`(\w+)", door(target)))
            asked = each.name if each.module.endswith(INIT) else each.module.split(".")[-1]
            allowed = not asked or asked in offered
            assert allowed, f"{module} imports {each}: {target}/__init__.py does not offer it"


# --------------------------------------------------------------------------------------- inside


def functions(module: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [tree for tree in ast.walk(TREES[module]) if isinstance(tree, kinds)]


@pytest.mark.parametrize("module", FILES)
def test_nothing_is_executed(module: str) -> None:
    for tree in ast.walk(TREES[module]):
        if isinstance(tree, ast.Call):
            called = getattr(tree.func, "id", getattr(tree.func, "attr", ""))
            bare = isinstance(tree.func, ast.Name)
            forbidden = called in ("sympify", "parse_expr") or (bare and called in ("eval", "exec"))
            allowed = called == "exec" and module in MAY_EXECUTE
            assert not forbidden or allowed, f"{module}:{tree.lineno} calls {called}"


@pytest.mark.parametrize("module", FILES)
def test_no_exception_is_swallowed(module: str) -> None:
    for tree in ast.walk(TREES[module]):
        if isinstance(tree, ast.ExceptHandler):
            silent = all(isinstance(each, ast.Pass) for each in tree.body)
            broad = tree.type is None or getattr(tree.type, "id", "") == "Exception"
            forbidden = silent and (broad or module not in OF_CORE)
            assert not forbidden, f"{module}:{tree.lineno} swallows every exception"


@pytest.mark.parametrize("module", FILES)
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


@pytest.mark.parametrize("module", FILES)
def test_functions_and_files_are_short(module: str) -> None:
    for function in functions(module):
        length = (function.end_lineno or 0) - function.lineno + 1
        assert length <= LONGEST_FUNCTION, f"{module}.{function.name} has {length} lines"
    lines = len(FILES[module].read_text("utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{module} has {lines} lines"


# ------------------------------------------------------------------------------ loaded and public


def test_the_app_paints_before_the_session_is_loaded() -> None:
    """What makes the first paint fast: no checker, formulas or NetworkX, only Textual."""
    script = "import graphdbg_tui.app, sys; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HOME)
    loaded = set(done.stdout.split())
    late = {"sympy", "networkx", *(f"graphdbg.{room}" for room in ("checking", "formulas"))}
    late.add("graphdbg.stepping.session")
    assert not loaded & late


def loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `code`."""
    script = code + "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HOME)
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
        "check GraphError mlp Session Frame render to_dot to_html to_text derive train "
        "testing".split()
    )


@pytest.mark.parametrize("name", graphdbg.__all__)
def test_public_names_load(name: str) -> None:
    value = getattr(graphdbg, name)
    assert callable(value) or name == "testing", f"graphdbg.{name} is {value!r}"
    assert name in dir(graphdbg)


def test_no_module_shadows_a_public_name() -> None:
    """Importing the submodule `graphdbg.prove` would put the module where the function was."""
    assert not {layer(name) for name in FILES} & {*graphdbg.__all__}


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'graphdbg' has no attribute 'gradd'"):
        graphdbg.gradd  # noqa: B018


def test_every_package_is_installed() -> None:
    """A folder that pyproject.toml forgets would be missing from a wheel."""
    text = (HOME / "pyproject.toml").read_text("utf-8")
    for package in (CORE, *ROOMS):
        assert f'"{package}"' in text


def test_tests_share_helpers_through_their_own_folder_alone() -> None:
    """A test that imports another room's test runs only where both are collected."""
    tests = Path(__file__).parents[1]
    for path in sorted(tests.rglob("test_*.py")):
        for tree in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(tree, ast.ImportFrom) and (tree.module or "").startswith("test_"):
                assert (path.parent / f"{tree.module}.py").exists(), f"{path.name}: {tree.module}"


def test_every_raises_matches_text() -> None:
    """A test that any error would satisfy is no test: each `pytest.raises` says which text."""
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        for tree in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(tree, ast.Call) and ast.unparse(tree.func) == "pytest.raises":
                given = {word.arg for word in tree.keywords}
                assert "match" in given, f"{path.name}:{tree.lineno}: raises without match"
