"""The table of surrogates: a name, what it is, and how to make it. A new one is one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from loop.errors import UnknownName
from loop.fidelity import fidelity_column
from loop.space import Component, Space
from loop.surrogates.ard import ArdGaussianProcess
from loop.surrogates.committee import Committee
from loop.surrogates.gnn.ensemble import GraphEnsemble
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.ladder import with_ladders
from loop.surrogates.lengthscales import is_numbers_only
from loop.surrogates.metric import Representation
from loop.surrogates.names import SURROGATES
from loop.surrogates.protocol import Surrogate
from loop.surrogates.trees import ExtraTrees

DESCRIBED = 50_000  # molecules of a library; RDKit's descriptors take 3 ms for each
FEW_OPTIONS = 300  # with a structure, in all; Mordred takes up to half a second for each

_FACTORIES: Final[Mapping[str, Callable[[Space, bool], Surrogate]]] = {
    "gp": lambda space, noise: _process("gp", Representation.ONE_HOT, space, noise),
    "gp-descriptors": lambda space, noise: _process("gp-descriptors", Representation.DESCRIPTORS, space, noise),
    "gp-mordred": lambda space, noise: _process("gp-mordred", Representation.MORDRED, space, noise),
    "tanimoto": lambda space, noise: _process("tanimoto", Representation.COUNTS, space, noise),
    "fingerprints": lambda space, noise: _process("fingerprints", Representation.SEVERAL, space, noise),
    "ard": lambda *_: ArdGaussianProcess("ard"),
    "trees": lambda *_: ExtraTrees("trees"),
    "dmpnn": lambda *_: GraphEnsemble("dmpnn", "dmpnn"),
    "dmpnn-gp": lambda *_: GraphEnsemble("dmpnn-gp", "dmpnn", head="matern"),
    "attentive-fp": lambda *_: GraphEnsemble("attentive-fp", "attentive-fp"),
    "gat": lambda *_: GraphEnsemble("gat", "gat"),
    "gin": lambda *_: GraphEnsemble("gin", "gin"),
    "graph-transformer": lambda *_: GraphEnsemble("graph-transformer", "graph-transformer"),
    "mpnn": lambda *_: GraphEnsemble("mpnn", "mpnn"),
    "neural-fingerprint": lambda *_: GraphEnsemble("neural-fingerprint", "neural-fingerprint"),
    "committee": lambda space, noise: _committee(default_members(space, learns_noise=noise), space, noise),
}
assert set(_FACTORIES) | {"random"} == set(SURROGATES)


def surrogate(name: str | Sequence[str], space: Space, *, learns_noise: bool = False) -> Surrogate:
    """The recipe of that name for a space; a list of names is a committee of them.

    Where the space has versions of a measurement, a committee has ladders of them too (``loop.surrogates.ladder``).
    With ``learns_noise``, members that can (``gp`` and its kin, ``tanimoto``) learn the noise as a function
    of the conditions; for the others it is the same everywhere.

    Raises:
        UnknownName: No such surrogate.
    """
    if not isinstance(name, str):
        return _committee(name, space, learns_noise)
    if name not in _FACTORIES:
        raise UnknownName("surrogate", name, SURROGATES)
    return _FACTORIES[name](space, learns_noise)


def _process(name: str, representation: Representation, space: Space, learns_noise: bool) -> GaussianProcess:
    return GaussianProcess(name, representation, learns_noise=learns_noise, calibrates=_calibrates(space))


def _committee(names: Sequence[str], space: Space, learns_noise: bool) -> Committee:
    members = with_ladders(space, [surrogate(n, space, learns_noise=learns_noise) for n in names])
    return Committee("committee", members, calibrates=_calibrates(space))


def _calibrates(space: Space) -> bool:
    """Whether left-out values decide how wide beliefs are: in libraries, where it was judged (docs/decisions/0021)."""
    return space.library is not None and fidelity_column(space) is None


def default_members(space: Space, *, learns_noise: bool = False, has_classes: bool = False) -> tuple[str, ...]:
    """The committee's members for a kind of space; docs/decisions/0005 and, where all are numbers, 0008 say why.

    ``has_classes``: for a target with two classes; docs/decisions/0020.
    """
    if has_classes and space.library is not None:
        return ("fingerprints", "trees")
    if not space.is_finite:
        return ("ard", "tanimoto")
    if space.library is not None:
        is_large = space.library.size > DESCRIBED
        return ("tanimoto", "trees") if is_large else ("tanimoto", "gp-descriptors", "trees")
    if is_numbers_only(space) and not learns_noise:  # members that learn the noise see all numbers alike
        return ("ard", "trees")
    described = [p.size for p in space.parameters if isinstance(p, Component)]
    if described and sum(described) <= FEW_OPTIONS:
        return ("gp", "tanimoto", "gp-mordred")
    return ("gp", "tanimoto")
