"""`html`: a session as one page that needs nothing else, and `frame`, that page in a notebook.

The page's security policy lets nothing run but its own script and style, which it names by their
hashes, and lets it fetch nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from functools import lru_cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from ..drawing.pictures import Options, Studio
from ..source import Source, shown
from ..stepping.session import Session
from .contents import Contents

FOLDER = Path(__file__).parent
SCRIPTS = (
    "walk.js", "formulas.js", "view.js", "picture.js", "card.js", "panes.js", "help.js", "main.js",
)  # fmt: skip
HEIGHT = 640  # pixels of a frame in a notebook
LONGEST = 60  # characters of a formula that is its page's heading
# What Graphviz writes on every part and the page's style says once, and blank lines.
REPEATED = re.compile(
    r' (?:font-family|xml:space|fill|stroke|stroke-width|stroke-dasharray)="[^"]*"|<title ?/>'
    r'| text-anchor="middle"| font-size="12\.00"|(?<= class=")(?:node|edge) (?=\w)|(?<=\n)\s*\n'
)
# The title of a wire tells its last value, which a pointer would find at any moment.
TITLES = re.compile(r'(<g id="wire-\d+" class="[^"]*">\s*)<title>[^<]*</title>\s*')
_SAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026",
                       "\u2028": "\\u2028", "\u2029": "\\u2029"})  # fmt: skip


def html(session: Session, options: Options | None = None, position: int | None = None) -> str:
    """The page of a session: picture, program, node card, steps, keys of the terminal app.

    It opens at `position`, the session's own by default. Raises DrawingError where there is no
    Graphviz.

    >>> import graphdbg as gd
    >>> page = html(gd.Session(gd.parse("f=(x+y)z"), {"x": -2, "y": 5, "z": -4}))
    >>> page[:15], "http-equiv" in page
    ('<!doctype html>', True)
    """
    return page(Studio(session, options=options), session, position)


def page(studio: Studio, session: Session, position: int | None = None) -> str:
    """The page whose picture a studio draws; without heat, which would tell gradients early."""
    if studio.options.heat:
        studio = Studio(session, options=replace(studio.options, heat=False))
    picture = TITLES.sub(r"\1", REPEATED.sub("", studio.picture("svg").decode("utf-8")))
    data = Contents(session, studio.circuit).data()
    data["start"] = session.position if position is None else position
    source = session.graph.source
    style, script = _style(), _script()
    return _template().substitute(
        theme=' data-theme="dark"' if studio.options.theme == "dark" else "",
        heading=escape(shown(_heading(source))),
        source=escape(shown(source.name if source else "")),
        policy=_policy(style, script),
        style=style,
        picture=picture,
        data=json.dumps(_visible(data), ensure_ascii=False, separators=(",", ":")).translate(_SAFE),
        script=script,
    )


def frame(page: str) -> str:
    """The page inside of a notebook's cell; keys work where it has the focus."""
    return (
        f'<iframe srcdoc="{escape(page)}" sandbox="allow-scripts" title="graphdbg" '
        f'style="width:100%;height:{HEIGHT}px;border:1px solid #8884;border-radius:6px"></iframe>'
    )


def _heading(source: Source | None) -> str:
    """The name of the program's file, or the program where it is one short line."""
    if source is None:
        return "a graph"
    if source.name != Source("").name:
        return re.split(r"[/\\\\]", source.name)[-1]
    line = source.text.strip()
    return line if "\n" not in line and len(line) <= LONGEST else "a program"


def _visible(data: Any) -> Any:
    """The page's data with each character of its texts shown."""
    if isinstance(data, str):
        return shown(data, lines=True)
    if isinstance(data, list):
        return [_visible(each) for each in data]
    return {key: _visible(each) for key, each in data.items()} if isinstance(data, dict) else data


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@lru_cache(maxsize=1)
def _template() -> Template:
    return Template((FOLDER / "page.html").read_text("utf-8"))


@lru_cache(maxsize=1)
def _style() -> str:
    return (FOLDER / "page.css").read_text("utf-8")


@lru_cache(maxsize=1)
def _script() -> str:
    """The scripts one after the other, in a scope of their own."""
    parts = [(FOLDER / name).read_text("utf-8") for name in SCRIPTS]
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "\n})();\n"
