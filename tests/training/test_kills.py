"""The short form of `tests/fuzz/kills.py`: killed runs end as those that nobody has disturbed."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest

from graphdbg.training import exports
from tests.fuzz.kills import Case, dict_of, each_fault, random_kills

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks, and kills by signal")


@pytest.mark.parametrize("patience", [None, 4])
def test_killed_at_moments_of_chance(patience: int | None, tmp_path: Path) -> None:
    with mock.patch.object(exports, "pictures", dict_of):
        _, wrong = random_kills(Case(patience, epochs=12), 3, 11, tmp_path)
    assert not wrong


def test_ended_at_an_operation_on_a_file(tmp_path: Path) -> None:
    with mock.patch.object(exports, "pictures", dict_of):
        tried, wrong = each_fault(Case(None, epochs=1), 11, tmp_path)
    assert tried > 20 and not wrong
