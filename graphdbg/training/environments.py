"""`environment`: what the last bits of a run depend on beside its settings, and how two differ."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .. import lazy

Environment = Mapping[str, str]
# A product of matrices is summed in an order that the kernels and the count of threads decide.
PREFIXES = ("OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "VECLIB_", "OMP_")
THREADS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
           "VECLIB_MAXIMUM_THREADS", "OMP_NUM_THREADS")  # fmt: skip


def environment() -> dict[str, str]:
    """Machine, versions and BLAS threads of this process, as words by what they are of.

    >>> sorted(environment())[:3]
    ['BLAS', 'BLAS threads', 'NumPy']
    """
    found = {
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}",
        "Python": platform.python_version(), "NumPy": np.__version__, "graphdbg": lazy.version(),
        "BLAS": _blas(), "BLAS threads": str(_threads()),
    }  # fmt: skip
    return found | {name: value for name, value in sorted(os.environ.items())
                    if name.startswith(PREFIXES) and name not in THREADS}  # fmt: skip


def difference(before: Environment, now: Environment) -> str:
    """`NumPy 2.3.1 then, 2.4.0 now`, and what else is not the same; "" where nothing is.

    >>> difference({"NumPy": "2.3.1", "Python": "3.11"}, {"NumPy": "2.4.0", "Python": "3.11"})
    'NumPy 2.3.1 then, 2.4.0 now'
    """
    names: Sequence[str] = [*before, *(name for name in now if name not in before)]
    return "; ".join(
        f"{name} {before.get(name, 'not set')} then, {now.get(name, 'not set')} now"
        for name in names if before.get(name) != now.get(name)
    )  # fmt: skip


def _processor() -> str:
    """The model of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown processor"


def _blas() -> str:
    found = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()


def _threads() -> int:
    """How many threads BLAS takes: what its variables say, at most one for each core."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    given = [os.environ[name] for name in THREADS if os.environ.get(name, "").strip().isdecimal()]
    return min(int(given[0]), cores) if given and int(given[0]) else cores
