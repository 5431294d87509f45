"""Named points in the work of a tick, so that tests can stop a process exactly there.

The core does not read the environment: ``flows.settings`` sets ``on_reached`` when ``HAKKEN_CRASH_AT`` names a
label. Labels read ``area.what-has-just-happened``, such as ``dispatch.started``.
"""

from __future__ import annotations

from collections.abc import Callable

on_reached: Callable[[str], None] | None = None


def reached(label: str) -> None:
    """Tell whoever listens that this point was reached; does nothing otherwise."""
    if on_reached is not None:
        on_reached(label)
