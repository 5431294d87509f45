"""Pages: every campaign on one, and the report of each, drawn anew when its record has changed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows import engine
from flows.engine import View
from flows.engine.last_round import said_of_older
from flows.engine.looking.audited import audited
from flows.engine.looking.whose import has_asked
from flows.report.page import render
from flows.shown.status import results_of, to_do_in, work_of
from flows.shown.whole_report import in_full
from flows.templates import templates_of
from flows.wiring import open_record

if TYPE_CHECKING:
    from flows.settings import Settings

_HERE: Final = Path(__file__).parent
_TEMPLATES: Final = templates_of(_HERE, results=results_of, to_do=to_do_in, work=work_of)


class Pages:
    """The pages of one record. Any number of threads may ask; one report is drawn at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._drawing = threading.Lock()
        # By campaign: the last entry of the audit log, what is said of the record and of its file, what of its
        # record the page shows, and the page.
        self._drawn: dict[str, tuple[int, tuple[str, str], object, str]] = {}

    def overview(self) -> str:
        """Where every campaign stands."""
        reports = sorted(engine.status(self._settings, None, str), key=lambda r: r.changed, reverse=True)
        asked = self._asked() if reports else frozenset()
        style = (_HERE / "pages.css").read_text("utf-8")
        return _TEMPLATES.get_template("overview.html.jinja").render(campaigns=reports, asked=asked, style=style)

    def _asked(self) -> frozenset[str]:
        """Names of the campaigns that have experiments which are asked for."""
        with open_record(self._settings) as ledger:
            return frozenset(c.name for c in ledger.campaigns() if has_asked(c.spec))

    def report(self, name: str) -> str:
        """A campaign's report.

        Raises:
            NotFound: There is no such campaign.
        """
        with open_record(self._settings) as ledger:
            entry, older = ledger.last_entry(), said_of_older(self._settings, name, ledger)
            edited = engine.said_of_edits(self._settings, name)
            said = (older, edited)
        if (drawn := self._drawn.get(name)) is not None and drawn[:2] == (entry, said):  # nothing was written since
            return drawn[3]
        known = self._as_of(name)
        with self._drawing:
            drawn = self._drawn.get(name)
            if drawn is not None and drawn[1:3] == (said, known):
                page = drawn[3]
            else:
                page = render(in_full(self._settings, name, look=audited)[0], edited)
            self._drawn[name] = (entry, said, known, page)
        return page

    def _as_of(self, name: str) -> object:
        """What of a campaign's record a page shows, as far as it may change: results, and what people decided."""
        said = engine.status(self._settings, name)[0]
        with open_record(self._settings) as ledger:
            view = View(ledger, name)
            decided = (len(view.undecided), len(view.decisions), ledger.stops(name, with_lifted=True))
            moved = tuple((a.key, a.state, a.updated) for a in view.attempts)  # a clock that was set back is no news
            came = (said.changed, tuple(o.id for o in view.observations), said.unjudged)
        return said.version, said.state, said.reason, said.round, moved, came, decided
