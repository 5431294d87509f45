"""Results that a client tells of an experiment: on record as they came, judged at once, answered by the verdict."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.engine.holding import PATIENCE, holding
from flows.engine.passes import call_off
from flows.engine.session import Session
from flows.engine.steps.ingesting import judge_all
from flows.wiring import open_record
from loop.checkpoints import reached
from loop.errors import did_you_mean
from loop.record import EnvelopeDraft, Verdict
from loop.safety import told
from loop.spec import build_objective
from loop.training import lacking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.settings import Settings
    from loop.spec import CampaignSpec

CLIENT = "client:"  # before who told a result, as the source of its envelope


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a result.

    Attributes:
        key: The experiment that it was told of.
        verdict: ``accepted``, or ``duplicate`` where it is on record already; else it is kept and does not count.
        message: Why it does not count, and what to do; "" where it does.
        notes: What else is to be said, such as that the experiment is tried again.
    """

    campaign: str
    key: str
    verdict: Verdict
    message: str
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it is on record as a result, by now or before."""
        return self.verdict in (Verdict.ACCEPTED, Verdict.DUPLICATE)


def tell_result(settings: Settings, name: str, key: str, payload: str, *, by: str, patience: float = PATIENCE) -> Told:
    """Put a result of an experiment on record, whatever it says, and judge it.

    The same text again is the same result. A pass need not be made: the next that plans finds it.

    Args:
        settings: Where the record is.
        name: The campaign.
        key: Of the experiment.
        payload: JSON that ``loop.outcome.read_outcome`` reads; kept as it is where it is none.
        by: Who tells it, as it stands in the record.
        patience: Seconds to wait for whoever works on the campaign.

    Raises:
        NotFound: There is no such campaign.
        LeaseHeld: Somebody else works on it and gives no way; nothing was kept.
    """
    with open_record(settings) as ledger, holding(ledger, settings, name, patience=patience) as held:
        session = Session(settings, name, ledger, held)
        with session.work(actor=by) as work:
            envelope = work.receive(EnvelopeDraft(CLIENT + by, key, payload))
        reached("client.stored")
        session.refresh()
        judged = next((j for j in judge_all(session) if j.envelope.id == envelope.id), envelope)  # or it was before
        reached("client.judged")
        came = session.stops_since()
        slips = _slips(session.view.spec, payload) if judged.verdict is Verdict.ACCEPTED else ()
        notes = [
            *session.tally.notes,
            *slips,
            *(f"campaign {name!r} is halted by {told(name, [s])}" for s in came),
        ]
    verdict = judged.verdict or Verdict.MALFORMED
    is_again = envelope.verdict is Verdict.ACCEPTED
    return Told(
        name,
        key,
        Verdict.DUPLICATE if is_again else verdict,
        judged.message,
        tuple(note for note in (*notes, *call_off(settings, came)) if not judged.message or judged.message not in note),
    )


def _slips(spec: CampaignSpec, payload: str) -> Iterator[str]:
    """What a result that counts has under names of no target where a target got no value, and a bare negative."""
    said = json.loads(payload)
    named = [value["property"] for value in said.get("values") or ()]
    if said["outcome"] == "negative" and not named:
        yield from lacking(build_objective(spec), ())
    silent = [target for target in spec.objective if target not in named]
    for name in dict.fromkeys(named):
        if silent and name not in {**spec.objective, **(spec.derived or {})}:
            yield (
                f"{name!r} is no target{did_you_mean(name, silent)} and is kept beside; {', '.join(silent)} got no "
                "value: where that is a slip, tell it by the right name"
            )
