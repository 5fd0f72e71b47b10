"""The documentation against the program: its commands print what it says, its schema holds."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from graphdbg.commandline.cli import COMMANDS, main
from graphdbg.drawing.circuits import Choice, circuit
from graphdbg.language.functions import function_names
from graphdbg.pages.contents import Contents

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/json-schema.md").read_text("utf-8")
SCHEMA = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
# Rounding differs between machines: digits of agreement, errors, and which entry is the worst.
LOOSE = (
    (re.compile(r"^(∂\S+) +(\[.*?\])? .*?(\S+, all)", re.MULTILINE), r"\1 \3"),
    (re.compile(r"\d+ digits(, \d+ against)?"), "N digits"),
    (re.compile(r"(-?\d\.?\d*e[-+]\d\d|✓ 0\b)"), "E"),
    (re.compile(r"error (0|E)$", re.MULTILINE), "error E"),
    (re.compile(r" +"), " "),
)  # fmt: skip


def load_refresh() -> ModuleType:
    spec = importlib.util.spec_from_file_location("refresh", ROOT / "docs" / "refresh.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


refresh = load_refresh()
BLOCKS = [
    (page.name, command, printed.strip("\n"))
    for page in refresh.PAGES
    for block in refresh.BLOCK.findall(page.read_text("utf-8"))
    for command, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]


def loosened(text: str) -> str:
    for pattern, replacement in LOOSE:
        text = pattern.sub(replacement, text)
    return text.strip()


@pytest.mark.parametrize(("page", "command", "printed"), BLOCKS)
def test_commands_print_what_the_page_says(
    page: str, command: str, printed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")
    assert loosened(refresh.output_of(command)) == loosened(printed), "run docs/refresh.py"


def test_the_table_of_commands_is_the_programs_own() -> None:
    text = (ROOT / "docs/stepping.md").read_text("utf-8")
    assert refresh.table() in text, "run docs/refresh.py"


def test_pages_have_commands() -> None:
    assert {page for page, _, _ in BLOCKS} >= {
        "README.md",
        "formulas.md",
        "checking.md",
        "stepping.md",
    }


DOCUMENTS = (
    '"f=(x+y)z" x=-2 y=5 z=-4',
    "examples/classifier.gd n=3",
    '"p = softmax(o)" o=[1,2,3]',
    '"f = log(x)" x=0',
    '"f = sum(relu(x))" x=[0,1]',
    '"f = sum(x)" --shape x=20000',
    "grad examples/classifier.gd --wrt W1,W2",
    'grad "f=(x+y)z" x=-2 --form chain',
    'jacobian "p = softmax(o)" --shape o=3',
    "hessian examples/logistic_regression.gd --wrt w",
    "check examples/residual.gd",
    'check "f = x*y" x=2 y=3 --given dx=3 --given y=[7]',
    'prove "f = x^2" "df/dx = 2x"',
    'prove "f = sum(x^2)" "df/dx = x" --shape x=3',
)


@pytest.mark.parametrize("command", DOCUMENTS)
def test_json_follows_the_schema(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    code = main([*shlex.split(command), "--json"])
    found = capsys.readouterr()
    assert code in (0, 1), found.err
    document = json.loads(found.out, parse_constant=pytest.fail)
    jsonschema.validate(document, SCHEMA)


def test_the_schema_refuses_what_it_should() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    bad: Any = {"schema": "graphdbg/1", "graphdbg": "0.1.0", "command": "check", "seed": 0}
    with pytest.raises(jsonschema.ValidationError, match="is not valid under any"):
        jsonschema.validate(bad, SCHEMA)


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs/json-schema.md").read_text("utf-8")
    assert all(f"`{command}`" in text for command in COMMANDS)


def test_functions_of_the_language_page_exist() -> None:
    text = (ROOT / "docs/language.md").read_text("utf-8")
    section = text[text.index("## Functions\n") : text.index("Those that are not")]
    without_titles = re.sub(r"^#.*$|^[A-Z][\w ]*:|\(.*?\)", "", section, flags=re.MULTILINE)
    listed = set(re.findall(r"\w+", without_titles))
    assert len(listed) > 100
    assert listed <= set(function_names())


ISSUE = """exp log log1p expm1 sqrt sin cos tan arcsin arccos arctan sinh cosh tanh erf abs sign
maximum minimum clip where relu leaky_relu elu selu gelu silu swish mish softplus sigmoid logsigmoid
sum mean var std prod max min logsumexp softmax log_softmax norm trace det logdet slogdet inv solve
outer dot matmul einsum diag eye ones zeros arange reshape transpose concatenate stack squeeze
expand_dims convolve conv1d one_hot cross_entropy binary_cross_entropy mse hinge huber kl_div
layer_norm batch_norm rms_norm attention dropout mlp"""


def test_the_functions_people_use_are_on_the_language_page() -> None:
    text = (ROOT / "docs/language.md").read_text("utf-8")
    assert set(ISSUE.split()) <= set(re.findall(r"\w+", text))


def load_gallery() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "docs" / "gallery.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gallery"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


gallery = load_gallery()
EXAMPLES = gallery.examples()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.name)
def test_the_gallery_shows_each_example(example: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers and formulas are compared; what Graphviz makes of them differs between versions."""
    monkeypatch.chdir(ROOT)
    stem = gallery.GALLERY / example.name
    session = gallery.session_of(example)
    page = stem.with_suffix(".html").read_text("utf-8")
    found = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert found, "run docs/gallery.py"
    data = json.loads(found[1])
    made = Contents(session, circuit(session.graph)).data()
    for key in ("end", "turn", "kinds", "at", "edges", "sources", "said"):
        assert loosened(str(data[key])) == loosened(str(json.loads(json.dumps(made[key])))), key
    if session.backward is not None:
        text = stem.with_suffix(".md").read_text("utf-8")
        assert loosened(text) == loosened(gallery.derivation(example)), "run docs/gallery.py"
    picture = stem.with_suffix(".svg").read_text("utf-8")
    shown = circuit(session.graph, Choice(depth=gallery.looks(session)["depth"])).nodes
    assert {f'id="wire-{at}"' in picture for at in shown} == {True}


def test_the_gallery_has_nothing_else() -> None:
    names = {each.name for each in EXAMPLES} | {"README"}
    assert {path.stem for path in gallery.GALLERY.iterdir()} == names
