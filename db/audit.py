"""The audit log: a hash chain over everything written, and the examination of it.

Each entry is written in the transaction of the rows that it seals. Those rows carry its number (``entry``), and its
detail carries, for each table, how many rows they are and the SHA-256 over them. So a row altered, removed or
slipped in behind the triggers' back is found, and the entry that it belongs to is named.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from itertools import groupby
from typing import Any, Final

from sqlalchemy import BigInteger, Float, Integer, Select, Table, func, insert, select, text
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from db import tables
from db.canonical import canonical, sha256
from loop.contracts import AuditReport
from loop.record import AuditEntry, Json
from loop.wording import plural

START: Final = "0" * 64  # what the first entry stands on
_CHAIN_LOCK: Final = 0x68616B6B  # any number that nobody else locks in this database

_SPELT: Final = json.JSONEncoder(sort_keys=True).encode
_SEALED: Final[tuple[Table, ...]] = (*tables.FACTS, tables.Base.metadata.tables["attempt"])


@dataclass(frozen=True, slots=True)
class Sealing:
    """What an entry is to say, and the rows that it seals: by table, as ``as_stored`` gives them."""

    at: datetime
    actor: str
    action: str
    detail: Json
    rows: Mapping[str, list[dict[str, Any]]]


class Chain:
    """The end of the chain inside one write transaction; holds the lock on it from the first entry on."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._head: tuple[int, str] | None = None

    def next_number(self) -> int:
        """The number that the next entry will have, for the rows that are written with it."""
        return self._locked_head()[0] + 1

    def append(self, sealings: Sequence[Sealing]) -> None:
        """Write the entries, in their order."""
        number, previous = self._locked_head()
        entries = []
        for place, one in enumerate(sealings, number + 1):
            sealed = {
                name: [len(some), seal(tables.Base.metadata.tables[name], some)]
                for name, some in sorted(one.rows.items())
            }
            entry: dict[str, Any] = {
                "number": place,
                "at": one.at,
                "actor": one.actor,
                "action": one.action,
                "detail": canonical({**one.detail, "rows": sealed}, f"the audit entry of {one.action}"),
                "previous": previous,
            }
            entry["hash"] = previous = _hash(*entry.values())
            entries.append(entry)
        self._session.execute(insert(tables.Base.metadata.tables[tables.AuditLog.__tablename__]), entries)
        self._head = (number + len(entries), previous)

    def _locked_head(self) -> tuple[int, str]:
        if self._head is None:
            if self._session.get_bind().dialect.name == "postgresql":  # SQLite has one writer at a time anyway
                self._session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CHAIN_LOCK})
            last = self._session.execute(_end()).first()
            self._head = (last[0], last[1]) if last else (0, START)
        return self._head


@cache
def _end() -> Select[*tuple[Any, ...]]:
    """Number and hash of the end of the chain."""
    log = tables.AuditLog.__table__.c
    return select(log.number, log.hash).order_by(log.number.desc()).limit(1)


@cache
def _last_number() -> Select[*tuple[Any, ...]]:
    return select(func.max(tables.AuditLog.__table__.c.number))


def as_stored(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """``row`` with each value as the database gives it back: plain text, and a float where the column is one."""
    stored = dict(row)
    for column in table.columns:
        value = stored.get(column.name)
        if isinstance(value, Enum):
            stored[column.name] = value.value
        elif value is not None and isinstance(column.type, Float | Integer):
            stored[column.name] = column.type.python_type(value)
    return stored


def seal(table: Table, rows: Iterable[Json]) -> str:
    """SHA-256 over rows in any order. Empty columns do not count, so a later schema may add some."""
    ignored = {"entry", *(tables.MUTABLE_OF_ATTEMPT if table.name == "attempt" else ())}
    return sha256("\n".join(sorted(_spell(row, ignored) for row in rows)))


def last_entry(session: Session) -> int:
    """The number of the end of the chain, 0 before its first entry."""
    return session.scalar(_last_number()) or 0


def entries(session: Session) -> tuple[AuditEntry, ...]:
    """The whole chain, oldest first."""
    log = session.scalars(select(tables.AuditLog).order_by(tables.AuditLog.number))
    return tuple(AuditEntry(e.number, e.at, e.actor, e.action, json.loads(e.detail), e.previous, e.hash) for e in log)


def examine(session: Session) -> AuditReport:
    """Recompute the chain and every seal; the first entry that does not hold is named."""
    try:
        log = _log(session)
    except (ValueError, TypeError) as error:
        return AuditReport(0, False, None, f"the audit log itself cannot be read ({error}); restore a backup")
    found: dict[int, str] = {}
    _examine_chain(log, found)
    _examine_rows(session, log, found)
    for name, examined in (("attempt", _examine_attempts), ("campaign", _examine_campaigns)):
        try:
            examined(session, log, found)
        except (ValueError, TypeError) as error:  # what stands in a time is none
            found.setdefault(max(len(log), 1), f"table {name} cannot be read ({error})")
    if not found:
        return AuditReport(len(log), True, head=log[-1].hash if log else "")
    first = min(found)
    return AuditReport(len(log), False, first, found[first])


def _examine_chain(log: Sequence[Any], found: dict[int, str]) -> None:
    previous = START
    for expected, entry in enumerate(log, start=1):
        if entry.number != expected:
            found[expected] = f"entry {expected} is missing; the next one there is {entry.number}"
            return
        if entry.previous != previous:
            found[expected] = f"entry {expected} does not stand on the entry before it; one of them was replaced"
            return
        if entry.hash != _hash(*entry[:-1]):
            found[expected] = f"entry {expected} ({entry.action}) was altered: its hash does not fit its content"
            return
        previous = entry.hash


def _examine_rows(session: Session, log: Sequence[Any], found: dict[int, str]) -> None:
    promised: dict[tuple[str, int], tuple[int, str]] = {}
    for entry in log:
        try:
            sealed = json.loads(entry.detail)["rows"]
            promised.update({(name, entry.number): (count, sha) for name, (count, sha) in sealed.items()})
        except (ValueError, KeyError, TypeError, AttributeError):
            found.setdefault(entry.number, f"entry {entry.number} ({entry.action}) cannot be read")
    for table in _SEALED:
        mine = [number for name, number in promised if name == table.name]
        try:
            # Entry by entry: of a long campaign the rows of a table would fill the memory.
            for number, rows in groupby(_rows(session, table), key=lambda row: int(row["entry"])):
                some = [*rows]
                count, sha = promised.pop((table.name, number), (0, ""))
                if (len(some), seal(table, some)) != (count, sha):
                    what = (
                        f"holds {plural(len(some), 'row')} where {count} {'was' if count == 1 else 'were'} written"
                        if len(some) != count
                        else "was altered"
                    )
                    found.setdefault(number, f"table {table.name} {what}, in the rows that entry {number} seals")
        except (ValueError, TypeError) as error:  # what stands there is no time, or no number
            first = min(mine, default=1)
            found.setdefault(first, f"table {table.name} cannot be read ({error}); entry {first} is its first")
            for number in mine:
                promised.pop((table.name, number), None)
    for (name, number), (count, _) in promised.items():
        found.setdefault(
            number, f"table {name} lost {'the row' if count == 1 else f'all {count} rows'} that entry {number} seals"
        )


def _examine_attempts(session: Session, _log: Sequence[Any], found: dict[int, str]) -> None:
    """An attempt's state, adapter, handle and time are what its last event says; it may change, so no seal holds it."""
    event, row = tables.AttemptEvent, tables.Attempt
    steps = select(event.attempt_id, event.entry, event.after, event.adapter, event.handle, event.at)
    last = {step.attempt_id: step for step in session.execute(steps.order_by(event.attempt_id, event.number))}
    for attempt in session.execute(select(row.id, row.entry, row.state, row.adapter, row.handle, row.updated)):
        if (seen := last.get(attempt.id)) is not None:
            said = (
                (attempt.state, seen.after),
                (attempt.adapter, seen.adapter),
                (attempt.handle, seen.handle),
                (attempt.updated, seen.at),
            )
            for mine, its in said:
                if mine != its:
                    message = f"attempt {attempt.id} says {mine}, and its last event (entry {seen.entry}) {its}"
                    found.setdefault(seen.entry, message)
            continue
        for mine, its in ((attempt.state, "ready"), (attempt.adapter, None), (attempt.handle, None)):
            if mine != its:
                message = f"attempt {attempt.id} says {mine}, and no event since entry {attempt.entry}"
                found.setdefault(attempt.entry, message)


def _examine_campaigns(session: Session, log: Sequence[Any], found: dict[int, str]) -> None:
    """A campaign's name, version, state, age and count of data are what the log and its facts say.

    The row may change, so no seal holds it.
    """
    version, campaign = tables.CampaignVersion, tables.Campaign
    versions = select(version.entry, version.campaign_id, version.number, version.created)
    opened = {v.entry: v for v in session.execute(versions)}
    columns = (campaign.id, campaign.name, campaign.version, campaign.state, campaign.reason)
    rows = {row.id: row for row in session.execute(select(*columns, campaign.created, campaign.data_version))}
    names = {row.name: row.id for row in rows.values()}
    last: dict[str, int] = {}  # by id of a campaign, the entry that tells of it last
    said: dict[str, dict[str, Any]] = {}  # by id of a campaign, what each of its columns is to be
    for entry in log:
        if entry.action not in ("open_campaign", "set_state"):
            continue
        try:
            detail = json.loads(entry.detail)
            if entry.action == "open_campaign":
                its = opened[entry.number]
                of, told = its.campaign_id, {"name": detail["campaign"], "version": its.number}
                if its.number == 1:
                    told["created"] = its.created
            else:
                is_active = detail["after"] == "active"
                of = names[detail["campaign"]]
                told = {"state": detail["after"], "reason": "" if is_active else detail["reason"]}
        except (ValueError, KeyError, TypeError):
            continue  # altered or lost, which is named where seals are looked at, or below
        said.setdefault(of, {"state": "active", "reason": ""}).update(told)
        last[of] = entry.number
    for of, (count, entry_number) in _data_of(session).items():
        if of in said:
            said[of]["data_version"] = count
            last[of] = max(last[of], entry_number)
    for id_, told in said.items():
        row = rows.get(id_)
        if row is None:
            found.setdefault(last[id_], f"campaign {told.get('name')!r} is lost, of which entry {last[id_]} tells")
            continue
        for column, value in told.items():
            if (stands := getattr(row, column)) != value:
                found.setdefault(
                    last[id_], f"campaign {row.name!r} has {column} {stands!r}, and by entry {last[id_]} {value!r}"
                )
    for id_ in sorted(rows.keys() - said.keys()):  # after all else: an entry that opened it may be what was altered
        found.setdefault(max(len(log), 1), f"campaign {rows[id_].name!r} is there, and no entry opened it")


def _data_of(session: Session) -> dict[str, tuple[int, int]]:
    """By id of a campaign, how often its data changed by its facts, and the entry that did so last."""
    campaign, outcome, retraction = tables.Campaign, tables.Outcome, tables.Retraction
    found = dict.fromkeys(session.scalars(select(campaign.id)), (0, 0))
    came = select(outcome.campaign_id, func.count(), func.max(outcome.entry)).group_by(outcome.campaign_id)
    went = (
        select(outcome.campaign_id, func.count(), func.max(retraction.entry))
        .join(retraction, retraction.outcome_id == outcome.envelope_id)
        .group_by(outcome.campaign_id)
    )
    for changes in (came, went):
        for id_, count, entry in session.execute(changes):
            if id_ in found and isinstance(entry, int):
                found[id_] = (found[id_][0] + count, max(found[id_][1], entry))
    return found


def _log(session: Session) -> Sequence[Any]:
    """The whole chain, oldest first: every column of each entry, the hash last."""
    log = tables.AuditLog
    columns = (log.number, log.at, log.actor, log.action, log.detail, log.previous, log.hash)
    return session.execute(select(*columns).order_by(log.number)).all()


def _rows(session: Session, table: Table) -> Iterator[dict[str, Any]]:
    # SQLite stores whatever it is given in an integer column; the cast keeps a damaged ``entry`` sortable.
    order = sql_cast(table.c.entry, BigInteger)
    names = [column.name for column in table.columns]
    found = session.connection().execute(select(table).order_by(order))
    return (dict(zip(names, row, strict=True)) for row in found)


def _spell(row: Json, ignored: Container[str]) -> str:
    return _SPELT({name: _text(value) for name, value in row.items() if value is not None and name not in ignored})


def _text(value: Any) -> Any:
    if type(value) is str:  # nearly all of them, of some millions
        return value
    if isinstance(value, float):
        return value + 0.0  # -0.0 is 0.0, as which SQLite gives it back
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _hash(number: int, at: datetime, *said: str) -> str:
    """Of an entry: who wrote it, what that did, its detail, and the hash before it."""
    return sha256(json.dumps([number, _text(at), *said]))
