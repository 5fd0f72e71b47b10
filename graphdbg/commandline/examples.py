"""`graphdbg examples`: the programs that come along, and words of a command line that mean one.

In a checkout they lie in `examples/` beside the package, in an installation inside it.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path, PurePath

from ..errors import GraphError
from ..files.writing import make_folder, ready_folder, write
from .outlets import aside, say

OK = 0
NAME = "examples"
PROGRAM = ".gd"


def folder() -> Path:
    """Where the examples lie; GraphError where this installation has none."""
    package = Path(__file__).parents[1]
    for place in (package / NAME, package.parent / NAME):
        if (place / f"lecture{PROGRAM}").is_file():
            return place
    raise GraphError("this installation has no examples: install graphdbg again, from its wheel")


def files() -> dict[str, Path]:
    """Each example's file by its name in the folder, such as `classifier.gd`, `data/iris.csv`."""
    place = folder()
    found = sorted(each for each in place.rglob("*") if each.is_file() and _is_ours(each))
    return {each.relative_to(place).as_posix(): each for each in found}


def _is_ours(path: Path) -> bool:
    return path.suffix in (PROGRAM, ".gdb", ".csv", ".md")


def find(word: str) -> Path | None:
    """The example that a word names, None where it names none.

    >>> [find(word).name for word in ("examples/classifier.gd", "classifier")]
    ['classifier.gd', 'classifier.gd']
    >>> find("f=(x+y)z")
    """
    parts = PurePath(word).parts
    name = "/".join(parts[1:] if parts[:1] == (NAME,) else parts)
    known = files() if name else {}
    return known.get(name) or known.get(name + PROGRAM)


def resolve(args: Namespace) -> None:
    """Put the files of examples where the arguments name one; say so on the error stream.

    A file of that name in the folder at hand goes first.
    """
    for option in ("source", "data"):
        if word := getattr(args, option, None):
            setattr(args, option, _resolved(word))
    if scripts := getattr(args, "commands", None):
        args.commands = [_resolved(word) for word in scripts]


def _resolved(word: str) -> str:
    if _exists(word) or (example := find(word)) is None:
        return word
    aside(f"'{word}' is no file here: read from graphdbg's own examples, {example}")
    return str(example)


def _exists(word: str) -> bool:
    try:
        return Path(word).exists()
    except (OSError, ValueError):  # too long for a file name, or a character none may have
        return True


def examples(args: Namespace) -> int:
    """Write the examples into a folder; GraphError where files there say something else.

    FileError where the folder takes none.
    """
    ready_folder(args.folder)
    target = Path(args.folder)
    wanted = {target / name: path.read_bytes() for name, path in files().items()}
    for path, content in wanted.items():
        if _exists(str(path)) and not _holds(path, content):
            raise GraphError(
                f"'{path}' is there already and differs from graphdbg's own: "
                "give another folder, graphdbg examples FOLDER"
            )
    for path, content in wanted.items():
        make_folder(path.parent)
        write(path, content)
    for path, content in wanted.items():
        if path.suffix == PROGRAM:
            say(f"{path}  {_title(content.decode('utf-8'))}")
    say(f"{len(wanted)} files written to {target}")
    return OK


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.is_file() and path.read_bytes() == content
    except OSError as error:
        raise GraphError(f"cannot read '{path}': {error.strerror}") from error


def _title(text: str) -> str:
    """The first sentence of a program's comment."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("# "):
            break
        lines.append(line.removeprefix("# "))
    whole = " ".join(lines)
    return whole.partition(". ")[0].removesuffix(".") + "."
