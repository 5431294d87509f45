"""Whether there is room on a disk."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from flows.cli.checks.check import Check
from flows.cli.naming import near

ENOUGH: Final = 1 << 30  # bytes: a campaign of some thousand calculations with their raw output


def free_space(home: Path) -> Check:
    """Free space where a folder is, or would be made."""
    folder = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    found = f"{free / (1 << 30):.1f} GiB free at {near(folder)}"
    if free >= ENOUGH:
        return Check("project", "disk", "ok", found)
    return Check("project", "disk", "problem", found, "make room for 1 GiB, or set HAKKEN_HOME to another disk")
