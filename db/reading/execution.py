"""Reading what is carried out: attempts, and the life of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from db import tables as t
from db.reading.plan import place_of, to_candidate
from loop.errors import NotFound
from loop.experiment import Event, State
from loop.record import AttemptEventRecord, AttemptRecord


def attempts(session: Session, *where: ColumnElement[bool]) -> tuple[AttemptRecord, ...]:
    """By round, run order, replicate and attempt number."""
    rows: Sequence[Any] = session.execute(_attempts().where(*where)).all()
    records = []
    for row in rows:
        point = to_candidate(row)
        records.append(
            AttemptRecord(
                row.id,
                row.proposal_id,
                row.candidate_id,
                row.number,
                row.position,
                row.run_order,
                row.replicate_no,
                row.attempt_no,
                point.settings,
                point.smiles,
                State(row.state),
                row.adapter,
                row.handle,
                row.updated,
                place_of(row),
            )
        )
    return tuple(records)


@cache
def _attempts() -> Select[*tuple[Any, ...]]:
    """Every attempt, as ``attempts`` reads them."""
    attempt_, proposal, candidate = t.Attempt, t.Proposal, t.Candidate
    return (
        select(  # not whole rows: every pass reads all attempts of a campaign, several times
            *(attempt_.id, attempt_.proposal_id, attempt_.replicate_no, attempt_.attempt_no, attempt_.state),
            *(attempt_.adapter, attempt_.handle, attempt_.updated),
            *(proposal.position, proposal.run_order, proposal.plate, proposal.well, proposal.block),
            *(candidate.id.label("candidate_id"), candidate.spec, candidate.inchikey),
            t.Round.number,
        )
        .join(proposal, proposal.id == attempt_.proposal_id)
        .join(t.Round, t.Round.id == proposal.round_id)
        .join(candidate, candidate.id == proposal.candidate_id)
        .order_by(t.Round.number, proposal.run_order, proposal.position, attempt_.replicate_no, attempt_.attempt_no)
    )


def attempts_of(session: Session, owner: str, states: Iterable[State] | None) -> tuple[AttemptRecord, ...]:
    """Of one campaign, in some states or in all."""
    where: list[ColumnElement[bool]] = [t.Round.campaign_id == owner]
    if states is not None:
        where.append(t.Attempt.state.in_([state.value for state in states]))
    return attempts(session, *where)


def attempt(session: Session, key: str) -> AttemptRecord:
    """By key, or by a beginning that only one has; raises ``NotFound``."""
    if key and key.isascii() and "\x00" not in key:  # as every key is; PostgreSQL looks for no other
        if whole := attempts(session, t.Attempt.id == key):  # nearly always, and no other key is looked at
            return whole[0]
        beginning = t.Attempt.id.istartswith(key, autoescape=True)  # SQLite's LIKE knows no case
        ids = session.scalars(select(t.Attempt.id).where(beginning).limit(4)).all()
        if len(ids) == 1:
            return attempts(session, t.Attempt.id == ids[0])[0]
        if ids:
            raise NotFound(f"attempt {key!r} is not one alone: {', '.join(sorted(ids))} …; give more of the key")
    raise NotFound(f"no attempt has the key {key!r}; hakken show CAMPAIGN ROUND --json lists the keys there are")


def events(session: Session, key: str) -> tuple[AttemptEventRecord, ...]:
    """The life of an attempt, in order; the key may be a beginning, as in ``attempt``."""
    whole = attempt(session, key).key
    event = t.AttemptEvent
    rows = session.scalars(select(event).where(event.attempt_id == whole).order_by(event.number))
    return tuple(_step(e) for e in rows)


def steps(session: Session, owner: str) -> tuple[AttemptEventRecord, ...]:
    """Every step of every attempt of one campaign: attempt by attempt, each in order."""
    return tuple(
        AttemptEventRecord(key, Event(word), State(before), State(after), detail, at)
        for key, word, before, after, detail, at in session.execute(_steps().where(t.Round.campaign_id == owner))
    )


@cache
def _steps() -> Select[*tuple[Any, ...]]:
    """Every step of every attempt, as ``steps`` reads them."""
    event = t.AttemptEvent
    columns = (event.attempt_id, event.event, event.before, event.after, event.detail, event.at)
    return (
        select(*columns)  # not whole rows: there are three for each attempt
        .join(t.Attempt, t.Attempt.id == event.attempt_id)
        .join(t.Proposal, t.Proposal.id == t.Attempt.proposal_id)
        .join(t.Round, t.Round.id == t.Proposal.round_id)
        .order_by(event.attempt_id, event.number)
    )


def _step(e: t.AttemptEvent) -> AttemptEventRecord:
    return AttemptEventRecord(e.attempt_id, Event(e.event), State(e.before), State(e.after), e.detail, e.at)
