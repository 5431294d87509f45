"""Metrics: where campaigns stand, as Prometheus reads it, for those who watch many of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from adapters.common.durable import replace
from flows.engine.looking.reports import StatusReport
from flows.engine.looking.view import HALTED
from loop.record import CampaignState

PREFIX = "hakken"


def registry_of(reports: Iterable[StatusReport]) -> CollectorRegistry:
    """Gauges of every campaign; one without a number for a gauge has none of it."""
    registry = CollectorRegistry()

    def gauge(name: str, told: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", told, ["campaign", *labels], registry=registry)

    state = gauge("campaign_state", "1 for the state that a campaign is in, 0 for the others", "state")
    changed = gauge(
        "campaign_last_change_timestamp_seconds", "when something of it was last put on record, as Unix time"
    )
    rounds = gauge("rounds", "batches that were planned")
    done = gauge("experiments_done", "experiments that ended for good")
    budget = gauge("experiments_budget", "experiments that the campaign file allows")
    pending = gauge("experiments_pending", "experiments that have not ended", "state")
    results = gauge("results", "results that count, told ones included")
    faults = gauge("results_faults", "of these, faults")
    approve = gauge("rounds_to_approve", "batches that wait for a person")
    ambiguous = gauge("experiments_ambiguous", "experiments of which a person has to say whether they ran")
    overdue = gauge("experiments_overdue", "experiments that a laboratory has had for too long")
    unjudged = gauge("envelopes_unjudged", "what came in and waits for the next pass")
    failing = gauge("failing", "1 where the last experiments all ended in faults of one kind")
    edited = gauge(
        "campaign_file_edited", "1 where the campaign file is not as the record has it: not taken up, unusable or gone"
    )
    best = gauge("best_value", "the best single value of a target", "target", "unit")
    ended = gauge("laboratory_experiments", "experiments that ended at a laboratory", "laboratory", "ended")
    for r in reports:
        for known in (*CampaignState, HALTED):
            state.labels(r.campaign, known).set(r.state == known)
        changed.labels(r.campaign).set(r.changed.timestamp())
        rounds.labels(r.campaign).set(r.round)
        done.labels(r.campaign).set(r.experiments_done)
        if r.budget is not None:
            budget.labels(r.campaign).set(r.budget)
        for name, count in r.pending.items():
            pending.labels(r.campaign, name).set(count)
        results.labels(r.campaign).set(r.observations)
        faults.labels(r.campaign).set(r.faults)
        approve.labels(r.campaign).set(len(r.to_approve))
        ambiguous.labels(r.campaign).set(len(r.ambiguous))
        overdue.labels(r.campaign).set(len(r.overdue))
        unjudged.labels(r.campaign).set(r.unjudged)
        failing.labels(r.campaign).set(bool(r.failing))
        edited.labels(r.campaign).set(bool(r.edited))
        for one in r.best:
            best.labels(r.campaign, one.target, one.unit).set(one.value)
        for part in r.resources:
            ended.labels(r.campaign, part.name, "done").set(part.ended - part.accidents)
            ended.labels(r.campaign, part.name, "failed").set(part.accidents)
    return registry


def text_of(reports: Iterable[StatusReport]) -> str:
    """In Prometheus' text format."""
    return generate_latest(registry_of(reports)).decode()


def write(reports: Iterable[StatusReport], path: Path) -> None:
    """The same as a file that appears whole, as the textfile collector of node_exporter wants it."""
    replace(path, text_of(reports))
