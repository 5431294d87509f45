"""Contributions: what each atom and fragment of a molecule adds to what is believed of it.

An atom's contribution is what the prediction loses when the atom is hidden: made an atom of no element, so that no
fingerprint sees it. Surrogates that see a molecule as a whole (by its descriptors) have no such shares: to them one
with a hidden atom is like nothing at all, whichever atom it is. It says what a model has learnt to look at, and is no
mechanism: with other members the same molecule may be explained otherwise, so members are told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.belief import recipe_of
from loop.derived import derived
from loop.errors import FitError, MoleculeError, SpaceError, TooFewPoints
from loop.history import History
from loop.insight.explaining import Explained, Explanation, Fragment
from loop.insight.hidden_parts import HiddenParts
from loop.insight.likeness import Likeness
from loop.molecules.standardise import canonical_smiles
from loop.objective import Objective, Target
from loop.outcome import Qualifier
from loop.space import Component, Space, are_molecules, molecules_at
from loop.spec import CampaignSpec, build_objective
from loop.surrogates.committee import Committee, FittedCommittee
from loop.surrogates.names import GRAPHS
from loop.surrogates.protocol import Surrogate, TrainingSet
from loop.surrogates.registry import surrogate
from loop.training import regression_table

AS_A_WHOLE: Final = frozenset({"gp", "gp-descriptors", "gp-mordred", "gp-given"})  # they see no parts of a molecule
OF_PRODUCTS: Final = frozenset({"tanimoto", "fingerprints"}) | GRAPHS  # they see a product, the others its reagents


def explain_best(
    spec: CampaignSpec,
    space: Space,
    history: History,
    *,
    top: int,
    also: Sequence[str] = (),
    seed: int,
    called: Mapping[str, str] | None = None,
) -> tuple[Explanation, ...]:
    """The ``top`` molecules with the best measured values of each wanted target, explained, and some others.

    Of a derived target each of what it follows from is explained, which is what models learn.

    By the members of the campaign's committee that see parts of molecules; where there are none, by ``tanimoto``.
    Nothing of a target of which too little was measured, or where a candidate is more than a molecule (of a library, or
    what reagents become).

    Args:
        also: Canonical SMILES of further molecules, candidates or not.
        called: What some of these are called, by their SMILES; measured ones are called as the space does.
    """
    if not are_molecules(space):
        return ()
    objective = build_objective(spec)
    table, _ = regression_table(space, objective, derived(spec, history))
    effects = spec.noise.effects if spec.noise is not None else ()
    found = []
    for i, target in enumerate(objective.targets):
        sought = _sought(target, objective)
        if target.expression is not None or sought is None:
            continue
        data = TrainingSet.of(table, i, effects)
        ranking = data if sought is target else TrainingSet.of(table, objective.targets.index(sought), effects)
        exact = ~ranking.is_censored
        values: dict[tuple[float, ...], list[float]] = {}
        for x, y in zip(ranking.x[exact].tolist(), ranking.y[exact].tolist(), strict=True):
            values.setdefault(tuple(x), []).append(y)
        best = sorted(values, key=lambda k: (-float(sought.worth(np.mean(values[k]))), k))
        ranked = dict.fromkeys(molecules_at(space, np.array(best).reshape(len(best), len(space.parameters))))
        smiles = tuple(dict.fromkeys((*also, *[s for s in ranked if s][:top])))
        if not smiles:  # nothing was measured yet
            continue
        recipe = _by_parts(recipe_of(spec, space, target), space)
        try:
            told = explain_molecules(recipe, space, data, smiles, seed=seed, called=called)
        except (TooFewPoints, FitError):
            continue
        by = tuple(m.name for m in recipe.members) if isinstance(recipe, Committee) else (recipe.name,)
        words = {level: word for level in target.levels or () if (word := target.shown(level)) is not None}
        wanted = target.sought
        scaled = target.on_scale
        told = tuple(replace(one, mean=scaled.possible(one.mean)) for one in told)
        found.append(Explanation(target.name, scaled.unit, told, by, words, wanted))
    return tuple(found)


def _sought(target: Target, objective: Objective) -> Target | None:
    """The wanted target by which molecules are ranked: itself, or one that follows from it; None where neither is."""
    if target.is_wanted:
        return target
    following = (t for t in objective.wanted if t.expression is not None and target.name in t.expression.names)
    return next(following, None)


def _by_parts(recipe: Surrogate, space: Space) -> Surrogate:
    """The same recipe without members that see molecules as a whole, or the reagents of a product."""
    members = recipe.members if isinstance(recipe, Committee) else (recipe,)
    kept = tuple(m for m in members if (m.name in OF_PRODUCTS if space.products else m.name not in AS_A_WHOLE))
    if not kept:
        return surrogate("tanimoto", space)
    return kept[0] if len(kept) == 1 else Committee("committee", kept)


def explain_molecules(
    recipe: Surrogate,
    space: Space,
    data: TrainingSet,
    smiles: Sequence[str],
    *,
    seed: int,
    called: Mapping[str, str] | None = None,
) -> tuple[Explained, ...]:
    """What is believed of molecules, by the recipe fitted to the measured ones.

    Args:
        space: A library or products of reagents, and nothing else.
        data: Its measured values of one target; reagents that do not react teach nothing here.
        smiles: Canonical SMILES, of candidates or not.
        called: What some of these are called, by their SMILES.

    Raises:
        SpaceError: A candidate is more than a molecule.
        TooFewPoints: There are too few values.
        FitError: No model could be fitted.
    """
    if not are_molecules(space):
        raise SpaceError(
            "contributions of atoms are told where the space is a library of molecules, or products of reagents, and "
            "nothing else"
        )
    made = molecules_at(space, data.x.numpy())
    labels = _labels(space, data.x.numpy(), made) | dict(called or {})
    named = {s: label for s, label in labels.items() if not _is_written(s, label)}
    data = data.rows(torch.tensor([i for i, s in enumerate(made) if s], dtype=torch.long))
    measured = [s for s in made if s]
    parts = {s: HiddenParts.of(s) for s in smiles}
    asked = tuple(dict.fromkeys((*smiles, *(form for p in parts.values() for form in p.forms))))
    believed = _Beliefs.of(recipe, space.molecule or "", measured, data, asked, seed)
    likeness = Likeness.of(measured, data.y.numpy(), smiles, _limits(data))
    return tuple(
        Explained(
            smiles=s,
            mean=believed.mean[s],
            sd=believed.sd[s],
            atoms=_lost(believed.mean, s, parts[s].atoms),
            by_member={name: _lost(mean, s, parts[s].atoms) for name, mean in believed.by_member.items()},
            fragments=_fragments(believed.mean, s, parts[s]),
            neighbours=tuple(replace(n, name=named.get(n.smiles, "")) for n in likeness.nearest(s)),
            is_inside=likeness.is_inside(s),
            name=named.get(s, ""),
        )
        for s in smiles
    )


def _limits(data: TrainingSet) -> list[str]:
    """Of each row "<" or ">" where its value is a limit, else ""."""
    is_upper = data.y == data.limits[1]
    sides = zip(data.is_censored.tolist(), is_upper.tolist(), strict=True)
    return [str(Qualifier.BELOW if upper else Qualifier.ABOVE) if is_limit else "" for is_limit, upper in sides]


@dataclass(frozen=True)
class _Beliefs:
    """What is believed of structures, by their SMILES: by the whole recipe, and the mean by each member."""

    mean: Mapping[str, float]
    sd: Mapping[str, float]
    by_member: Mapping[str, Mapping[str, float]]

    @staticmethod
    def of(
        recipe: Surrogate, molecule: str, measured: Sequence[str], data: TrainingSet, asked: Sequence[str], seed: int
    ) -> _Beliefs:
        """Of ``asked``, by the recipe fitted to the values of the ``measured``, in a space of these structures."""
        structures = tuple(dict.fromkeys((*measured, *asked)))
        number = {s: float(i) for i, s in enumerate(structures)}

        def coordinates(some: Sequence[str]) -> Tensor:
            return torch.tensor([[number[s]] for s in some], dtype=torch.float64).reshape(-1, 1)

        space = Space((Component(molecule, structures, structures, is_library=True),))
        fitted = recipe.fit(space, replace(data, x=coordinates(measured)), seed=seed)
        members = fitted.members if isinstance(fitted, FittedCommittee) else ()
        with torch.no_grad():
            x = coordinates(asked)
            mean, sd = (dict(zip(asked, m.tolist(), strict=True)) for m in fitted.moments(x))
            by_member = {m.name: dict(zip(asked, m.moments(x)[0].tolist(), strict=True)) for m in members}
        return _Beliefs(mean, sd, by_member)


def _lost(mean: Mapping[str, float], smiles: str, forms: Sequence[str]) -> tuple[float, ...]:
    """What is believed of a molecule and of none of these forms of it."""
    return tuple(mean[smiles] - mean[form] for form in forms)


def _fragments(mean: Mapping[str, float], smiles: str, parts: HiddenParts) -> tuple[Fragment, ...]:
    """The fragments of a molecule with what they add, those first that add or take most."""
    lost = _lost(mean, smiles, parts.without_fragments)
    found = (Fragment(f, atoms, adds) for (f, atoms), adds in zip(parts.fragments, lost, strict=True))
    return tuple(sorted(found, key=lambda f: -abs(f.adds)))


def _labels(space: Space, x: NDArray[np.float64], made: Sequence[str | None]) -> dict[str, str]:
    """What a library calls each structure that it holds at ``x``, shape ``(n, d)``."""
    if space.products:
        return {}  # a product is called by its reagents, and told by its structure
    labels: dict[str, str] = {}
    for row, smiles in zip(x, made, strict=True):
        if smiles and smiles not in labels:
            labels[smiles] = space.label(space.settings(row))
    return labels


def _is_written(smiles: str, label: str) -> bool:
    """Whether a label is but another way to write the structure."""
    if label == smiles:
        return True
    try:
        return canonical_smiles(label) == smiles
    except MoleculeError:
        return False
