"""Versions, devices and threads."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Final

from flows.cli.checks.check import Check

# What the numbers depend on, and what an extra brings: name, extra ("" for always), what it is for.
PACKAGES: Final = (
    ("hakken", "", "itself"),
    ("torch", "", "models"),
    ("gpytorch", "", "models"),
    ("botorch", "", "models and acquisition"),
    ("scikit-learn", "", "trees"),
    ("numpy", "", "arrays"),
    ("scipy", "", "optimisation"),
    ("rdkit", "", "structures"),
    ("sqlalchemy", "", "the record"),
    ("alembic", "", "the record's migrations"),
    ("prefect", "", "scheduled runs"),
    ("pydantic", "", "campaign files"),
    ("tblite", "xtb", "xTB calculations"),
    ("geometric", "xtb", "optimised geometries"),
    ("pyscf", "dft", "DFT calculations"),
    ("sila2", "sila2", "SiLA 2 servers"),
    ("torchani", "ani", "a machine-learned potential"),
    ("psycopg", "postgres", "a record on PostgreSQL"),
)


def python() -> Check:
    """The interpreter."""
    version = platform.python_version()
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Check("versions", "python", "ok", version)
    return Check("versions", "python", "problem", version, "use Python 3.11, 3.12 or 3.13")


def packages() -> Iterator[Check]:
    """Every package that matters, with its version."""
    for name, extra, use in PACKAGES:
        try:
            yield Check("versions", name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            if extra:
                yield Check("versions", name, "note", "not installed", f"for {use}: pip install 'hakken[{extra}]'")
            elif name == "hakken":
                yield Check("versions", name, "note", "run from its source folder", "pip install -e .")
            else:
                yield Check("versions", name, "problem", "not installed", "pip install hakken again")


def device() -> Check:
    """Where models are fitted."""
    try:
        import torch
    except ImportError as error:
        return Check("devices", "torch", "problem", f"cannot be loaded: {error}", "pip install torch again")
    if torch.cuda.is_available():
        return Check("devices", "gpu", "ok", torch.cuda.get_device_name(0))
    return Check("devices", "gpu", "ok", "none seen; the processor is used, which is enough for 10^4 candidates")


def threads() -> Check:
    """Threads of numerical libraries: idle ones spin, and take the cores from everything else."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    told = os.environ.get("OMP_NUM_THREADS", "")
    policy = os.environ.get("OMP_WAIT_POLICY", "").lower()
    found = f"{cores} cores, OMP_NUM_THREADS={told or 'unset'}, OMP_WAIT_POLICY={policy or 'unset'}"
    if told == "1" or policy == "passive":
        return Check("threads", "OpenMP", "ok", found)
    return Check("threads", "OpenMP", "problem", found, "export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive")
