"""Contributions: what each atom and fragment of a molecule adds to what is believed of it.

An atom's contribution is what the prediction loses when the atom is hidden: made an atom of no element, so that no
fingerprint sees it. Surrogates that see a molecule as a whole (by its descriptors) have no such shares: to them one
with a hidden atom is like nothing at all, whichever atom it is. It says what a model has learnt to look at, and is no
mechanism: with other members the same molecule may be explained otherwise, so members are told apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import BRICS

from loop.belief import recipe_of
from loop.errors import FitError, MoleculeError, SpaceError, TooFewPoints
from loop.history import History, regression_table
from loop.insight.explaining import Explained, Explanation, Fragment, Neighbour
from loop.molecules.fingerprints import count_fingerprints
from loop.molecules.standardise import canonical_smiles
from loop.space import Component, Space, are_molecules, molecules_at
from loop.spec import CampaignSpec, build_objective
from loop.surrogates.committee import Committee, FittedCommittee
from loop.surrogates.names import GRAPHS
from loop.surrogates.protocol import Surrogate, TrainingSet
from loop.surrogates.registry import surrogate

NEIGHBOURS: Final = 3  # measured molecules that are named
AS_A_WHOLE: Final = frozenset({"gp", "gp-descriptors", "gp-mordred", "gp-given"})  # they see no parts of a molecule
OF_PRODUCTS: Final = frozenset({"tanimoto", "fingerprints"}) | GRAPHS  # they see a product, the others its reagents
EDGE: Final = 0.1  # share of the measured molecules that are lonelier than the edge of the domain
EDGE_ROWS: Final = 2_000  # measured molecules, evenly spaced, that this share is taken of
BLOCK: Final = 256  # of them at once: 60 MB beside 30,000 measured ones


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
    table, _ = regression_table(space, objective, history)
    effects = spec.noise.effects if spec.noise is not None else ()
    found = []
    for i, target in enumerate(objective.targets):
        if not target.is_wanted:
            continue
        data = TrainingSet.of(table, i, effects)
        exact = ~data.is_censored
        values: dict[tuple[float, ...], list[float]] = {}
        for x, y in zip(data.x[exact].tolist(), data.y[exact].tolist(), strict=True):
            values.setdefault(tuple(x), []).append(y)
        best = sorted(values, key=lambda k: (-float(target.worth(np.mean(values[k]))), k))
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
        wanted = "" if target.classes is None else target.classes[-1]
        found.append(Explanation(target.name, target.unit, told, by, words, wanted))
    return tuple(found)


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
    parts = {s: _Parts.of(s) for s in smiles}
    everything = dict.fromkeys((*measured, *smiles, *(m for p in parts.values() for m in p.hidden)))
    structures = tuple(everything)
    number = {s: float(i) for i, s in enumerate(structures)}
    small = Space((Component(space.molecule or "", structures, structures, is_library=True),))
    x = torch.tensor([[number[s]] for s in measured], dtype=torch.float64).reshape(-1, 1)
    known = replace(data, x=x)
    fitted = recipe.fit(small, known, seed=seed)
    place = {name: i for i, name in enumerate(dict.fromkeys((*smiles, *(m for p in parts.values() for m in p.hidden))))}
    with torch.no_grad():
        asked = torch.tensor([[number[s]] for s in place], dtype=torch.float64).reshape(-1, 1)
        mean, sd = (m.tolist() for m in fitted.moments(asked))
        members = fitted.members if isinstance(fitted, FittedCommittee) else ()
        of_member = {m.name: m.moments(asked)[0].tolist() for m in members}
    near = _Near.of(measured, data.y.numpy(), smiles)
    told = []
    for s in smiles:
        at, hidden = place[s], parts[s]
        without = [place[h] for h in hidden.hidden]
        n = hidden.n_atoms
        told.append(
            Explained(
                smiles=s,
                mean=mean[at],
                sd=sd[at],
                atoms=tuple(mean[at] - mean[w] for w in without[:n]),
                by_member={name: tuple(m[at] - m[w] for w in without[:n]) for name, m in of_member.items()},
                fragments=tuple(
                    sorted(
                        (
                            Fragment(fragment, atoms, mean[at] - mean[w])
                            for (fragment, atoms), w in zip(hidden.fragments, without[n:], strict=True)
                        ),
                        key=lambda f: -abs(f.adds),
                    )
                ),
                neighbours=tuple(replace(n, name=named.get(n.smiles, "")) for n in near.of_molecule(s)),
                is_inside=near.is_inside(s),
                name=named.get(s, ""),
            )
        )
    return tuple(told)


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


@dataclass(frozen=True)
class _Parts:
    """The hidden forms of a molecule: of each atom, then of each fragment."""

    n_atoms: int
    fragments: tuple[tuple[str, tuple[int, ...]], ...]
    hidden: tuple[str, ...]

    @staticmethod
    def of(smiles: str) -> _Parts:
        molecule = Chem.MolFromSmiles(smiles)
        pieces = tuple(_fragments(molecule))
        alone = [(i,) for i in range(molecule.GetNumAtoms())]
        forms = tuple(_without(molecule, atoms) for atoms in (*alone, *(atoms for _, atoms in pieces)))
        return _Parts(len(alone), pieces, forms)


def _fragments(molecule: Chem.Mol) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Parts between the bonds that BRICS would cut; nothing where it cuts none."""
    cut = BRICS.FindBRICSBonds(molecule)  # type: ignore[no-untyped-call]
    bonds = [molecule.GetBondBetweenAtoms(*atoms).GetIdx() for atoms, _ in cut]
    if not bonds:
        return
    pieces = Chem.FragmentOnBonds(molecule, bonds, addDummies=False)
    for atoms in Chem.GetMolFrags(pieces):
        yield Chem.MolFragmentToSmiles(molecule, list(atoms)), tuple(atoms)


def _without(molecule: Chem.Mol, atoms: Sequence[int]) -> str:
    """The canonical SMILES with some atoms made of no element."""
    for is_kekule in (False, True):  # a ring may only be readable with its double bonds fixed
        form = Chem.RWMol(molecule)
        if is_kekule:
            Chem.Kekulize(form, clearAromaticFlags=True)
        for i in atoms:
            atom = form.GetAtomWithIdx(i)
            atom.SetAtomicNum(0)
            atom.SetFormalCharge(0)
            atom.SetIsotope(0)
            atom.SetNumExplicitHs(0)
            atom.SetNumRadicalElectrons(0)
            atom.SetNoImplicit(True)
            atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
        with rdBase.BlockLogs():
            read = Chem.MolFromSmiles(Chem.MolToSmiles(form))
        if read is not None:
            return str(Chem.MolToSmiles(read))
    raise AssertionError("with fixed double bonds an atom of no element fits anywhere")


@dataclass(frozen=True)
class _Near:
    """How alike some molecules are to the measured ones."""

    measured: tuple[str, ...]
    values: dict[str, float]
    similarity: NDArray[np.float64]  # (asked, measured)
    place: dict[str, int]
    edge: float

    @staticmethod
    def of(measured: Sequence[str], y: NDArray[np.float64], asked: Sequence[str]) -> _Near:
        every: dict[str, list[float]] = {}
        for s, value in zip(measured, y.tolist(), strict=True):
            every.setdefault(s, []).append(value)
        values = {s: float(np.mean(several)) for s, several in every.items()}
        prints = count_fingerprints((*values, *asked))
        known = np.arange(len(values))
        some = np.unique(np.linspace(0, len(values) - 1, min(len(values), EDGE_ROWS)).round().astype(np.int64))
        closest = np.empty(len(some))
        for start in range(0, len(some), BLOCK):
            rows = some[start : start + BLOCK]
            among = prints.similarity(rows, known)
            among[np.arange(len(rows)), rows] = -1.0
            closest[start : start + BLOCK] = among.max(axis=1)
        similarity = prints.similarity(len(values) + np.arange(len(asked)), known)
        place = {s: i for i, s in enumerate(asked)}
        return _Near(tuple(values), values, similarity, place, float(np.quantile(closest, EDGE)))

    def of_molecule(self, smiles: str) -> tuple[Neighbour, ...]:
        row = self._others(smiles)
        order = np.argsort(-row, kind="stable")[:NEIGHBOURS]
        names = [self.measured[i] for i in order if row[i] >= 0]
        return tuple(Neighbour(n, float(row[i]), self.values[n]) for n, i in zip(names, order, strict=False))

    def is_inside(self, smiles: str) -> bool:
        return bool(smiles in self.values or self._others(smiles).max() >= self.edge)

    def _others(self, smiles: str) -> NDArray[np.float64]:
        row: NDArray[np.float64] = self.similarity[self.place[smiles]].copy()
        if smiles in self.values:
            row[self.measured.index(smiles)] = -1.0
        return row
