"""Writing rows together with the audit entry that seals them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from db import tables as t
from db.audit import Chain, Sealing, as_stored
from db.rows import Rows
from loop.record import Json

Part: TypeAlias = tuple[type[t.Base], Rows]


class Writer:
    """Writes rows together with the audit entry that seals them."""

    def __init__(
        self, session: Session, *, clock: Callable[[], datetime], new_id: Callable[[], str], actor: str
    ) -> None:
        self.session, self.now, self.new_id, self._actor = session, clock, new_id, actor
        self._chain = Chain(session)
        self.has_written = False

    def next_number(self) -> int:
        """The number of the audit entry that is written next."""
        return self._chain.next_number()

    def write(self, action: str, detail: Json, *parts: Part) -> None:
        """Insert ``parts`` in that order, save changed rows, append the entry."""
        self.write_all(action, [(detail, parts)])

    def write_all(self, action: str, entries: Sequence[tuple[Json, Sequence[Part]]]) -> None:
        """The same of several entries, each with its detail and parts: the tables of all stand in one order."""
        first = self.next_number()
        self.session.flush()
        together: dict[Table, Rows] = {}
        sealed: list[dict[str, Rows]] = []
        for number, (_, parts) in enumerate(entries, first):
            mine: dict[str, Rows] = {}
            for table, rows in parts:
                plain = t.Base.metadata.tables[name := table.__tablename__]  # rows of mapped classes take twice as long
                stored = [as_stored(plain, {**row, "entry": number}) for row in rows]
                together.setdefault(plain, []).extend(stored)
                if stored:
                    mine[name] = stored
            sealed.append(mine)
        for plain, stored in together.items():
            if stored:
                self.session.execute(insert(plain), stored)
        self._chain.append(
            [
                Sealing(self.now(), self._actor, action, detail, rows)
                for (detail, _), rows in zip(entries, sealed, strict=True)
            ]
        )
        self.has_written = True
