"""Reading: rows become frozen records here, a few joined queries for each question; no row leaves.

Statements that are asked again and again are put together once (``cache``).
"""

from db.reading.execution import attempt, attempts, attempts_of, events, steps
from db.reading.people import decisions
from db.reading.plan import campaign, campaign_id, campaigns, numbered, one_round, proposals, rounds, spec_version
from db.reading.results import artifacts, envelopes, observations
from db.reading.safety import stops, stops_of

__all__ = [
    "artifacts",
    "attempt",
    "attempts",
    "attempts_of",
    "campaign",
    "campaign_id",
    "campaigns",
    "decisions",
    "envelopes",
    "events",
    "numbered",
    "observations",
    "one_round",
    "proposals",
    "rounds",
    "spec_version",
    "steps",
    "stops",
    "stops_of",
]
