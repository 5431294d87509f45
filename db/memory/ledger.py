"""The ledger's in-memory twin: the same promises, kept with dicts; for notebooks, dry runs and tests.

Nothing outlives the object. One unit of work changes a copy, which takes the campaign's place at the end.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

from db import rules
from db.canonical import canonical, sha256
from db.errors import NONE_YET
from db.ids import uuid7
from db.memory.campaign import CampaignData
from db.memory.safety import holding, new_stop
from db.memory.work import MemoryWork
from loop.checkpoints import reached
from loop.contracts import Artifact, AuditReport
from loop.decision import DecisionRecord
from loop.errors import LedgerError, NotFound
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
from loop.safety import SafetyStop, check_stop


class MemoryLedger:
    """``loop.contracts.Ledger`` in memory."""

    def __init__(
        self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC), new_id: Callable[[], str] = uuid7
    ) -> None:
        self.commits = 0
        self._clock, self._new_id = clock, new_id
        self._campaigns: dict[str, CampaignData] = {}  # by name, oldest first
        self._audit: list[AuditEntry] = []
        self._stops: list[SafetyStop] = []  # of every campaign
        self._writer = threading.Lock()
        self._here = threading.local()

    def open_campaign(self, name: str, spec: Json, *, by: str) -> CampaignRecord:
        """The campaign of that name, made if it is new. A changed spec becomes a new version."""
        text = canonical(spec, f"the spec of campaign {name!r}")
        if not name.strip():
            raise LedgerError("a campaign needs a name; give it one in the spec's first line (campaign: NAME)")
        with self._writing():
            campaign = self._campaigns.get(name)
            if campaign is not None and campaign.record.spec_sha == sha256(text):
                return campaign.record
            if campaign is None:
                record = CampaignRecord(
                    self._new_id(), name, CampaignState.ACTIVE, "", 1, {}, "", 0, self._clock().astimezone(UTC)
                )
                campaign = self._campaigns[name] = CampaignData(record)
            else:
                campaign.record = replace(campaign.record, version=campaign.record.version + 1)
            campaign.record = replace(campaign.record, spec=json.loads(text), spec_sha=sha256(text))
            campaign.specs.append(json.loads(text))
            campaign.stops_before.append(len(self._stops))
            self._save([self._entry(by, "open_campaign", {"campaign": name, "version": campaign.record.version})])
            return campaign.record

    def campaign(self, name: str) -> CampaignRecord:
        """Raises ``NotFound``, listing the names there are."""
        return self._of(name).record

    def campaigns(self) -> tuple[CampaignRecord, ...]:
        """All of them, oldest first."""
        return tuple(campaign.record for campaign in self._campaigns.values())

    def spec_version(self, name: str, version: int) -> Json:
        """The resolved spec as it was in that version; raises ``NotFound``."""
        specs = self._of(name).specs
        if not 1 <= version <= len(specs):
            raise NotFound(f"campaign {name!r} has no version {version}; it has 1 to {len(specs)}")
        return specs[version - 1]

    def acquire(self, name: str, holder: str, ttl: timedelta) -> Lease:
        """Take the lease if it is free, expired or the holder's own; raises ``LeaseHeld`` otherwise."""
        with self._writing():
            campaign, now = self._of(name), self._clock().astimezone(UTC)
            before, expires = campaign.holder, campaign.expires
            taken_over = before not in (None, holder)
            if taken_over and expires is not None and expires > now:
                raise rules.held(name, str(before), expires, now)
            campaign.epoch, campaign.holder, campaign.expires = campaign.epoch + 1, holder, now + ttl
            detail = {"campaign": name, "from": before, "epoch": campaign.epoch}
            self._save([self._entry(holder, "take_over_lease", detail)] if taken_over else [])
            return Lease(campaign.record.id, holder, campaign.epoch, now + ttl)

    def release(self, lease: Lease) -> None:
        """Give the lease back; a stale one changes nothing."""
        with self._writing():
            for campaign in self._campaigns.values():
                if (campaign.record.id, campaign.epoch, campaign.holder) == (
                    lease.campaign_id,
                    lease.epoch,
                    lease.holder,
                ):
                    campaign.holder = campaign.expires = None
                    self._save([])

    @contextmanager
    def work(self, lease: Lease, *, actor: str = "engine") -> Iterator[MemoryWork]:
        """One transaction; raises ``StaleLease`` when the lease was released or taken over."""
        with self._writing():
            campaign = next((c for c in self._campaigns.values() if c.record.id == lease.campaign_id), None)
            if campaign is None:
                raise NotFound(f"no campaign has the id {lease.campaign_id}; acquire a lease by the campaign's name")
            if (campaign.epoch, campaign.holder) != (lease.epoch, lease.holder):
                raise rules.stale(campaign.record.name, lease, campaign.holder, campaign.epoch)
            work = MemoryWork(campaign.twin(), lease, self._clock, self._new_id, list(self._stops), len(self._audit))
            yield work
            if work.said:
                reached("work.before-commit")
                self._campaigns[campaign.record.name] = work.campaign
                self._stops = work.stops
                entries: list[AuditEntry] = []
                for action, detail in work.said:
                    entries.append(self._entry(actor, action, detail, entries))
                self._save(entries)
                reached("work.after-commit")

    def rounds(self, name: str) -> tuple[RoundRecord, ...]:
        """By number."""
        return tuple(sorted(self._of(name).rounds, key=lambda r: r.number))

    def round(self, name: str, number: int) -> RoundRecord:
        """Raises ``NotFound``, listing the numbers there are."""
        rounds = self.rounds(name)
        for one in rounds:
            if one.number == number:
                return one
        known = ", ".join(str(r.number) for r in rounds) or "none yet"
        raise NotFound(f"campaign {name!r} has no round {number}; its rounds: {known}")

    def proposals(self, name: str, round_number: int | None = None) -> tuple[ProposalRecord, ...]:
        """Of one round or of all, ordered by round and position, predictions included."""
        all_ = self._of(name).proposals.values()
        chosen = [p for p in all_ if round_number in (None, p.round_number)]
        return tuple(sorted(chosen, key=lambda p: (p.round_number, p.draft.position)))

    def attempts(self, name: str, states: Iterable[State] | None = None) -> tuple[AttemptRecord, ...]:
        """Ordered by round, run order, replicate and attempt number."""
        wanted = frozenset(State) if states is None else frozenset(states)
        chosen = [a for a in self._of(name).attempts.values() if a.state in wanted]
        return tuple(
            sorted(chosen, key=lambda a: (a.round_number, a.run_order, a.position, a.replicate_no, a.attempt_no))
        )

    def attempt(self, key: str) -> AttemptRecord:
        """By key, or by a beginning of it that only one has, in whatever case. Raises ``NotFound``."""
        known = {k: a for campaign in self._campaigns.values() for k, a in campaign.attempts.items()}
        if key in known:
            return known[key]
        found = sorted(k for k in known if key and k.lower().startswith(key.lower()))
        if len(found) == 1:
            return known[found[0]]
        if found:
            raise NotFound(f"attempt {key!r} is not one alone: {', '.join(found[:4])} …; give more of the key")
        raise NotFound(f"no attempt has the key {key!r}; hakken show CAMPAIGN ROUND --json lists the keys there are")

    def events(self, key: str) -> tuple[AttemptEventRecord, ...]:
        """The life of an attempt, in order. Raises ``NotFound``."""
        whole = self.attempt(key).key
        return next(c.events.get(whole, ()) for c in self._campaigns.values() if whole in c.attempts)

    def steps(self, name: str) -> tuple[AttemptEventRecord, ...]:
        """Every step of every attempt of a campaign: attempt by attempt, each in order."""
        of = self._of(name)
        return tuple(event for key in sorted(of.events) for event in of.events[key])

    def envelopes(self, name: str, *, unjudged_only: bool = False) -> tuple[EnvelopeRecord, ...]:
        """Everything received, in that order."""
        return tuple(e for e in self._of(name).envelopes.values() if not (unjudged_only and e.verdict is not None))

    def observations(self, name: str, *, with_retracted: bool = False) -> tuple[ObservationRecord, ...]:
        """Accepted outcomes in a canonical order that does not depend on the order of arrival."""
        campaign = self._of(name)
        received = {envelope_id: number for number, envelope_id in enumerate(campaign.envelopes)}
        accepted = {envelope_id: number for number, envelope_id in enumerate(campaign.observations)}

        def place(o: ObservationRecord) -> tuple[int, ...]:
            if o.key is None:
                return 0, received[o.id], 0, 0, 0
            return o.round_number, o.position, o.replicate_no, o.attempt_no, accepted[o.id]

        chosen = [o for o in campaign.observations.values() if with_retracted or o.retracted is None]
        return tuple(sorted(chosen, key=place))

    def decisions(self, name: str) -> tuple[DecisionRecord, ...]:
        """What people decided, in the order made."""
        return tuple(self._of(name).decisions)

    def stops(self, name: str, *, with_lifted: bool = False) -> tuple[SafetyStop, ...]:
        """Safety stops that hold for a campaign: its own, and its bench's."""
        return tuple(s for s in holding(self._stops, self._of(name)) if with_lifted or s.is_in_force)

    def halt(self, name: str, *, by: str, why: str) -> SafetyStop:
        """Put a safety stop on record, whoever holds the lease."""
        check_stop(by, why)
        with self._writing():
            now = self._clock().astimezone(UTC)
            made = new_stop(self._new_id(), len(self._stops) + 1, self._of(name), None, by, why, now)
            self._stops = [*self._stops, made]
            self._save([self._entry(by, "safety_stop", {"campaign": name, "by": by, "why": why})])
            return made

    def artifacts(self, name: str) -> tuple[Artifact, ...]:
        """In the order kept."""
        return tuple(self._of(name).artifacts)

    def last_entry(self) -> int:
        """Number of the last entry of the audit log, 0 before the first; while it stays, no fact has changed."""
        return len(self._audit)

    def audit(self) -> tuple[AuditEntry, ...]:
        """The whole hash chain, oldest first."""
        return tuple(self._audit)

    def verify_audit(self) -> AuditReport:
        """Recompute the hash chain; the rows of this twin cannot be altered behind its back."""
        previous = "0" * 64
        for number, entry in enumerate(self._audit, start=1):
            if (entry.number, entry.previous, entry.hash) != (number, previous, _hash(entry)):
                return AuditReport(len(self._audit), False, number, f"entry {number} ({entry.action}) was altered")
            previous = entry.hash
        return AuditReport(len(self._audit), True, head=self._audit[-1].hash if self._audit else "")

    def close(self) -> None:
        """Nothing to give back; here so that either ledger can be closed."""

    def _of(self, name: str) -> CampaignData:
        try:
            return self._campaigns[name]
        except KeyError:
            known = ", ".join(sorted(self._campaigns)) or NONE_YET
            raise NotFound(f"no campaign is called {name!r}; there are: {known}") from None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if getattr(self._here, "is_writing", False):
            raise LedgerError(
                "this thread is inside a unit of work already; end that one first, two would wait forever"
            )
        with self._writer:
            self._here.is_writing = True
            try:
                yield
            finally:
                self._here.is_writing = False

    def _entry(self, actor: str, action: str, detail: Json, before: Sequence[AuditEntry] = ()) -> AuditEntry:
        last = before[-1] if before else (self._audit[-1] if self._audit else None)
        number, previous = (last.number + 1, last.hash) if last else (1, "0" * 64)
        plain = json.loads(canonical(detail, f"the audit entry of {action}"))
        entry = AuditEntry(number, self._clock().astimezone(UTC), actor, action, plain, previous, "")
        return replace(entry, hash=_hash(entry))

    def _save(self, entries: Sequence[AuditEntry]) -> None:
        self._audit.extend(entries)
        self.commits += 1


def _hash(entry: AuditEntry) -> str:
    return sha256(canonical({**asdict(entry), "at": entry.at.isoformat(), "hash": ""}, "an audit entry"))
