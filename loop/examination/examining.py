"""Examining a campaign's data and models, target by target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from loop.belief import recipe_of
from loop.examination.parts import Split, parts_of, splits_of
from loop.examination.signs import Leak, Signs, leak_of, signs_of
from loop.examination.skill import Skill, skill
from loop.examination.stress import Stress, stress
from loop.examination.verdict import Finding, verdict
from loop.history import History
from loop.objective.scale import powers_spanned
from loop.space import Pool, Space
from loop.spec import CampaignSpec, build_objective
from loop.surrogates.protocol import TrainingSet
from loop.training import regression_table

HARDEST: Final = (Split.SCAFFOLD, Split.OPTION, Split.TIME)  # the split of the stress test: the first that there is


@dataclass(frozen=True, slots=True)
class _Effort:
    """How much is fitted: parts held out in turn, of which splits, and whether refits are compared."""

    parts: int
    splits: Callable[[Space], tuple[Split, ...]]
    compares_refits: bool


def _few_splits(space: Space) -> tuple[Split, ...]:
    """At random, the first of the hard ones, and by time."""
    allowed = splits_of(space)
    hardest = next(s for s in HARDEST if s in allowed)
    return tuple(dict.fromkeys((Split.RANDOM, hardest, Split.TIME)))


IN_FULL: Final = _Effort(5, splits_of, True)
IN_BRIEF: Final = _Effort(3, _few_splits, False)


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found of one target: see ``Signs``, ``Skill``, ``Leak``, ``Stress`` and ``Finding``.

    ``unheard`` names the sources and the prior that the last round's models heard, and those examined here do not.
    """

    target: str
    unit: str
    signs: Signs
    skills: tuple[Skill, ...]
    leaks: tuple[Leak, ...]
    stresses: tuple[Stress, ...]
    findings: tuple[Finding, ...]
    unheard: tuple[str, ...] = ()


def examine(
    spec: CampaignSpec,
    space: Space,
    history: History,
    pool: Pool | None,
    *,
    seed: int,
    tell: Callable[[str], None] = lambda _: None,
) -> Mapping[str, Examination]:
    """Every target's examination, by name. Models are fitted some fifteen to thirty times each.

    Args:
        pool: The candidates, to say how many of them the data cover; None where they are not finite.
        seed: The same seed and record give the same findings.
        tell: Called with what is looked at next, for people who wait.
    """
    return _examined(spec, space, history, pool, IN_FULL, seed, tell)


def examine_briefly(
    spec: CampaignSpec, space: Space, history: History, pool: Pool | None, *, seed: int
) -> Mapping[str, Examination]:
    """The same by a fifth of the fits: three parts of three splits, and no refits; what it finds may differ."""
    return _examined(spec, space, history, pool, IN_BRIEF, seed, lambda _: None)


def _examined(
    spec: CampaignSpec,
    space: Space,
    history: History,
    pool: Pool | None,
    effort: _Effort,
    seed: int,
    tell: Callable[[str], None],
) -> Mapping[str, Examination]:
    objective = build_objective(spec)
    table, _ = regression_table(space, objective, history)
    effects = spec.noise.effects if spec.noise is not None else ()
    found: dict[str, Examination] = {}
    for i, target in enumerate(objective.targets):
        if target.expression is not None:  # it follows from those that are examined
            continue
        data = TrainingSet.of(table, i, effects)
        recipe, x = recipe_of(spec, space, target), data.x.numpy()
        splits = effort.splits(space) if len(data) > 1 else ()
        divided = {s: parts_of(s, space, x, effort.parts, seed=seed) for s in splits}
        skills: list[Skill | None] = []
        leaks: list[Leak | None] = []
        stresses: tuple[Stress, ...] = ()
        for split, parts in divided.items():
            tell(f"{target.name}: {split.value} split, {len(parts)} parts of {len(data)} values")
            has_classes = target.classes is not None
            skills.append(skill(recipe, space, data, split, parts, seed=seed, has_classes=has_classes))
            leaks.append(leak_of(space, data, split, parts))
        hardest = next((s for s in HARDEST if divided.get(s)), None)
        if effort.compares_refits and hardest is not None and divided.get(Split.RANDOM):
            tell(f"{target.name}: refits that differ only in their seed")
            stresses = stress(recipe, space, data, divided[Split.RANDOM], divided[hardest], hardest, seed=seed)
        signs = signs_of(space, data, pool, seed=seed)
        if target.may_be_log:
            values = data.y[~data.is_censored]
            zeros = int((values == 0).sum())
            signs = replace(signs, powers=powers_spanned(values[values != 0].tolist()), zeros=zeros)
        told = tuple(s for s in skills if s is not None), tuple(k for k in leaks if k is not None)
        unit = target.on_scale.unit
        findings = verdict(unit, signs, *told, stresses)
        found[target.name] = Examination(target.name, unit, signs, *told, stresses, findings)
    return found
