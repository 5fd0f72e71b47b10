"""Print the lowest version of each package that pyproject.toml allows, as constraints for pip.

    python .ci/lowest.py > lowest.txt && pip install -c lowest.txt -e '.[test]'
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
BOUND = re.compile(r"([\w.-]+)>=([\w.]+)")


def constraints(text: str) -> Iterator[str]:
    """`name==version` for each requirement of a pyproject.toml; ValueError for one of another form.

    >>> list(constraints('[project]\\ndependencies = ["numpy>=1.26"]'))
    ['numpy==1.26']
    """
    project = tomllib.loads(text)["project"]
    extras = project.get("optional-dependencies", {}).values()
    for each in sorted({*project["dependencies"], *(one for extra in extras for one in extra)}):
        match = BOUND.fullmatch(each)
        if match is None:
            raise ValueError(f"found '{each}' in {PROJECT.name}, expected name>=version")
        yield f"{match[1]}=={match[2]}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(constraints(PROJECT.read_text("utf-8"))) + "\n")
