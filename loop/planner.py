"""``plan``: from a spec and a history to the next batch. Pure: the same arguments give the same batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Final

from loop.costs import Purse
from loop.errors import PlanError
from loop.history import History
from loop.memory.earlier import Earlier
from loop.own import check_own
from loop.planning.careful import carefully
from loop.planning.confirming import confirming
from loop.planning.drafting import describe, paid, proposals, said_blocks
from loop.planning.limited import choose_within_limits
from loop.planning.settable import in_settable_numbers
from loop.planning.situation import situation_of
from loop.record import Json, ProposalDraft
from loop.resources import Resource
from loop.space import Pool
from loop.spec import CampaignSpec

_LARGEST_SEED: Final = 2**62  # generators add to it, and take no more than 63 bits


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch with everything that led to it; ``model`` and ``notes`` are what the record keeps."""

    seed: int
    surrogate: str  # "" for an initial design
    model: Json
    notes: tuple[str, ...]
    observations: tuple[str, ...]  # ids it was planned from, in order
    pending: tuple[str, ...]
    proposals: tuple[ProposalDraft, ...]


def plan(
    spec: CampaignSpec,
    history: History,
    pool: Pool | None = None,
    *,
    seed: int,
    experiments: int,
    purse: Purse | None = None,
    left: int | None = None,
    earlier: Sequence[Earlier] = (),
    resources: Sequence[Resource] = (),
    device: str = "cpu",
) -> Plan:
    """Choose the next batch.

    Args:
        spec: A resolved spec.
        history: What was observed and what is pending.
        pool: Candidates to choose from; None for all of the space.
        seed: Decides every random choice.
        experiments: At most so many experiments (proposals times replicates): what the budget leaves, or what is free.
        purse: What the budget leaves of money, hours and stocks; None where it has none of them.
        left: How many experiments the budget leaves, where that is more; None for as many. Of versions of a fidelity
            the last is kept for the real thing, and a search for the top level looks no further ahead.
        earlier: Earlier campaigns that may tell something of this one.
        resources: Where experiments go, by the record: accidents and waiting there add to what is expected to be paid.
        device: Where graph networks are trained and large libraries looked over, as torch names it: "cpu" or "cuda".

    Raises:
        OutcomeError: Two observations of the history have one id.
        PlanError: The spec or the history is of another kind; what is asked for is no number of experiments, or the
            seed is none; or the purse is none, or counts down what nothing in the spec costs.
        PoolExhausted: Nothing is left to propose, or the budget pays for none of it, or, where caution is asked for,
            nothing is believed to keep what has to be kept.
        SpaceError: A point of the history is none of the spec's space.
        SpecError: Code of one's own that the spec names is not there.
        UnknownName: The spec names a surrogate or acquisition function that does not exist.
    """
    _check_kinds(spec, history)
    _check_numbers(seed, experiments, left)
    _check_purse(purse)
    check_own(spec.planner.surrogate, spec.planner.acquisition)
    situation = situation_of(
        spec,
        history,
        pool,
        seed=seed,
        experiments=experiments,
        purse=purse,
        left=experiments if left is None else left,
        earlier=earlier,
        resources=resources,
        device=device,
    )
    picked, notes = choose_within_limits(situation)
    chosen, on_care = carefully(situation, in_settable_numbers(situation, picked), picked)
    notes += on_care
    if situation.purchase is not None:
        chosen, on_money = paid(situation, situation.purchase, chosen)
        notes += on_money
    picks, model, on_the_end = confirming(situation, describe(situation, chosen), chosen)
    return Plan(
        seed=seed,
        surrogate="" if situation.belief is None else situation.belief.models[0].name,
        model=model,
        notes=tuple(dict.fromkeys((*situation.notes, *notes, *said_blocks(picks), *on_the_end))),
        observations=tuple(o.id for o in history.observations),
        pending=tuple(p.key for p in history.pending),
        proposals=proposals(situation, picks),
    )


def _check_kinds(spec: object, history: object) -> None:
    """Refuse the text of a campaign file, and results that are no history yet."""
    if not isinstance(spec, CampaignSpec):
        made = "read_spec(text, source=NAME, read=None)"
        raise PlanError(f"spec must be a loop.spec.CampaignSpec, as {made} makes one, got {type(spec).__name__}")
    if not isinstance(history, History):
        made = "History(tuple(observations)), or History() where nothing was observed"
        raise PlanError(f"history must be a loop.history.History, such as {made}, got {type(history).__name__}")


def _check_numbers(seed: object, experiments: object, left: object) -> None:
    """Refuse what would be no batch, or one that nobody could plan again."""
    if not _is_count(experiments):
        raise PlanError(f"experiments must be a whole number of at least 1, got {experiments!r}; none need no plan")
    if not (left is None or _is_count(left)):
        raise PlanError(f"left must be a whole number of at least 1, or None for as many as experiments, got {left!r}")
    if not (isinstance(seed, Integral) and 0 <= int(seed) <= _LARGEST_SEED):
        raise PlanError(f"seed must be a whole number from 0 to {_LARGEST_SEED}, got {seed!r}")


def _is_count(number: object) -> bool:
    return isinstance(number, Integral) and int(number) >= 1


def _check_purse(purse: object) -> None:
    if not (purse is None or isinstance(purse, Purse)):
        raise PlanError(f"purse must be a loop.costs.Purse, such as Purse(cost=200.0), or None, got {purse!r}")
