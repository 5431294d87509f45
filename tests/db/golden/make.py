"""Makes a release's golden database: ``python tests/db/golden/make.py tests/db/golden/VERSION.sqlite``.

Run it once per release, before the schema changes again; a golden file, once committed, is never made anew.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[3]))

from db import open_ledger
from loop.testing.ledger import Clock
from tests.db.conftest import _fill


def main(path: Path) -> None:
    """Fill a new ledger and leave one file: no log beside it."""
    with open_ledger(str(path), clock=Clock()) as ledger:
        _fill(ledger)
        with ledger._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA page_size = 1024")  # most of its tables hold a few rows
        connection.execute("VACUUM")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
