"""A derivation as one page of HTML: MathML, no script, no network, light and dark, for print."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from ..source import on_one_line
from ..typesetting.mathml import convert
from .breaking import broken, width
from .document import Block, Display, Heading, Items, Paragraph, Piece, Pieces, blocks
from .expressions import Expression
from .steps import Derivation, Equation

ROOM = 60  # characters of an equation, so that a reason stands beside it
_REFERENCE = re.compile(r"(?<![\w'′])\((\d+)[a-z]*\)")
INSIDE = """
.derivation p { margin: .4rem 0; overflow-wrap: break-word; }
.derivation math { font-size: 1.08em; }
.derivation h3 math { font-size: 1.3em; }
.derivation code { font: .9em ui-monospace, Consolas, monospace; overflow-wrap: anywhere; }
.derivation .small, .derivation .remark { margin-left: 1.25rem; }
.derivation .small { color: var(--soft, #6e7781); font-size: .875rem; }
.derivation .eq, .derivation .scroll { overflow-x: auto; }
.derivation .eq { margin: .5rem 0 .5rem 1.25rem; padding: .15rem 0; }
.derivation table { border-collapse: collapse; border: 0; margin: 0; font-size: inherit; }
.derivation tr { background: none; }
.derivation td { text-align: left; border: 0; white-space: nowrap; vertical-align: baseline; }
.derivation .eq td { padding: .28rem 0; }
.derivation td math { display: inline math; }
.derivation .eq td:first-child { text-align: right; padding-right: .35em; }
.derivation .eq .why { color: var(--soft, #6e7781); font-size: .875rem; padding-left: 1.75rem; }
.derivation .boxed { display: table; max-width: 100%; box-sizing: border-box; padding: .35rem 1rem;
  border: 1.5px solid currentColor; border-radius: 4px; }
.derivation .list td { padding: .2rem .6rem .2rem 0; }
.derivation .list td:last-child { padding-left: 1rem; color: var(--soft, #6e7781); }
.derivation ul { margin: .4rem 0; padding-left: 1.25rem; }
.derivation li { margin: .3rem 0; }
"""
STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --paper: #fff; --soft: #57606a;
  --line: #d0d7de; --tint: #f6f8fa; --link: #0a58a8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --soft: #9198a1;
  --line: #3d444d; --tint: #151b23; --link: #6cb6ff; } }
body { margin: 2.5rem auto; padding: 0 1.25rem; max-width: 46rem; background: var(--paper);
  color: var(--ink); font: 1.0625rem/1.55 Georgia, "Times New Roman", serif; }
h1 { font-size: 1.6rem; line-height: 1.3; margin: 0 0 1.5rem; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .75rem; padding-bottom: .25rem;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1.0625rem; margin: 1.75rem 0 .4rem; }
a { color: var(--link); text-decoration: none; }
a:hover, a:focus { text-decoration: underline; }
.derivation .boxed { background: var(--tint); }
:target { background: var(--tint); outline: 2px solid var(--line); outline-offset: 3px; }
@media print { :root { --ink: #000; --paper: #fff; --soft: #444; --line: #999; --tint: #fff;
  --link: #000; } body { margin: 0; max-width: none; font-size: 10.5pt; }
  .derivation .eq, .derivation .boxed, .derivation .scroll { overflow: visible; }
  h2, h3 { break-after: avoid; } .eq, li, tr { break-inside: avoid; } }
"""


def write(found: Derivation) -> str:
    """The derivation as an HTML document.

    >>> import graphdbg as gd
    >>> page = write(gd.derive(gd.parse("f = x^2")))
    >>> page.startswith("<!doctype html>"), "<script" in page
    (True, False)
    """
    parts = list(blocks(found))
    title = html.escape(on_one_line("".join(map(str, parts[0].pieces))))  # type: ignore[union-attr]
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{INSIDE}{STYLE}</style>\n</head>\n<body>\n"
        f'<main class="derivation">\n{_body(parts)}\n</main>\n</body>\n</html>\n'
    )


def fragment(found: Derivation) -> str:
    """The derivation for the inside of another page, such as a notebook."""
    inside = _body(list(blocks(found)))
    return f'<style>{INSIDE}</style>\n<div class="derivation">\n{inside}\n</div>'


def _body(parts: list[Block]) -> str:
    return "\n".join(line for block in parts for line in _block(block))


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        anchor = _REFERENCE.match(str(block.pieces[0])) if block.level == 3 else None
        place = f' id="e{anchor[1]}"' if anchor else ""
        yield f"<h{block.level}{place}>{_inline(block.pieces, False)}</h{block.level}>"
    elif isinstance(block, Paragraph):
        kind = ' class="small"' if block.small else ' class="remark"' if block.remark else ""
        yield f"<p{kind}>{_inline(block.pieces)}</p>"
    elif isinstance(block, Items):
        yield from _items(block)
    else:
        yield from _display(block)


def _items(block: Items) -> Iterator[str]:
    if not any(entry.label for entry in block.entries):
        yield "<ul>"
        yield from (f"<li>{_inline(entry.pieces)}</li>" for entry in block.entries)
        yield "</ul>"
        return
    yield '<div class="scroll"><table class="list">'
    for entry in block.entries:
        anchor = _REFERENCE.match(entry.label)
        place = f' id="e{anchor[1]}"' if anchor else ""
        cells = (entry.label, _inline(entry.pieces, block=True), _inline(entry.note))
        yield f"<tr{place}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    yield "</table></div>"


def _display(block: Display) -> Iterator[str]:
    yield f'<div class="eq{" boxed" if block.boxed else ""}"><table>'
    wide = max(width(row.left.latex) if row.left else 0 for row in block.rows)
    yield from (_row(row, ROOM - wide) for row in block.rows)
    yield "</table></div>"


def _row(row: Equation, room: int) -> str:
    """An equation, on several lines where it is long: a page that is printed does not scroll."""
    left = _piece(row.left, block=True) if row.left is not None else ""
    if row.right.typed:
        rights = [f"{convert('=')} {_piece(row.right)}"]
    else:
        first, *more = broken(row.right.latex, room)
        rights = [convert(rf"{{}} = {first}", display=True)]
        rights += [convert(rf"\qquad {{}} {each}", display=True) for each in more]
    why = f'<td class="why">{_inline((row.why,))}</td>' if row.why else ""
    lines = [f"<td>{left}</td><td>{rights[0]}</td>"]
    lines += [f"<td></td><td>{each}</td>" for each in rights[1:]]
    lines[-1] += why
    return "".join(f"<tr>{line}</tr>" for line in lines)


def _inline(pieces: Pieces, linked: bool = True, block: bool = False) -> str:
    return "".join(
        _piece(piece, block) if isinstance(piece, Expression) else _prose(piece, linked)
        for piece in pieces
    )


def _piece(piece: Piece, block: bool = False) -> str:
    if isinstance(piece, str):
        return _prose(piece)
    if piece.typed:
        return f"<code>{_prose(piece.text, linked=False)}</code>"
    return convert(piece.latex, display=block)


def _prose(text: str, linked: bool = True) -> str:
    """A text, escaped; the numbers of equations lead to them."""
    text = on_one_line(text)
    out, at = "", 0
    for found in _REFERENCE.finditer(text) if linked else ():
        if not found.start():
            continue  # the number of this equation itself
        out += html.escape(text[at : found.start()]) + f'<a href="#e{found[1]}">{found[0]}</a>'
        at = found.end()
    return out + html.escape(text[at:])
