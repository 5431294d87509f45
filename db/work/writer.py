"""Writing rows together with the audit entry that seals them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.orm import Session

from db import tables as t
from db.audit import Chain, as_stored
from db.rows import Rows
from loop.record import Json


class Writer:
    """Writes rows together with the audit entry that seals them."""

    def __init__(
        self, session: Session, *, clock: Callable[[], datetime], new_id: Callable[[], str], actor: str
    ) -> None:
        self.session, self.now, self.new_id, self._actor = session, clock, new_id, actor
        self._chain = Chain(session)
        self.has_written = False

    def write(self, action: str, detail: Json, *parts: tuple[type[t.Base], Rows]) -> int:
        """Insert ``parts`` in that order, save changed rows, append the entry; returns its number."""
        number = self._chain.next_number()
        self.session.flush()
        sealed: dict[str, Rows] = {}
        for table, rows in parts:
            if rows:
                plain = t.Base.metadata.tables[name := table.__tablename__]  # rows of mapped classes take twice as long
                sealed[name] = [as_stored(plain, {**row, "entry": number}) for row in rows]
                self.session.execute(insert(plain), sealed[name])
        self._chain.append(at=self.now(), actor=self._actor, action=action, detail=detail, rows=sealed)
        self.has_written = True
        return number
