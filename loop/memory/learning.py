"""Learning with hints: members with and without each, and the guard that drops a hint which does not help."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from loop.errors import FitError, TooFewPoints
from loop.memory.evidence import PROOF
from loop.memory.hint import Hint
from loop.memory.informed import FEWEST, Informed
from loop.space import Space
from loop.surrogates.committee import Committee, FittedCommittee, evidence_rows, weighed
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.missing import Missing
from loop.surrogates.protocol import FittedSurrogate, Surrogate, TrainingSet
from loop.surrogates.representation import Representation


@dataclass(frozen=True)
class Judged:
    """What a hint turned out to be worth.

    Attributes:
        gain: How much more likely this campaign's own held-out results are with it, a logarithm; None before any.
        weight: Of its members in the committee; 0 where it was dropped.
        share: Of what it expects that is believed, the mean over its members.
    """

    hint: Hint
    gain: float | None
    weight: float
    share: float
    results: int

    @property
    def is_dropped(self) -> bool:
        return self.weight == 0.0

    def said(self, target: str) -> str:
        """What became of the hint, as a sentence for the notes of a round."""
        who = "the prior" if self.hint.kind == "prior" else f"source {self.hint.name!r}"
        if self.gain is None:
            return f"{who} is heard on {target} ({self.hint.told}): no result contradicts it yet"
        proof = f"held out, {self.results} results are e^{self.gain:.1f} times as likely with it as without"
        if self.is_dropped:
            least = math.floor(self.gain * 100) / 100  # lest what falls short of the rule look as if it kept it
            proof = f"held out, {self.results} results are e^{least:.2f} times as likely with it as without"
            asked = f"{proof}, and e^{PROOF:.1f} is asked for"
            return f"{who} is dropped on {target} this round ({self.hint.told}): {asked}"
        return (
            f"{who} is heard on {target} ({self.hint.told}): {proof}; "
            f"weight {self.weight:.2f}, {self.share:.2f} of what it expects"
        )

    def told(self) -> dict[str, Any]:
        """The same as plain JSON, for the record."""
        return {
            "source": self.hint.name,
            "kind": self.hint.kind,
            "about": self.hint.told,
            "log_gain": self.gain,
            "weight": self.weight,
            "share": self.share,
            "dropped": self.is_dropped,
        }


def learn_with(
    recipe: Surrogate, hints: Sequence[Hint], space: Space, data: TrainingSet, *, seed: int
) -> tuple[FittedCommittee, tuple[Judged, ...]]:
    """The recipe's members, and those that follow a hint, as one committee; and what became of each hint.

    Of a spare hint that no other made room for, nothing is said.

    Raises:
        TooFewPoints: There is neither a result of its own nor a hint.
        FitError: No member could be fitted.
    """
    plain = recipe.members if isinstance(recipe, Committee) else (recipe,)
    alone, missing = _fitted(plain, space, data, seed)
    trials: list[_Trial] = []
    places = 0  # of hints that were dropped, for spare ones
    for number, hint in enumerate(hints, start=1):
        if hint.is_spare and not places:
            continue
        recipes = [Informed(r, hint) for r in _processes(plain)]
        if len(data) < FEWEST:  # all would say the same
            recipes = recipes[:1]
        found, more = _fitted(recipes, space, data, seed + 101 * number)
        missing += more
        trials.append(trial := _Trial(hint, found, _gain(alone, found)))
        places += (not trial.is_kept and hint.kind == "campaign") - hint.is_spare
    members = [*alone, *(m for trial in trials if trial.is_kept for m in trial.members)]
    if not members:
        if len(data) < recipe.needs:
            raise TooFewPoints(recipe.name, recipe.needs, len(data))
        raise FitError(recipe.name, "no member could be fitted: " + "; ".join(map(str, missing)))
    calibrates = isinstance(recipe, Committee) and recipe.calibrates
    committee = weighed("committee", members, data, missing, rows=evidence_rows(space, data), calibrates=calibrates)
    weights = committee.weights
    judged = []
    for trial in trials:
        own = [w for w, m in zip(weights, members, strict=True) if any(m is one for one in trial.members)]
        shares = [float(m.summary()["share"]) for m in trial.members]
        weight = sum(own) if trial.is_kept else 0.0
        judged.append(Judged(trial.hint, trial.gain, weight, sum(shares) / max(len(shares), 1), len(data)))
    return committee, tuple(judged)


@dataclass(frozen=True)
class _Trial:
    """Members that follow a hint, and how much more likely they make held-out results than the plain ones do."""

    hint: Hint
    members: list[FittedSurrogate]
    gain: float | None

    @property
    def is_kept(self) -> bool:
        return bool(self.members) and (self.gain is None or self.gain >= PROOF)


def _processes(plain: Sequence[Surrogate]) -> list[GaussianProcess]:
    """The recipes that can follow a hint: the Gaussian processes among the members, else one on one-hot options."""
    found = [m for m in plain if isinstance(m, GaussianProcess)]
    return found or [GaussianProcess("gp", Representation.ONE_HOT)]


def _fitted(
    recipes: Sequence[Surrogate], space: Space, data: TrainingSet, seed: int
) -> tuple[list[FittedSurrogate], list[Missing]]:
    fitted: list[FittedSurrogate] = []
    missing: list[Missing] = []
    for i, member in enumerate(recipes):
        try:
            fitted.append(member.fit(space, data, seed=seed + i))
        except TooFewPoints:
            continue  # before the first results only hints speak
        except FitError as error:
            missing.append(Missing(member.name, error))
    return fitted, missing


def _gain(alone: Sequence[FittedSurrogate], informed: Sequence[FittedSurrogate]) -> float | None:
    """How much more likely held-out results are by the one group of members than by the other, a logarithm."""
    if not alone or not informed:
        return None
    return float((_together(informed) - _together(alone)).sum())


def _together(members: Sequence[FittedSurrogate]) -> Tensor:
    """Log density of each training value by an equal mixture of members fitted without it: shape ``(n,)``."""
    logs = torch.stack([m.held_out() for m in members])
    together: Tensor = torch.logsumexp(logs, dim=0) - math.log(len(members))
    return together
