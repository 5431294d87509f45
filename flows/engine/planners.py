"""Planners: what makes a batch of a history, and the one that the engine uses where none is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from loop.planner import Plan

Planner: TypeAlias = "Callable[..., Plan]"


def default_planner(*args: object, **keywords: object) -> Plan:
    """``loop.planner.plan``, imported when it is first needed."""
    from loop.planner import plan  # brings torch: seconds, only where a batch is planned

    return plan(*args, **keywords)  # type: ignore[arg-type]  # hands on whatever a planner takes
