"""Bandits over arms that are conditions: the published way to look for general ones, written from its description.

Each turn an algorithm chooses an arm, and a substrate that this arm was not tried with is drawn at random; the reward
is the yield as a share, 1 at most. No turn tells anything of another arm.

Sources: Wang et al., Nature 626 (2024) 1025, and its program (the algorithms compared there, their settings, substrates
without replacement); Auer, Cesa-Bianchi and Fischer, Machine Learning 47 (2002) 235 (UCB1, UCB1-tuned); Kaufmann, Cappé
and Garivier, AISTATS 2012 (Bayes-UCB); Thompson 1933.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
SD: Final = 0.25  # of a reward, as the published settings assume
DEVIATIONS: Final = 2.0  # of the confidence bound of Bayes-UCB


@dataclass
class Arms:
    """What is known of the arms: how often each was tried, mean reward, sum of squared deviations; ``(k,)`` each."""

    counts: Numbers
    means: Numbers
    squares: Numbers
    rng: np.random.Generator
    turn: int = field(default=0)

    def learn(self, arm: int, reward: float) -> None:
        self.turn += 1
        self.counts[arm] += 1
        step = reward - self.means[arm]
        self.means[arm] += step / self.counts[arm]
        self.squares[arm] += step * (reward - self.means[arm])


def ucb1(a: Arms) -> Numbers:
    return np.asarray(a.means + np.sqrt(2.0 * np.log(a.turn + 1) / a.counts))


def ucb1_tuned(a: Arms) -> Numbers:
    logarithm = np.log(a.turn + 1)
    variance = np.minimum(0.25, a.squares / a.counts + np.sqrt(2.0 * logarithm / a.counts))
    return np.asarray(a.means + np.sqrt(logarithm / a.counts * variance))


def bayes_ucb(a: Arms) -> Numbers:
    return np.asarray(a.means + DEVIATIONS * SD / np.sqrt(a.counts))


def bayes_ucb_squared(a: Arms) -> Numbers:
    return np.asarray(a.means + DEVIATIONS / (a.counts + 1.0))


def thompson(a: Arms) -> Numbers:
    return a.rng.normal(a.means, SD / np.sqrt(a.counts + 1.0))


def thompson_squared(a: Arms) -> Numbers:
    return a.rng.normal(a.means, 1.0 / (a.counts + 1.0))


def in_turn(a: Arms) -> Numbers:
    """Explore, then commit: every arm equally often."""
    return np.asarray(-a.counts + 0.5 * a.rng.random(len(a.counts)))


BANDITS: Final[dict[str, Callable[[Arms], Numbers]]] = {
    "ucb1": ucb1,
    "ucb1-tuned": ucb1_tuned,
    "bayes-ucb": bayes_ucb,
    "bayes-ucb, squared": bayes_ucb_squared,
    "thompson": thompson,
    "thompson, squared": thompson_squared,
    "explore, then commit": in_turn,
}
NEEDS_NO_START: Final = {"thompson", "thompson, squared"}  # all others try every arm once first


def play(name: str, rewards: Numbers, seed: int, turns: int) -> tuple[list[int], list[int]]:
    """The arm that is named best after each turn, in two ways: by its mean reward, and as the one tried most often.

    Args:
        name: Of the algorithm, a key of ``BANDITS``.
        rewards: Of every arm with every substrate, from 0 to 1, shape ``(arms, substrates)``.
        seed: Decides the order of substrates and every draw.
        turns: How many experiments.
    """
    k, s = rewards.shape
    rng = np.random.default_rng([seed, 20])
    order = [rng.permutation(s) for _ in range(k)]
    arms = Arms(np.zeros(k), np.zeros(k), np.zeros(k), rng)
    by_mean, by_count = [], []
    for turn in range(turns):
        if turn < k and name not in NEEDS_NO_START:
            arm = turn
        else:
            score = np.where(arms.counts < s, BANDITS[name](arms), -np.inf)
            arm = int(score.argmax())
        arms.learn(arm, float(rewards[arm, order[arm][int(arms.counts[arm])]]))
        by_mean.append(int(np.where(arms.counts > 0, arms.means, -np.inf).argmax()))
        by_count.append(int(rng.choice(np.flatnonzero(arms.counts == arms.counts.max()))))
    return by_mean, by_count
