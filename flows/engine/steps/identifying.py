"""Identifying: the candidate of some settings, as the record names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from loop.record import Candidate
from loop.space import Space


def identified(space: Space, settings: Mapping[str, str | float]) -> Candidate:
    """The candidate with its structures, and with the InChIKey of its molecule in a campaign over molecules.

    What is interchangeable is in order there, in whichever it was given.

    Raises:
        SpaceError: The settings do not fit the space.
    """
    candidate = space.candidate(space.arranged(settings))
    structure = None if space.molecule is None else candidate.smiles.get(space.molecule)
    if structure is None:
        return candidate
    from loop.molecules.standardise import inchikey  # RDKit: only where molecules are stored

    return replace(candidate, inchikey=inchikey(structure))
