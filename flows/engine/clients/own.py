"""A client's own experiments, which nobody proposed: told with their settings, as a row of a table would be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from flows.engine.clients.cells import Cell, as_cell
from flows.engine.clients.handing import check_request
from flows.engine.looking.reports import TellReport
from flows.engine.people.rows import TELL, draft_row
from flows.engine.people.telling import TellError, tell_rows

if TYPE_CHECKING:
    from flows.settings import Settings

MOST: Final = 100_000  # rows of one request


def tell_own(settings: Settings, name: str, rows: Sequence[Mapping[str, Cell]], *, request: str, by: str) -> TellReport:
    """Tell results with the settings that they were made under; the same request again adds nothing.

    Args:
        settings: Where the record is.
        name: The campaign.
        rows: Each by column, as a told table has them: parameters, targets (a value, or a limit such as ``<1``),
            ``outcome``, ``yield sd``, ``plate``, ...
        request: A key of the client's own, as of ``flows.engine.clients.handing.ask``.
        by: Who tells them, as it stands in the record.

    Raises:
        NotFound: There is no such campaign.
        AskError: The request is wrong.
        TellError: There are no rows, too many, or a cell is neither text nor number.
        LeaseHeld: Somebody else works on the campaign and gives no way within a minute.
    """
    check_request(request, by)
    if not 1 <= len(rows) <= MOST:
        raise TellError(f"a request tells 1 to {MOST} results, got {len(rows)}; tell more in a file")
    file, seen = f"{by} {request}".replace("/", "_"), Counter[str]()
    drafts = []
    for line, row in enumerate(rows, start=1):
        header = [*row]
        cells = [as_cell(column, value, TellError) for column, value in row.items()]
        drafts.append(draft_row(f"{TELL}{file}:{line}", header, cells, seen))
    return tell_rows(settings, name, file, drafts, by=by)
