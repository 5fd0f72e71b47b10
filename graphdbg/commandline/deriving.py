"""`graphdbg derive`: the derivation of a gradient as text, Markdown, LaTeX, HTML or PDF."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

from .. import derivations
from ..derivations import Derivation
from ..errors import GraphError
from ..files import writing
from .loading import Bounds, Loaded, chosen, load, read_from, read_graph, target
from .outlets import aside, hand_over, say

OK, FAILED = 0, 1
FORMATS = ("text", "markdown", "latex", "html", "pdf")
ENDINGS = {
    ".txt": "text", ".md": "markdown", ".markdown": "markdown", ".tex": "latex", ".html": "html",
    ".htm": "html", ".pdf": "pdf",
}  # fmt: skip
ENGINES = ("pdflatex", "xelatex", "lualatex")
PATIENCE = 120  # seconds for a compilation, of which the first may have to make fonts


def derive(args: Namespace) -> int:
    """Write the derivation that the command line asks for."""
    form = format_of(args.format, args.output)
    if args.output not in (None, "-"):
        writing.ready(args.output, read_from(args))
    source, bounds = (args.source, args.values, args.shape), Bounds.of(args)
    loaded = load(*source, args.seed, bounds) if args.values else None
    graph = loaded.graph if loaded else read_graph(*source, bounds)[0]
    of = target(graph, args.of) or graph.outputs[-1]
    found = derivations.derive(
        graph, of, chosen(graph, args.wrt), depth=args.depth, steps=steps_of(args.steps),
        point=loaded.point if loaded else None,
    )  # fmt: skip
    _write(args.output, rendered(found, form))
    _say(args, loaded)
    return FAILED if found.refused else OK


def format_of(word: str | None, path: str | None) -> str:
    """The format: the one asked for, or the one that the file's ending says; else text.

    >>> format_of(None, "homework.tex"), format_of(None, None)
    ('latex', 'text')
    """
    if word is not None and word not in FORMATS:
        raise GraphError(f"found --format {word}, expected one of {', '.join(FORMATS)}")
    ending = Path(path).suffix.lower() if path not in (None, "-") else ""
    if word is None and ending and ending not in ENDINGS:
        raise GraphError(
            f"the ending of '{path}' says no format: end it in {', '.join(ENDINGS)}, or say "
            f"--format {'|'.join(FORMATS)}"
        )
    form = word or ENDINGS.get(ending, "text")
    if form == "pdf" and path is None:
        raise GraphError("a pdf is written to a file: say which with -o FILE")
    return form


def steps_of(word: str) -> int | None:
    """The number of steps to show; None for all.

    >>> steps_of("12"), steps_of("all")
    (12, None)
    """
    if word == "all":
        return None
    if not word.isdecimal() or int(word) < 1:
        raise GraphError(f"found --steps {word}, expected a number from 1, or all")
    return int(word)


def rendered(found: Derivation, form: str) -> bytes:
    """The derivation in a format."""
    if form == "pdf":
        return pdf(found.latex())
    return str(getattr(found, form)()).encode("utf-8", "replace")


def pdf(source: str) -> bytes:
    """The PDF of a LaTeX document; GraphError without a LaTeX, and where it fails."""
    known = [name for name in ENGINES if shutil.which(name)]
    if not known:
        raise GraphError(
            "a pdf needs LaTeX, and none of pdflatex, xelatex and lualatex is installed: install "
            "TeX Live or MiKTeX, or take --format latex or --format html, which a browser prints"
        )
    plain = source.isascii()
    engine = known[0] if plain else next((name for name in known if name != "pdflatex"), known[0])
    with TemporaryDirectory() as folder:
        Path(folder, "derivation.tex").write_text(source, "utf-8")
        command = [engine, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape",
                   "derivation.tex"]  # fmt: skip
        same = {**os.environ, "SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"}
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, timeout=PATIENCE, check=False, env=same
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GraphError(
                f"{engine} did not finish: {error}; --format latex writes the source alone"
            ) from error
        made = Path(folder, "derivation.pdf")
        if done.returncode or not made.exists():
            log = done.stdout.decode("utf-8", "replace")
            said = re.findall(r"^! (.*)$", log, re.MULTILINE) or ["it did not say why"]
            raise GraphError(
                f"{engine} could not set the derivation: {said[0]}; --format latex writes the "
                "source alone"
            )
        return made.read_bytes()


def _write(path: str | None, data: bytes) -> None:
    if path in (None, "-"):
        hand_over(data)
        return
    writing.write(str(path), data)


def _say(args: Namespace, loaded: Loaded | None) -> None:
    """Which file was written, and which values were drawn: beside the derivation, not in it."""
    to_file = args.output not in (None, "-")
    write = say if to_file else aside
    if to_file:
        write(f"wrote {args.output}")
    if loaded and loaded.drawn:
        write(f"random values (--seed {args.seed}) for {', '.join(loaded.drawn)}")
