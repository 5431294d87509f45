"""Belief: what a history teaches, one model for each target and the chance of success."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from loop.errors import FitError, TooFewPoints
from loop.history import History
from loop.insight.entangled import entangled
from loop.insight.race import Race, races_of
from loop.memory.hint import Hint
from loop.memory.hints import said_of_spare
from loop.memory.informed import FEWEST
from loop.memory.learning import Judged, learn_with
from loop.objective import Objective, Target
from loop.record import Prediction
from loop.space import Space
from loop.spec import CampaignSpec
from loop.spec.models import NoiseSpec
from loop.spec.space_models import ContextSpec
from loop.spec.tolerances import build_tolerances
from loop.surrogates.classes import for_classes
from loop.surrogates.committee import Committee, FittedCommittee, fitted_each, of_new_values
from loop.surrogates.derived import FittedDerived
from loop.surrogates.effects import Column, effects_said, is_curve, recent_median
from loop.surrogates.feasibility import Feasibility, learn_feasibility
from loop.surrogates.levels import chances_of, for_levels
from loop.surrogates.missing import said_of_missing
from loop.surrogates.noiseless import Known, noiseless
from loop.surrogates.protocol import FittedSurrogate, SupportsTogether, Surrogate, TrainingSet
from loop.surrogates.registry import default_members, surrogate
from loop.surrogates.within import within
from loop.tolerance import Tolerances
from loop.training import Table, feasibility_table
from loop.values import on_scale
from loop.wording import in_full
from loop.working import workings_of

FEW: Final = 3  # values of a recorded number that somebody set on purpose, as a temperature of measuring
MANY: Final = 6  # results from which on so few values are no chance


@dataclass(frozen=True)
class Use:
    """How settings stray, and what is wanted of them, on its scale."""

    tolerances: Tolerances
    objective: Objective


@dataclass(frozen=True)
class Belief:
    """What was learnt from a history: one model for each target, the chance of success, and notes."""

    models: tuple[FittedSurrogate, ...]
    feasibility: Feasibility
    table: Table
    notes: tuple[str, ...] = field(default=())
    judged: Mapping[str, tuple[Judged, ...]] = field(default_factory=dict)  # by target: what its hints are worth
    races: tuple[Race, ...] = ()  # how members did on the batch just bought
    unscaled: frozenset[str] = frozenset()  # targets of which an order is believed so far, and no value
    borrowed: frozenset[str] = frozenset()  # targets of which sources say how far values lie apart, results being few
    known: Mapping[int, Known] = field(default_factory=dict)  # by number of an exact target: what was measured
    entangled: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)  # by target and effect
    used: Use | None = None  # how settings stray; None where they do not
    recorded: tuple[str, ...] = ()  # the value of each recorded number, such as a humidity, that it is for, as notes

    @property
    def premises(self) -> tuple[str, ...]:
        """What all that is believed holds for, as notes: recorded numbers, and settings that stray."""
        return (*self.recorded, *self.straying)

    @property
    def straying(self) -> tuple[str, ...]:
        """What counts of a candidate because its settings stray, as a note; nothing where they do not."""
        return () if self.used is None else (self.used.tolerances.note(self.used.objective),)

    def as_used(self) -> Belief:
        """The same of what candidates are worth where their settings stray, by which they are chosen and named."""
        if self.used is None:
            return self
        pairs = zip(self.models, self.used.objective.targets, strict=True)
        return replace(self, models=tuple(within(m, t, self.used.tolerances) for m, t in pairs))

    def as_measured(self) -> Belief:
        """The same of what is true of each candidate: exact targets are known where they were measured.

        What is to be measured next is chosen by the models themselves: the known values are in them, and what they
        leave over counts there for nothing that is worth looking for (docs/decisions/0091).
        """
        if not self.known:
            return self
        models = [noiseless(m, self.known[i]) if i in self.known else m for i, m in enumerate(self.models)]
        now = {id(before): model for before, model in zip(self.models, models, strict=True)}
        whole = [m.of_parts([now[id(p)] for p in m.parts]) if isinstance(m, FittedDerived) else m for m in models]
        return replace(self, models=tuple(whole))


def learn(
    spec: CampaignSpec,
    space: Space,
    objective: Objective,
    history: History,
    table: Table,
    *,
    seed: int,
    hints: Mapping[str, Sequence[Hint]] | None = None,
    device: str = "cpu",
) -> Belief:
    """Fit one model for each target, and the chance of success. ``hints`` are what sources expect of each target.

    ``device`` is where graph networks are trained and large libraries looked over.

    Raises:
        TooFewPoints: A target has too few values.
        FitError: No model could be fitted.
    """
    effects = (spec.noise or NoiseSpec()).effects
    sets = [TrainingSet.of(table, i, () if t.is_exact else effects) for i, t in enumerate(objective.targets)]
    learnt = _learnt(spec, space, objective, sets, seed, hints or {}, device)
    derived = _derived(space, objective, table, learnt.models)
    models = [learnt.models[i] if i in learnt.models else derived[i] for i in range(len(sets))]
    by_target = {t.name: m for t, m in zip(objective.targets, models, strict=True)}
    x, ran = feasibility_table(history, len(space.parameters))
    tolerances = build_tolerances(spec, space)
    found = Belief(
        models=tuple(models),
        feasibility=learn_feasibility(space, x, ran, seed=seed),
        table=table,
        judged=learnt.judged,
        races=races_of(on_scale(history.claims, objective), by_target),
        unscaled=frozenset(learnt.unscaled),
        borrowed=frozenset(learnt.borrowed),
        known={i: Known.of(sets[i]) for i, t in enumerate(objective.targets) if t.is_exact},
        entangled={t.name: entangled(t.name, space, data) for t, data in zip(objective.targets, sets, strict=True)},
        used=None if tolerances is None else Use(tolerances, objective.on_scale),
        recorded=tuple(_recorded(spec, objective, sets)),
    )
    return replace(found, notes=(*_notes(found, space, objective, effects, hints or {}), *found.premises))


@dataclass(frozen=True)
class _Learnt:
    """Models of what is measured, by number of the target, and what became of hints; see ``Belief``."""

    models: dict[int, FittedSurrogate] = field(default_factory=dict)
    judged: dict[str, tuple[Judged, ...]] = field(default_factory=dict)
    unscaled: set[str] = field(default_factory=set)
    borrowed: set[str] = field(default_factory=set)


def _learnt(
    spec: CampaignSpec,
    space: Space,
    objective: Objective,
    sets: Sequence[TrainingSet],
    seed: int,
    hints: Mapping[str, Sequence[Hint]],
    device: str,
) -> _Learnt:
    """Fit a model for each target that is measured, by its own results alone or by what hints expect of it too."""
    recipe, found = _recipe(spec, space, device), _Learnt()
    seeds = [seed + 7919 * i for i in range(len(sets))]
    measured = {i: t for i, t in enumerate(objective.targets) if t.expression is None}
    alone = [i for i, t in measured.items() if not hints.get(t.name)]
    with _few_named_by_target([*measured.values()], [sets[i] for i in measured]):
        together = _known_together(spec, space, recipe, objective.targets, alone, sets, seeds)
        for i, target in measured.items():
            data = sets[i]
            if heard := hints.get(target.name):
                found.models[i], found.judged[target.name] = learn_with(recipe, heard, space, data, seed=seeds[i])
                if len(data) < FEWEST and not any(h.is_scaled for h in heard):
                    found.unscaled.add(target.name)
                elif len(data) < FEWEST and not bool(data.is_censored.any()):
                    found.borrowed.add(target.name)
            else:
                own = _own(spec, space, recipe, target)
                found.models[i] = together[i] if i in together else own.fit(space, data, seed=seeds[i])
    return found


def _recorded(spec: CampaignSpec, objective: Objective, sets: Sequence[TrainingSet]) -> Iterator[str]:
    """Of each recorded number that the models hear, at which value of it everything is believed."""
    for name in (spec.noise or NoiseSpec()).effects:
        columns = {t: data.effects.get(name, ()) for t, data in zip(objective.names, sets, strict=True)}
        curves = {t: tuple(v for v in column if v is not None) for t, column in columns.items() if is_curve(column)}
        at: dict[float, list[str]] = {}
        for target, column in curves.items():
            at.setdefault(recent_median(column), []).append(target)
        declared = spec.space.get(name)
        unit = (declared.unit or "") if isinstance(declared, ContextSpec) else ""
        for value, targets in at.items():
            what = f"what is believed of {' and '.join(targets)}" if len(at) > 1 else "what is believed"
            yield f"{what} is for {name} {in_full(value, unit)} {unit}".rstrip() + ", the median of its latest results"
        longest: Column = max(curves.values(), key=len, default=())
        if len(longest) >= MANY and len(few := sorted({float(v) for v in longest if v is not None})) <= FEW:
            yield (
                f"{name} was {' or '.join(in_full(v, unit) for v in few)} each time, so that median may be another in "
                "the next round; to hold it, make it a number of the space, and a constraint says which value is meant"
            )


def _notes(
    belief: Belief, space: Space, objective: Objective, effects: Sequence[str], hints: Mapping[str, Sequence[Hint]]
) -> Iterator[str]:
    """What is said of a belief: what cannot be told, what hints are worth, how members did, what effects come to."""
    pairs = [*zip(objective.targets, belief.models, strict=True)]
    for name in effects:
        if len({c[name] for c in belief.table.context if name in c}) < 2:
            yield _untold(name)
    for i, known in belief.known.items():
        if len(known.contradicted):
            yield _scattering(space, objective.targets[i], known)
    for name, judged in belief.judged.items():
        yield from (j.said(name) for j in judged)
    for name, judged in belief.judged.items():
        yield from said_of_spare(name, hints[name], judged)
    yield from (race.said() for race in belief.races)
    yield from said_of_missing({t.name: m.missing if isinstance(m, FittedCommittee) else () for t, m in pairs})
    for t, m in pairs if effects else ():
        if t.expression is None:
            yield from effects_said(t.name, t.on_scale.unit, m, belief.entangled[t.name])
    if belief.feasibility.faults and belief.feasibility.latent is None:
        yield "only faults so far: the chance of success cannot be learnt yet"


def _derived(
    space: Space, objective: Objective, table: Table, learnt: Mapping[int, FittedSurrogate]
) -> dict[int, FittedDerived]:
    """By number, what is believed of derived targets, by what is ``learnt`` of those that are measured."""
    numbers, known = {name: i for i, name in enumerate(objective.names)}, ~np.isnan(table.y)
    found = {}
    for working in workings_of(objective, space):
        mine, parts = numbers[working.target.name], [numbers[part.name] for part in working.parts]
        is_exact = known[:, mine] & (table.low[:, mine] == table.high[:, mine])
        rows = np.flatnonzero(is_exact & known[:, parts].all(axis=1))  # a part of 0 has no place on a logarithmic scale
        found[mine] = FittedDerived(
            working,
            tuple(learnt[i] for i in parts),
            torch.from_numpy(table.x[rows]),
            torch.from_numpy(table.y[rows, mine]),
            tuple(torch.from_numpy(np.cumsum(known[:, i])[rows] - 1) for i in parts),
        )
    return found


def recipe_of(spec: CampaignSpec, space: Space, target: Target) -> Surrogate:
    """The recipe by which a campaign's own results of a target are learnt, without sources.

    Of a campaign that chooses at random, the committee that it could use.
    """
    recipe = surrogate("committee", space) if spec.planner.surrogate == "random" else _recipe(spec, space)
    return _own(spec, space, recipe, target)


def _recipe(spec: CampaignSpec, space: Space, device: str = "cpu") -> Surrogate:
    learns_noise = spec.noise is not None and spec.noise.model == "learnt"
    return surrogate(spec.planner.surrogate, space, learns_noise=learns_noise, device=device)


def _known_together(
    spec: CampaignSpec,
    space: Space,
    recipe: Surrogate,
    targets: Sequence[Target],
    alone: Sequence[int],
    sets: Sequence[TrainingSet],
    seeds: Sequence[int],
) -> dict[int, FittedSurrogate]:
    """By number, models of those targets ``alone`` (without hints) that one recipe can learn together."""
    plain = [i for i in alone if targets[i].levels is None and targets[i].classes is None]
    known = dict(zip(plain, _each(recipe, space, [sets[i] for i in plain], [seeds[i] for i in plain]), strict=True))
    classed = [i for i in alone if targets[i].classes is not None]
    if len(classed) > 1:
        own = _own(spec, space, recipe, targets[classed[0]])  # of all alike
        if _shares(own):
            learnt = _each(own, space, [sets[i] for i in classed], [seeds[i] for i in classed])
            known |= dict(zip(classed, learnt, strict=True))
    return known


@contextmanager
def _few_named_by_target(targets: Sequence[Target], sets: Sequence[TrainingSet]) -> Iterator[None]:
    """Have what is raised of too few values name the targets that lack them, where there are several."""
    try:
        yield
    except TooFewPoints as error:
        raise error.of_targets({t.name: len(data) for t, data in zip(targets, sets, strict=True)}) from None


def _scattering(space: Space, target: Target, known: Known) -> str:
    first = space.label(space.as_tried(known.contradicted[0].numpy()))
    more = f" and {len(known.contradicted) - 1} more" if len(known.contradicted) > 1 else ""
    return (
        f"{target.name} is exact by the campaign file, and values of {first}{more} differ or contradict a limit: "
        "it is believed there as if it scattered; retract what is wrong, or leave out exact"
    )


def _untold(effect: str) -> str:
    return f"effect {effect!r} cannot be told: fewer than two different ones were recorded with results"


def _each(
    recipe: Surrogate, space: Space, sets: Sequence[TrainingSet], seeds: Sequence[int]
) -> Sequence[FittedSurrogate]:
    """A model for each target's training set. Raises the first reason why there is none."""
    if isinstance(recipe, Committee):
        return recipe.fit_each(space, sets, seeds) if sets else ()
    found = []
    for model in fitted_each(recipe, space, sets, seeds):
        if isinstance(model, TooFewPoints | FitError):
            raise model
        found.append(model)
    return found


def _shares(recipe: Surrogate) -> bool:
    """Whether something of it is learnt of several targets as one."""
    members = recipe.members if isinstance(recipe, Committee) else (recipe,)
    return any(isinstance(m, SupportsTogether) and m.shares for m in members)


def _own(spec: CampaignSpec, space: Space, recipe: Surrogate, target: Target) -> Surrogate:
    """The recipe as it learns a target; of classes the default committee has members of its own."""
    if target.classes is not None:
        is_default = spec.planner.surrogate in ("committee", "random") and space.library is not None
        return for_classes(surrogate(default_members(space, has_classes=True), space) if is_default else recipe)
    return recipe if target.levels is None else for_levels(recipe, target.levels)


def predictions_of(objective: Objective, belief: Belief | None, x: Tensor) -> list[tuple[Prediction, ...]]:
    """For each row of ``x``: what the whole model and each member say of a new measurement of each target.

    Where plates, days or instruments have effects, it is made on one that is not known yet: what that adds is in doubt.
    Where an order is believed and no value, nothing is predicted. What sources say is kept within what there can be.
    """
    rows: list[list[Prediction]] = [[] for _ in range(len(x))]
    for target, model in zip(objective.targets, belief.models if belief else (), strict=bool(belief)):
        low, high = target.on_scale.low, target.on_scale.high
        is_bounded = low is not None or high is not None
        if belief is not None and target.name in belief.unscaled:
            continue
        voices: list[tuple[str, float | None, FittedSurrogate]] = [(model.name, None, model)]
        if isinstance(model, FittedCommittee):
            voices.extend((m.name, w, m) for m, w in zip(model.members, model.weights, strict=True))
        for name, weight, voice in voices:
            mean, total = of_new_values(voice, x)
            if is_bounded and belief is not None and belief.judged.get(target.name):  # a source may go beyond
                mean = mean.clamp(low, high)
            for row, m, s in zip(rows, mean.tolist(), total.tolist(), strict=True):
                row.append(Prediction(target.name, name, *target.moments_in_unit(m, s), weight))
    return [tuple(row) for row in rows]


def level_chances(objective: Objective, belief: Belief | None, x: Tensor) -> list[dict[str, list[float]]]:
    """For each row of ``x``: by ordinal target, the chance of each level of a new measurement, the lowest first."""
    rows: list[dict[str, list[float]]] = [{} for _ in range(len(x))]
    for target, model in zip(objective.targets, belief.models if belief else (), strict=bool(belief)):
        if target.levels is None or target.classes is not None or (chances := chances_of(model, x)) is None:
            continue
        for row, mine in zip(rows, chances.tolist(), strict=True):
            row[target.name] = mine
    return rows
