"""A campaign's report with all that takes seconds more: the verdict on its models, and what its parameters add."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flows import engine, report
from flows.engine.last_round import said_of_older
from flows.engine.looking.audited import Audited
from flows.wiring import open_record, raw_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flows.settings import Settings
    from loop.contracts import Ledger


def gone_through(_: Settings, ledger: Ledger) -> Audited:
    """What is found in the whole audit log now."""
    return Audited(ledger.verify_audit())


def in_full(
    settings: Settings, name: str, path: Path | None = None, look: Callable[[Settings, Ledger], Audited] = gone_through
) -> tuple[report.Report, str]:
    """The report, and a note where a part of it could not be had; "" where all of it could.

    ``path`` is where its page is to lie, None where it lies nowhere and links lead to no file; ``look`` tells what is
    to be said of the audit log.

    Raises:
        NotFound: There is no such campaign.
    """
    note, folder = "", settings.folder(name)
    with open_record(settings) as ledger:
        view = engine.View(ledger, name)
        try:
            verdict = engine.examined(view)
        except Exception as error:  # the page has all the rest
            verdict, note = {}, f"the models could not be examined ({type(error).__name__}: {error})"
        found = look(settings, ledger)
        page = report.build(
            ledger,
            name,
            engine.believed(view, folder),
            engine.insights_of(view, folder, verdict),
            raw_files(settings),
            view.left_out,
            found.report,
            found.at,
            path,
        )
        older = said_of_older(settings, name, ledger)
    return replace(page, head=replace(page.head, older=older)), note
