"""The campaign that a unit of work holds: under its lease, its state, and the files kept for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from shlex import quote

from sqlalchemy import Select, select

from db import reading, rules
from db import tables as t
from db.canonical import canonical, sha256
from db.work.writer import Part, Writer
from loop.contracts import Artifact
from loop.errors import NotFound
from loop.record import CampaignState, EnvelopeRecord, Json, Lease


class HeldCampaign:
    """A campaign under the lease in force: what is on record for it, and the writer that adds to it.

    Raises:
        NotFound: No campaign has the lease's id.
        StaleLease: The lease was released or taken over.
    """

    def __init__(self, writer: Writer, lease: Lease) -> None:
        self.writer, self.session, self.lease = writer, writer.session, lease
        # Locks the row on PostgreSQL; on SQLite the transaction holds the only write lock. Rows that refer to it may be
        # written meanwhile (``key_share``): a safety stop is, under the chain's lock, which comes next here.
        row = self.session.get(t.Campaign, lease.campaign_id, with_for_update={"key_share": True})
        if row is None:
            raise NotFound(f"no campaign has the id {lease.campaign_id}; acquire a lease by the campaign's name")
        if row.epoch != lease.epoch or row.lease_holder != lease.holder:
            raise rules.stale(row.name, lease, row.lease_holder, row.epoch)
        self.row, self.id, self.name = row, row.id, row.name

    def write(self, action: str, about: Json, *parts: Part) -> None:
        """``Writer.write``, with an entry that names the campaign and the epoch."""
        self.write_all(action, [(about, parts)])

    def write_all(self, action: str, entries: Sequence[tuple[Json, Sequence[Part]]]) -> None:
        """``Writer.write_all``, with entries that name the campaign and the epoch."""
        named = {"campaign": self.name, "epoch": self.lease.epoch}
        self.writer.write_all(action, [({**named, **about}, parts) for about, parts in entries])

    def attempt(self, key: str) -> t.Attempt:
        """The campaign's attempt of that key; raises ``NotFound``."""
        mine = _attempts().where(t.Attempt.id == key, t.Round.campaign_id == self.id)
        found = self.session.scalars(mine).one_or_none()
        if found is None:
            where = f"hakken show {quote(self.name)} ROUND --json"
            raise NotFound(f"campaign {self.name!r} has no attempt {key!r}; {where} lists the keys there are")
        return found

    def envelope(self, envelope_id: str) -> EnvelopeRecord:
        """The campaign's envelope of that id; raises ``NotFound``."""
        return self.envelopes([envelope_id])[envelope_id]

    def envelopes(self, ids: Sequence[str]) -> dict[str, EnvelopeRecord]:
        """By id, at most ``LONGEST_LIST`` of the campaign's envelopes; raises ``NotFound``."""
        table = t.ResultEnvelope
        found = {e.id: e for e in reading.envelopes(self.session, table.id.in_(ids), table.campaign_id == self.id)}
        if lacking := [one for one in ids if one not in found]:
            raise NotFound(f"campaign {self.name!r} has no envelope {lacking[0]!r}; receive it first")
        return found


@cache
def _attempts() -> Select[t.Attempt]:
    """Every attempt, beside its proposal and its round."""
    return (
        select(t.Attempt)
        .join(t.Proposal, t.Proposal.id == t.Attempt.proposal_id)
        .join(t.Round, t.Round.id == t.Proposal.round_id)
    )


def set_state(held: HeldCampaign, state: CampaignState, reason: str) -> None:
    """Finish, stop or reactivate the campaign. While it is active, the reason is in the audit log only."""
    row = held.row
    shown = "" if state is CampaignState.ACTIVE else reason
    if (row.state, row.reason) == (state.value, shown):
        return
    before = row.state
    row.state, row.reason = state.value, shown
    held.write("set_state", {"before": before, "after": state.value, "reason": reason})


def keep(held: HeldCampaign, artifact: Artifact) -> None:
    """Record a file known by its content; the same again changes nothing.

    Raises:
        NotFound: The campaign has no such attempt.
    """
    if artifact.key is not None:
        held.attempt(artifact.key)
    dedupe = sha256(canonical([artifact.sha, artifact.name, artifact.key], "an artifact's name"))
    table = t.Artifact
    if held.session.scalar(select(table.id).where(table.campaign_id == held.id, table.dedupe == dedupe)):
        return
    row = {
        "id": held.writer.new_id(),
        "campaign_id": held.id,
        "sha": artifact.sha,
        "name": artifact.name,
        "media_type": artifact.media_type,
        "size": artifact.size,
        "attempt_id": artifact.key,
        "dedupe": dedupe,
        "at": held.writer.now(),
    }
    held.write("keep", {"artifact": artifact.sha, "name": artifact.name}, (t.Artifact, [row]))
