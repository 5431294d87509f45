"""The race: how likely each member of a committee held the results of the batch just bought, before it learnt them.

Each member's prediction is on record from when the batch was proposed, so nothing that it says of these values can have
been learnt from them. Weights rest on all values, each left out; the race is beside them, on the values that matter
most: of candidates like those that are chosen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loop.history import Claim
from loop.record import Json
from loop.surrogates.classes import FittedClasses
from loop.surrogates.committee import FittedCommittee
from loop.surrogates.protocol import FittedSurrogate

LEVEL = 0.05  # of a log density a value, below which two members are not told apart


@dataclass(frozen=True)
class Race:
    """How the members did on one target's values of one round.

    Attributes:
        scores: Mean log density of a value by member, of classes log chance of a label; in the order of the committee.
        weights: Of the members in the committee that has learnt these values too.
    """

    target: str
    round: int
    values: int
    scores: Mapping[str, float]
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def won(self) -> str:
        return max(self.scores, key=lambda name: self.scores[name])

    def said(self) -> str:
        """Who won and by what, as a sentence for the notes of a round."""
        order = sorted(self.scores, key=lambda name: -self.scores[name])
        lead = self.scores[order[0]] - self.scores[order[1]]
        rest = ", ".join(f"{name} e^{self.scores[name] - self.scores[order[0]]:.2f}" for name in order[1:])
        what, they = ("1 value", "it was") if self.values == 1 else (f"{self.values} values", "they were")
        result = "no member is ahead" if lead < LEVEL else f"{self.won} is ahead"
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in self.weights.items())
        return (
            f"{self.target}: on the {what} of round {self.round}, before {they} learnt, {result}; times as likely "
            f"a value as by {order[0]}: {rest}; weights by all left-out values: {weights}"
        )

    def told(self) -> Json:
        """The same as plain JSON, for the record."""
        return {
            "round": self.round,
            "values": self.values,
            "log_density": dict(self.scores),
            "won": self.won,
            "weights": dict(self.weights),
        }


def races_of(claims: Sequence[Claim], models: Mapping[str, FittedSurrogate]) -> tuple[Race, ...]:
    """One for each target whose model is a committee that spoke of the latest values; ``models`` are by target.

    Only members that spoke then and are in the committee now take part, and at least two of them.
    """
    found = []
    for target, model in models.items():
        own = [c for c in claims if c.target == target and c.voices]
        if not isinstance(model, FittedCommittee) or not own:
            continue
        last = max(c.round for c in own)
        batch = [c for c in own if c.round == last]
        names = [m.name for m in model.members if all(m.name in c.voices for c in batch)]
        if len(names) < 2:
            continue
        score = _log_chance if all(isinstance(m, FittedClasses) for m in model.members) else _log_density
        scores = {name: sum(score(c, name) for c in batch) / len(batch) for name in names}
        weights = dict(zip((m.name for m in model.members), model.weights, strict=True))
        found.append(Race(target, last, len(batch), scores, weights))
    return tuple(found)


def _log_density(claim: Claim, name: str) -> float:
    mean, sd = claim.voices[name]
    sd = max(sd, 1e-12 * abs(mean), 1e-300)
    return -0.5 * math.log(2 * math.pi) - math.log(sd) - 0.5 * ((claim.value - mean) / sd) ** 2


def _log_chance(claim: Claim, name: str) -> float:
    """Of a label, 1 or 0, where the mean that was said is the chance of 1."""
    chance = min(max(claim.voices[name][0], 1e-12), 1.0 - 1e-12)
    return math.log(chance if claim.value > 0.5 else 1.0 - chance)
