"""Whether there is room on a disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from flows.cli.checks.check import Check
from flows.cli.naming import near
from loop.wording import plural

ENOUGH: Final = 1 << 30  # bytes: a campaign of some thousand calculations with their raw output
FILES: Final = 10_000  # such a campaign's, where each calculation has a folder of its own


def free_space(home: Path) -> Check:
    """Free space where a folder is, or would be made, and files that may still be made there."""
    folder = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    found = f"{free / (1 << 30):.1f} GiB free at {near(folder)}"
    if free < ENOUGH:
        return Check("project", "disk", "problem", found, "make room for 1 GiB, or set HAKKEN_HOME to another disk")
    files = os.statvfs(folder)
    if files.f_files and files.f_favail < FILES:  # some file systems count none
        found = f"{found}, and room for {plural(files.f_favail, 'further file')} (df -i)"
        return Check("project", "disk", "problem", found, "delete files there, or set HAKKEN_HOME to another disk")
    return Check("project", "disk", "ok", found)
