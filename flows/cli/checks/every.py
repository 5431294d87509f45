"""All checks, in the order in which a person would look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flows.cli.checks import machine, project
from flows.cli.checks.calibrations import calibrations
from flows.cli.checks.check import Check

if TYPE_CHECKING:
    from flows.settings import Settings


def every_check(where: Settings) -> tuple[Check, ...]:
    """What was found. A check that itself fails is a problem, not the end of the others."""
    return tuple(_all(where))


def _all(where: Settings) -> Iterator[Check]:
    yield machine.python()
    yield from machine.packages()
    yield machine.device()
    yield machine.threads()
    yield project.disk(where)
    yield from project.record(where)
    yield from project.older_copies(where)
    yield from project.lost_campaigns(where)
    yield from project.laboratories()
    yield from project.campaigns(where)
    yield from project.unsent_experiments(where)
    yield from project.schedules_at_rest(where)
    yield from project.overdue_results(where)
    yield from calibrations(where)
