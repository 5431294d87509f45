"""Progress of a running campaign: one line for each thing that happened, and what runs now."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from flows.cli.naming import file_of, near, typed
from flows.cli.screen import Screen
from flows.shown.status import ENOUGH, done_of
from loop.progress import watched
from loop.wording import plural

if TYPE_CHECKING:
    from flows.engine import TickReport
    from flows.settings import Settings

BEST_SHOWN: Final = 5  # results in the table at the end
SHOWN: Final = 10  # proposals named when a round begins


class RunProgress:
    """Shows passes as they end. On a terminal the last line stays and tells what is waited for."""

    def __init__(self, screen: Screen, campaign: str) -> None:
        self._screen, self._campaign = screen, campaign
        self.has_changed = False  # whether any pass moved anything on
        self._status: Any = None
        self._stack = ExitStack()
        self._best: tuple[tuple[str, float], ...] = ()
        self._nearest = ""
        self._notes: set[str] = set()

    def __enter__(self) -> Self:
        if not self._screen.as_json and sys.stdout.isatty():
            self._status = self._screen.console.status(f"{self._campaign}: planning")
            self._status.start()
            self._stack.enter_context(watched(self._computing))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if self._status is not None:
            self._status.stop()

    def _computing(self, said: str) -> None:
        self._status.update(f"{self._campaign}: planning{f', {said}' if said else ''}")

    def show(self, report: TickReport) -> None:
        """What one pass did; nothing where nothing changed."""
        self.has_changed |= report.has_changed
        say = self._screen.say
        did = []
        if report.received:
            faults = f", {plural(report.faults, 'fault')}" if report.faults else ""
            done = f"{done_of(report)} done"
            did.append(f"{report.accepted} came back{faults}; {done}{self._better(report)}")
        if report.sent and not report.proposed:
            did.append(f"{report.sent} sent")
        if did:
            say(f"  {'; '.join(did)}")
        if report.proposed:
            sent = f", {report.sent} sent to the laboratory" if report.sent else ""
            say(f"round {report.round}: {len(report.proposed)} planned{sent}", bold=True)
            for number, candidate in enumerate(report.proposed[:SHOWN], 1):
                say(f"  {number:3}. {candidate}")
            if len(report.proposed) > SHOWN:
                say(f"    and {len(report.proposed) - SHOWN} more; hakken show {typed(report.campaign)} lists them all")
            if report.regret:
                say(f"  {report.regret}")
        for note in report.notes:
            if note not in self._notes:
                self._notes.add(note)
                say(f"  note: {note}")
        if self._status is not None:
            self._status.update(f"{self._campaign}: {_waiting(report)}")

    def waits(self, said: str) -> None:
        """That a run waits for its record, or that it is back; where a program reads, on standard error."""
        if self._screen.as_json:
            print(f"note: {said}", file=sys.stderr, flush=True)
        self._screen.say(f"  note: {said}")
        if self._status is not None:
            self._status.update(f"{self._campaign}: waiting for its record")

    def _better(self, report: TickReport) -> str:
        """The best values, where one of them is new; what comes nearest, where nothing keeps the thresholds."""
        if report.nearest is not None:
            is_new, self._nearest = report.nearest.text != self._nearest, report.nearest.text
            return f"; {report.nearest.text}" if is_new else ""
        if report.hits is not None:
            now = (("hits", float(report.hits.every.hits)),)
            is_new, self._best = now != self._best, now
            return f"; {plural(report.hits.every.hits, 'hit')} of {report.hits.every.tried} tried" if is_new else ""
        best = tuple((b.target, b.value) for b in report.best)
        if best == self._best:
            return ""
        self._best = best
        said = [f"{b.target} {b.text} ({b.label})" for b in report.best]
        return "; best so far " + ", ".join(said)


def _waiting(report: TickReport) -> str:
    pending = ", ".join(f"{n} {state}" for state, n in report.pending.items() if n) or "nothing pending"
    running = f": {'; '.join(report.running[:3])}" if report.running else ""
    return f"{done_of(report)} done, {pending}{running}"


def conclude(screen: Screen, where: Settings, report: TickReport, progress: RunProgress) -> None:
    """The end of a run: where the campaign stands, the best candidates, the page, and how to go on."""
    page = where.folder(report.campaign) / "report.html"
    screen.document({**report.as_json(), "report": str(page) if page.exists() else None})
    if screen.as_json:
        return
    reason = f": {report.reason}" if report.reason else ""
    screen.say(f"\n{report.campaign} is {report.state}{reason}; {done_of(report)} done")
    if report.spending:
        screen.say(report.spending)
    if report.state == "finished" and not progress.has_changed:
        screen.say("nothing was left to do: every result is on record already")
    from flows.cli.showing.standing import show_best

    show_best(screen, where, report.campaign, BEST_SHOWN)
    for line in report.verdict:
        screen.say(f"models of {line}")
    if report.round > 1 and report.measured >= ENOUGH:
        screen.say(f"hakken examine {typed(report.campaign)} says how far its models can be trusted")
    if page.exists():
        screen.say(f"report: {near(page)}")
    if report.state != "finished":
        screen.next_step(report.next_step)
        return
    why = f"hakken show {typed(report.campaign)} says why each was chosen. " if report.round else ""
    known = file_of(where, report.campaign)
    file = known or "its campaign file"
    if where.has_own_record:
        anew = f"; to start anew beside this one: HAKKEN_HOME={typed(near(where.home / 'again'))} hakken run {file}"
    else:  # another folder would be the same record, and the same campaign in it
        anew = f"; to start anew beside this one, run a copy of {file} that has another name behind campaign:"
    screen.next_step(
        f"{why}To go on, change what ended it (budget, stop rules or space) in {file} and hakken run "
        f"{file if known else 'it'}, or, where it holds no more (a result was retracted, a ban lifted), hakken resume "
        f"{typed(report.campaign)}{anew if known else ''}"
    )
