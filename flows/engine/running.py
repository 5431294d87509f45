"""Running: passes one after the other, under one lease, until the campaign is over or only a person can go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from flows.engine.away import Away
from flows.engine.looking.examining import verdict_lines
from flows.engine.looking.reports import TickReport
from flows.engine.passes import one_pass, report_of, sitting, write_page
from flows.engine.session import Session
from flows.engine.steps.planners import Planner
from loop.errors import LedgerBusy
from loop.record import CampaignState

if TYPE_CHECKING:
    from flows.settings import Settings

SHORTEST: Final = 0.02  # seconds to the next look after something happened; doubles up to ``poll``
PAGE_SHARE: Final = 0.1  # of the time at most goes into drawing the page while the campaign runs
PAGE_AGAIN: Final = 60.0  # seconds after which a page that could not be drawn is tried again


def run(
    settings: Settings,
    name: str,
    *,
    on_tick: Callable[[TickReport], None],
    on_wait: Callable[[str], None] = lambda _: None,
    poll: float = 1.0,
    max_seconds: float | None = None,
    planner: Planner | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> TickReport:
    """Pass after pass until the campaign is no longer active, or waits for a person.

    Between passes a person's command (tell, approve, stop, ...) is let through. Ctrl-C ends it between two steps;
    everything is on record, and ``run`` goes on from there. A record that is out of reach meanwhile is waited for.

    Args:
        settings: Where the record is.
        name: The campaign.
        on_tick: Called after each pass.
        on_wait: Told when the record is waited for, and when it is back.
        poll: Longest wait between two looks at the laboratory, in seconds.
        max_seconds: Return after so long at the latest, between two passes.
        planner: Plans the batches; ``loop.planner.plan`` when left out.
        sleep: Waits; for tests.

    Returns:
        The report of the last pass; its ``next_step`` says what to do.

    Raises:
        NotFound: There is no such campaign.
        LeaseHeld: Somebody else works on it now.
        AdapterError: Its laboratory cannot be built.
        LedgerBusy: The record cannot be reached from the beginning, or for an hour.
    """
    until = None if max_seconds is None else time.monotonic() + max_seconds
    away = Away(on_wait, until=until)
    while True:
        try:
            with sitting(settings, name, planner=planner, patience=away.patience) as session:
                away.was_there = True
                page = Page(session, is_stale=away.is_on)
                wait = SHORTEST
                while True:
                    report, is_last = go_on(session, page, until)
                    away.end()
                    on_tick(report)
                    if is_last:
                        return report
                    wait = SHORTEST if report.has_changed else min(wait * 2, poll)
                    if not report.has_changed:
                        sleep(wait)
                    session.held.give_way()
        except LedgerBusy as error:
            sleep(away.wait(error))


def go_on(session: Session, page: Page, until: float | None) -> tuple[TickReport, bool]:
    """One pass of many: its report, and whether it was the last for now."""
    one_pass(session)
    report = report_of(session)
    is_last = report.state != CampaignState.ACTIVE.value or report.waits_for_person
    is_last = is_last or (until is not None and time.monotonic() >= until)
    path = page.write(session.tally.has_moved, is_due=is_last)
    verdict = verdict_lines(session.examined) if session.examined else ()
    return replace(report, report=path, notes=tuple(session.tally.notes), verdict=verdict), is_last


class Page:
    """The campaign's page, kept fresh without taking more than its share of the time."""

    def __init__(self, session: Session, *, is_stale: bool = False) -> None:
        self._session, self._is_stale, self._not_before = session, is_stale, 0.0

    def write(self, has_moved: bool, *, is_due: bool) -> str | None:
        """Draw it where it is stale and its turn, or where it is due; its path where it was drawn."""
        self._is_stale = self._is_stale or has_moved
        start = time.monotonic()
        if not self._is_stale or (start < self._not_before and not is_due):
            return None
        path = write_page(self._session, in_full=is_due)
        end = time.monotonic()
        rests = (end - start) / PAGE_SHARE
        self._is_stale, self._not_before = path is None, end + (rests if path else max(rests, PAGE_AGAIN))
        return path
