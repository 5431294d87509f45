"""The table of surrogates: a name, what it is, and how to make it. A new one is one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from loop.errors import UnknownName
from loop.fidelity import fidelity_column
from loop.molecules.stereoisomers import has_stereoisomers
from loop.own import is_own, own_surrogate
from loop.space import Component, Space
from loop.surrogates.ard import ArdGaussianProcess
from loop.surrogates.committee import Committee
from loop.surrogates.gnn.ensemble import GraphEnsemble
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.ladder import with_ladders
from loop.surrogates.lengthscales import is_numbers_only
from loop.surrogates.metric import FEW_OPTIONS, is_described
from loop.surrogates.names import LOOKED_OVER, SURROGATES
from loop.surrogates.protocol import Surrogate
from loop.surrogates.representation import Representation
from loop.surrogates.trees import ExtraTrees

DESCRIBED = 50_000  # molecules of a library; RDKit's descriptors take 3 ms for each
DOUBTED = 0.3  # of the values' variance: more is not taken for noise by who doubts it
DESCRIBED_ON_DEMAND = 5_000  # candidates of a union, whose products are made and described in one process


@dataclass(frozen=True)
class _How:
    """What a campaign and its machine ask of all recipes that can."""

    learns_noise: bool
    device: str
    doubts_noise: bool = False


_FACTORIES: Final[Mapping[str, Callable[[Space, _How], Surrogate]]] = {
    "gp": lambda space, how: _process("gp", Representation.ONE_HOT, space, how),
    "gp-descriptors": lambda space, how: _process("gp-descriptors", Representation.DESCRIPTORS, space, how),
    "gp-mordred": lambda space, how: _process("gp-mordred", Representation.MORDRED, space, how),
    "gp-given": lambda space, how: _process("gp-given", Representation.GIVEN, space, how),
    "tanimoto": lambda space, how: _process("tanimoto", Representation.COUNTS, space, how),
    "fingerprints": lambda space, how: _process("fingerprints", Representation.SEVERAL, space, how),
    "ard": lambda *_: ArdGaussianProcess("ard"),
    "trees": lambda *_: ExtraTrees("trees"),
    "dmpnn": lambda _, how: GraphEnsemble("dmpnn", "dmpnn", device=how.device),
    "dmpnn-shared": lambda _, how: GraphEnsemble("dmpnn-shared", "dmpnn", device=how.device, shares=True),
    "dmpnn-gp": lambda _, how: GraphEnsemble("dmpnn-gp", "dmpnn", head="matern", device=how.device),
    "attentive-fp": lambda _, how: GraphEnsemble("attentive-fp", "attentive-fp", device=how.device),
    "gat": lambda _, how: GraphEnsemble("gat", "gat", device=how.device),
    "gin": lambda _, how: GraphEnsemble("gin", "gin", device=how.device),
    "graph-transformer": lambda _, how: GraphEnsemble("graph-transformer", "graph-transformer", device=how.device),
    "mpnn": lambda _, how: GraphEnsemble("mpnn", "mpnn", device=how.device),
    "neural-fingerprint": lambda _, how: GraphEnsemble("neural-fingerprint", "neural-fingerprint", device=how.device),
    "committee": lambda space, how: _committee(default_members(space, learns_noise=how.learns_noise), space, how),
}
assert set(_FACTORIES) | {"random"} == set(SURROGATES)


def surrogate(
    name: str | Sequence[str],
    space: Space,
    *,
    learns_noise: bool = False,
    device: str = "cpu",
    doubts_noise: bool = False,
) -> Surrogate:
    """The recipe of that name for a space, or ``MODULE:NAME`` of one's own; a list of names is a committee of them.

    Where the space has versions of a measurement, a committee has ladders of them too (``loop.surrogates.ladder``).
    With ``learns_noise``, members that can (``gp`` and its kin, ``tanimoto``) learn the noise as a function
    of the conditions; for the others it is the same everywhere. The same ones let the evidence say how much numbers
    count beside options (docs/decisions/0055 and 0167). With ``doubts_noise``, as a source is
    asked, they do neither, and take three tenths of the values' variance for noise at most, so that what is chance
    contradicts them (docs/decisions/0081). Graph networks are trained on ``device``, and processes look over large
    stored libraries there.

    Raises:
        UnknownName: No such surrogate.
    """
    return _made(name, space, _How(learns_noise, device, doubts_noise))


def _made(name: str | Sequence[str], space: Space, how: _How) -> Surrogate:
    if not isinstance(name, str):
        return _committee(name, space, how)
    if is_own(name):
        return own_surrogate(name)
    if name not in _FACTORIES:
        raise UnknownName("surrogate", name, SURROGATES)
    return _FACTORIES[name](space, how)


def _process(name: str, representation: Representation, space: Space, how: _How) -> GaussianProcess:
    return GaussianProcess(
        name,
        representation,
        learns_noise=how.learns_noise,
        calibrates=_calibrates(space),
        weighs_numbers=not how.doubts_noise,
        most_noise=DOUBTED if how.doubts_noise else 1.0,
        device=how.device if is_looked_over(space) else "cpu",
    )


def is_looked_over(space: Space) -> bool:
    """Whether the space is a stored library so large that a GPU is worth sending it to."""
    library = space.library
    return library is not None and library.is_stored and library.united is None and library.size >= LOOKED_OVER


def _committee(names: Sequence[str], space: Space, how: _How) -> Committee:
    members = with_ladders(space, [_made(n, space, how) for n in names])
    return Committee("committee", members, calibrates=_calibrates(space))


def _calibrates(space: Space) -> bool:
    """Whether left-out values decide how wide beliefs are: in libraries, where it was judged (docs/decisions/0021)."""
    return space.library is not None and fidelity_column(space) is None


def default_members(space: Space, *, learns_noise: bool = False, has_classes: bool = False) -> tuple[str, ...]:
    """The committee's members for a kind of space; docs/decisions/0005 says why, and 0008 where all are numbers, 0066
    where no parameter has a structure, 0189 where a library has stereoisomers.

    Where descriptors are given, ``gp-given`` is one more (docs/decisions/0051).
    ``has_classes``: for a target with classes; docs/decisions/0020.
    """
    if has_classes and space.library is not None:
        return ("fingerprints", "trees")
    members = _members(space, learns_noise)
    return (*members, "gp-given") if is_described(space.frame) else members


def _is_told_by_name_alone(space: Space) -> bool:
    """Whether a library that is varied beside other parameters has stereoisomers, which its members take for one
    molecule; it is small enough to be learnt name by name."""
    library, version = space.library, fidelity_column(space)
    if library is None or library.size > FEW_OPTIONS or space.union is not None or library.selective is not None:
        return False
    beside = len(space.parameters) - 1 - (version is not None)
    return beside > 0 and has_stereoisomers(tuple(library.smiles))


def _members(space: Space, learns_noise: bool) -> tuple[str, ...]:
    structured = [p.size for p in space.parameters if isinstance(p, Component)]
    if not space.is_finite:
        return ("ard", "tanimoto" if structured else "gp")  # without structures the two are one
    if space.library is not None:
        is_large = space.library.size > (DESCRIBED if space.union is None else DESCRIBED_ON_DEMAND)
        members = ("tanimoto", "trees") if is_large else ("tanimoto", "gp-descriptors", "trees")
        return (*members, "gp") if _is_told_by_name_alone(space) else members
    if is_numbers_only(space) and not learns_noise:  # members that learn the noise see all numbers alike
        return ("ard", "trees")
    if not structured:
        return ("gp",)
    return ("gp", "tanimoto", "gp-mordred") if sum(structured) <= FEW_OPTIONS else ("gp", "tanimoto")
