"""What a told file may be beside a table: calculations in QCSchema."""

from __future__ import annotations

from flows.engine.people.calculations import calculations_in_csv, is_calculations
from loop.sheets.files import NoTable, TableFile, read_table_file
from loop.spec import CampaignSpec


def table_told(data: bytes, spec: CampaignSpec) -> TableFile:
    """The table that a file tells a campaign, whatever it is written as.

    Raises:
        NoTable: It is none, or damaged.
    """
    if not is_calculations(data):
        return read_table_file(data)
    try:
        return read_table_file(calculations_in_csv(data, spec))
    except NoTable:
        raise
    except (ValueError, OSError, EOFError) as error:
        raise NoTable(f"a file of QCSchema that is cut short or damaged ({error}); write it anew") from None
