"""The ledger on a database: ``open_ledger(url)``, and the record of every campaign behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TypeAlias

from sqlalchemy import select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from db import audit, reading, rights, rules, schema, wishes
from db import engine as engines
from db import tables as t
from db.canonical import canonical, sha256
from db.clocks import common_now, local_now
from db.errors import AlreadyOnRecord, translated
from db.ids import uuid7
from db.work import SqlWork, Writer
from db.work.safety import stop_row
from loop.as_written import as_written
from loop.checkpoints import reached
from loop.contracts import Artifact, AuditReport
from loop.decision import DecisionRecord
from loop.errors import LedgerError
from loop.experiment import State
from loop.record import (
    AttemptEventRecord,
    AttemptRecord,
    AuditEntry,
    CampaignRecord,
    CampaignState,
    EnvelopeRecord,
    Json,
    Lease,
    ObservationRecord,
    ProposalRecord,
    RoundRecord,
)
from loop.safety import SafetyStop, bench_of, check_stop

Written: TypeAlias = Callable[[str], Sequence[str]]  # the parameters of a campaign as its file has them, by its name


def _nobody_noted(_: str) -> tuple[str, ...]:
    return ()


def open_ledger(
    url: str,
    *,
    clock: Callable[[], datetime] = local_now,
    new_id: Callable[[], str] = uuid7,
    written: Written = _nobody_noted,
) -> SqlLedger:
    """The ledger at ``url`` (``sqlite:///FILE``, a plain path, or ``postgresql://…``), made if it is new.

    A database of an older schema is migrated, a SQLite file after a copy to ``FILE.before-REVISION``.

    Specs come back with their parameters as they are ``written``, where somebody noted that: the record sorts them.

    Raises:
        SchemaTooNew: A newer hakken wrote it; nothing was changed.
        NotALedger: It holds something else.
        LedgerBusy: It cannot be reached now.
        LedgerError: The URL cannot be read.
    """
    return _opened(url, schema.bring_up_to_date, clock, new_id, written)


def reopen_ledger(
    url: str,
    *,
    clock: Callable[[], datetime] = local_now,
    new_id: Callable[[], str] = uuid7,
    written: Written = _nobody_noted,
) -> SqlLedger:
    """The ledger at ``url`` that was made before: nothing is put into an empty database.

    Raises:
        NothingYet: The database is empty.
        LedgerError: As in ``open_ledger``.
    """
    return _opened(url, schema.migrate_older, clock, new_id, written)


def has_ledger(url: str) -> bool:
    """Whether the database at ``url``, which is there, has a ledger in it; False where it is empty.

    Raises:
        LedgerError: As in ``open_ledger``.
    """
    engine = engines.borrow(url)
    try:
        with translated(engines.shown(engine)):
            return schema.found_in(engine) is not None
    finally:
        engines.give_back(engine)


def _opened(
    url: str,
    bring: Callable[[Engine, Callable[[], datetime]], None],
    clock: Callable[[], datetime],
    new_id: Callable[[], str],
    written: Written,
) -> SqlLedger:
    engine = engines.borrow(url)
    try:
        with translated(shown := engines.shown(engine)):
            bring(engine, clock)
    except BaseException:
        engines.give_back(engine)
        raise
    return SqlLedger(engine, shown, clock=clock, new_id=new_id, written=written)


class SqlLedger:
    """``loop.contracts.Ledger`` on SQLite or PostgreSQL. Close it, or use it in a ``with``."""

    def __init__(
        self,
        engine: Engine,
        shown: str,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        written: Written = _nobody_noted,
    ) -> None:
        self.commits = 0  # write transactions committed through this object
        self._engine, self._shown, self._clock, self._new_id, self._written = engine, shown, clock, new_id, written
        self._here = threading.local()  # whether this thread is inside a write
        self._ids: dict[str, str] = {}  # of campaigns on record, by name: neither ever changes
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back; the object is of no use afterwards."""
        if not self._is_closed:
            self._is_closed = True
            engines.give_back(self._engine)

    # Campaigns and leases

    def open_campaign(self, name: str, spec: Json, *, by: str) -> CampaignRecord:
        """The campaign of that name, made if it is new. A changed spec becomes a new version."""
        text = canonical(spec, f"the spec of campaign {name!r}")
        sha = sha256(text)
        if not name.strip():
            raise LedgerError("a campaign needs a name; give it one in the spec's first line (campaign: NAME)")
        try:
            return self._in_order(self._version_opened(name, text, sha, by))
        except AlreadyOnRecord:  # another process made it at the same moment, which only SQLite has wait
            return self._in_order(self._version_opened(name, text, sha, by))

    def _version_opened(self, name: str, text: str, sha: str, by: str) -> CampaignRecord:
        with self._reading() as session:  # opening what is there as it is costs no write
            known = reading.campaigns(session, t.Campaign.name == name)
        if known and known[0].spec_sha == sha:
            return known[0]
        with self._writing(actor=by) as writer:
            self._save_version(writer, name, text, sha, by)
            return reading.campaign(writer.session, name)

    def _save_version(self, writer: Writer, name: str, text: str, sha: str, by: str) -> None:
        session, now = writer.session, writer.now()
        there = select(t.Campaign).where(t.Campaign.name == name).with_for_update(key_share=True)
        row = session.scalars(there).one_or_none()
        if row is not None:
            in_force = session.get_one(t.CampaignVersion, (row.id, row.version))
            if in_force.sha == sha:
                return
            row.version += 1
        else:
            row = t.Campaign(
                id=writer.new_id(),
                name=name,
                state=CampaignState.ACTIVE.value,
                reason="",
                version=1,
                data_version=0,
                epoch=0,
                lease_holder=None,
                lease_expires=None,
                created=now,
            )
            session.add(row)
        version = {
            "campaign_id": row.id,
            "number": row.version,
            "spec": text,
            "sha": sha,
            "by": by,
            "created": now,
        }
        writer.write(
            "open_campaign",
            {"campaign": name, "version": row.version, "spec_sha": sha},
            (t.CampaignVersion, [version]),
        )

    def campaign(self, name: str) -> CampaignRecord:
        """Raises ``NotFound``, listing the names there are."""
        with self._reading() as session:
            record = reading.campaign(session, name)
        self._ids[name] = record.id
        return self._in_order(record)

    def campaigns(self) -> tuple[CampaignRecord, ...]:
        """All of them, oldest first."""
        with self._reading() as session:
            return tuple(map(self._in_order, reading.campaigns(session)))

    def spec_version(self, name: str, version: int) -> Json:
        """The resolved spec as it was in that version; raises ``NotFound``."""
        with self._reading() as session:
            return as_written(
                reading.spec_version(session, self._id(session, name), name, version), self._written(name)
            )

    def _in_order(self, record: CampaignRecord) -> CampaignRecord:
        """The record with the parameters of its spec as they are written."""
        return replace(record, spec=as_written(record.spec, self._written(record.name)))

    def acquire(self, name: str, holder: str, ttl: timedelta) -> Lease:
        """Take the lease if it is free, expired or the holder's own; the epoch grows by one each time.

        Taking over an expired lease is audited; plain taking and giving back is a lock, not a fact.

        Raises:
            LeaseHeld: Somebody else has it; the message says who, and until when.
            NotFound: There is no such campaign.
        """
        with self._writing(actor=holder) as writer:
            session, now = writer.session, common_now(writer.session, self._clock)
            row = session.get_one(t.Campaign, self._id(session, name), with_for_update={"key_share": True})
            before = row.lease_holder
            if before not in (None, holder) and row.lease_expires is not None:
                if row.lease_expires > now:
                    raise rules.held(name, str(before), row.lease_expires, now)
                detail = {"campaign": name, "from": before, "epoch": row.epoch + 1}
                writer.write("take_over_lease", detail)
            row.epoch += 1
            row.lease_holder, row.lease_expires = holder, now + ttl
            writer.has_written = True
            return Lease(row.id, holder, row.epoch, row.lease_expires)

    def release(self, lease: Lease) -> None:
        """Give the lease back; a stale one changes nothing."""
        with self._writing(actor=lease.holder) as writer:
            row = writer.session.get(t.Campaign, lease.campaign_id, with_for_update={"key_share": True})
            if row is not None and (row.epoch, row.lease_holder) == (lease.epoch, lease.holder):
                row.lease_holder = row.lease_expires = None
                writer.has_written = True

    @contextmanager
    def wish(self, name: str) -> Iterator[None]:
        """Show for the length of the block that somebody waits for the campaign; raises ``NotFound``."""
        with self._reading() as session:
            campaign = self._id(session, name)
        with translated(self._shown), wishes.wished(self._engine, campaign):
            yield

    def is_wished(self, lease: Lease) -> bool:
        """Whether somebody waits for the campaign that ``lease`` is on."""
        with translated(self._shown):
            return wishes.is_wished(self._engine, lease.campaign_id)

    @contextmanager
    def work(self, lease: Lease, *, actor: str = "engine") -> Iterator[SqlWork]:
        """One transaction: all that happens inside is saved together, or none of it is.

        Raises:
            StaleLease: The lease was released or taken over.
            LedgerError: This thread is inside a unit of work already.
        """
        with self._writing(actor=actor, label="work") as writer:
            yield SqlWork(writer, lease)

    # Reading

    def rounds(self, name: str) -> tuple[RoundRecord, ...]:
        """By number."""
        with self._reading() as session:
            return reading.rounds(session, self._id(session, name))

    def round(self, name: str, number: int) -> RoundRecord:
        """Raises ``NotFound``, listing the numbers there are."""
        with self._reading() as session:
            return reading.one_round(session, self._id(session, name), name, number)

    def proposals(self, name: str, round_number: int | None = None) -> tuple[ProposalRecord, ...]:
        """Of one round or of all, ordered by round and position, predictions included."""
        with self._reading() as session:
            where = [] if round_number is None else [reading.numbered(round_number)]
            return reading.proposals(session, self._id(session, name), *where)

    def attempts(self, name: str, states: Iterable[State] | None = None) -> tuple[AttemptRecord, ...]:
        """Ordered by round, run order, replicate and attempt number."""
        with self._reading() as session:
            return reading.attempts_of(session, self._id(session, name), states)

    def attempt(self, key: str) -> AttemptRecord:
        """By key, or by a beginning of it that only one has. Raises ``NotFound``."""
        with self._reading() as session:
            return reading.attempt(session, key)

    def events(self, key: str) -> tuple[AttemptEventRecord, ...]:
        """The life of an attempt, in order. Raises ``NotFound``."""
        with self._reading() as session:
            return reading.events(session, key)

    def steps(self, name: str) -> tuple[AttemptEventRecord, ...]:
        """Every step of every attempt of a campaign: attempt by attempt, each in order."""
        with self._reading() as session:
            return reading.steps(session, self._id(session, name))

    def envelopes(self, name: str, *, unjudged_only: bool = False) -> tuple[EnvelopeRecord, ...]:
        """Everything received, in that order."""
        with self._reading() as session:
            where = [t.ResultEnvelope.campaign_id == self._id(session, name)]
            if unjudged_only:
                where.append(t.EnvelopeJudgement.envelope_id.is_(None))
            return reading.envelopes(session, *where)

    def observations(self, name: str, *, with_retracted: bool = False) -> tuple[ObservationRecord, ...]:
        """Accepted outcomes in a canonical order that does not depend on the order of arrival."""
        with self._reading() as session:
            where = [t.Outcome.campaign_id == self._id(session, name)]
            if not with_retracted:
                where.append(t.Retraction.outcome_id.is_(None))
            return reading.observations(session, *where)

    def decisions(self, name: str) -> tuple[DecisionRecord, ...]:
        """What people decided, in the order made."""
        with self._reading() as session:
            return reading.decisions(session, self._id(session, name))

    def stops(self, name: str, *, with_lifted: bool = False) -> tuple[SafetyStop, ...]:
        """Safety stops that hold for a campaign: its own, and its bench's."""
        with self._reading() as session:
            self._id(session, name)  # or it is not found
            where = [] if with_lifted else [t.SafetyLift.stop_id.is_(None)]
            return reading.stops_of(session, name, *where)

    def halt(self, name: str, *, by: str, why: str) -> SafetyStop:
        """Put a safety stop on record, whoever holds the lease."""
        check_stop(by, why)
        with self._writing(actor=by, label="halt") as writer:
            campaign = reading.campaign(writer.session, name)
            row = stop_row(writer.new_id(), campaign.id, bench_of(campaign.spec), by, why) | {"at": writer.now()}
            writer.write("safety_stop", {"campaign": name, "by": by, "why": why}, (t.SafetyStop, [row]))
            return reading.stops(writer.session, t.SafetyStop.id == row["id"])[0]

    def artifacts(self, name: str) -> tuple[Artifact, ...]:
        """In the order kept."""
        with self._reading() as session:
            return reading.artifacts(session, self._id(session, name))

    def last_entry(self) -> int:
        """Number of the last entry of the audit log, 0 before the first; while it stays, no fact has changed."""
        with self._reading() as session:
            return audit.last_entry(session)

    def audit(self) -> tuple[AuditEntry, ...]:
        """The whole hash chain, oldest first."""
        with self._reading() as session:
            return audit.entries(session)

    def verify_audit(self) -> AuditReport:
        """Recompute the hash chain and the seal on every fact; names the first entry that does not hold."""
        with self._reading() as session:
            return audit.examine(session)

    def why_only_read(self) -> str:
        """Why this user of a server cannot write; "" where it can, and of a file."""
        with translated(self._shown):
            return rights.why_only_read(self._engine)

    def _id(self, session: Session, name: str) -> str:
        """The identifier of a campaign, looked up once; raises ``NotFound``."""
        if name not in self._ids:
            self._ids[name] = reading.campaign_id(session, name)
        return self._ids[name]

    # Transactions

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with translated(self._shown), engines.reading(self._engine) as session:
            yield session

    @contextmanager
    def _writing(self, *, actor: str, label: str | None = None) -> Iterator[Writer]:
        """A transaction that is committed at the end if something was written; an exception leaves nothing."""
        if getattr(self._here, "is_writing", False):
            raise LedgerError(
                "this thread is inside a unit of work already; end that one first, two would wait forever"
            )
        self._here.is_writing = True
        try:
            with translated(self._shown), engines.writing(self._engine) as session:
                writer = Writer(session, clock=self._clock, new_id=self._new_id, actor=actor)
                yield writer
                if writer.has_written:
                    if label:
                        reached(f"{label}.before-commit")
                    session.commit()
                    self.commits += 1
                    if label:
                        reached(f"{label}.after-commit")
        finally:
            self._here.is_writing = False
