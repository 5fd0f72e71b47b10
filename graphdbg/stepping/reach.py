"""Which files the commands of a session reach: any, none, or those below one folder.

`save`, `load` and `set x = @FILE` ask a `Reach` for the place of a name before they touch a file;
nothing else that a person types into a session names one. An app in a browser is given `nowhere`.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from ..errors import GraphError

Reach = Callable[[str], str]  # the place of a name that a command gives; GraphError: not from here


def anywhere(name: str) -> str:
    """The name itself: on a person's own terminal, commands reach what the person reaches."""
    return name


def nowhere(name: str) -> str:
    """Nothing: always GraphError. What a browser drives reads and writes no files."""
    raise GraphError(
        f"'{name}' is not reached from here: an app in a browser reads and writes no files; "
        "graphdbg serve --files DIR names a folder that it may use"
    )


def below(folder: str) -> Reach:
    """A reach that ends at `folder`: names count from there, and links out of it are refused.

    GraphError where there is no such folder; of the reach, for a name whose file would lie outside
    (`..`, an absolute name, a symbolic link).

    >>> import pathlib, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> pathlib.Path(below(folder)("walk.json")).name
    'walk.json'
    >>> below(folder)("../walk.json")
    Traceback (most recent call last):
    ...
    graphdbg.errors.GraphError: '../walk.json' is outside the folder that --files names
    """
    if not os.path.isdir(folder):
        raise GraphError(f"--files expects a folder, found '{folder}': make it first")
    root = os.path.realpath(folder)

    def place(name: str) -> str:
        try:
            found = os.path.realpath(os.path.join(root, name))
        except (OSError, ValueError) as error:
            raise GraphError(f"no file can be called '{name}'") from error
        if os.path.commonpath([root, found]) != root:
            raise GraphError(f"'{name}' is outside the folder that --files names")
        return found

    return place
