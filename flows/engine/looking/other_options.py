"""Other options: substances and molecules that a campaign does not choose among, and that a prediction is asked of.

Models see structures, so they have something to say of a ligand that is not in the campaign file, or of a molecule that
is in no library: for one prediction it is one option more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from loop.errors import MoleculeError
from loop.sheets.cells import split_header
from loop.space import Component, Space
from loop.spec import CampaignSpec
from loop.spec.space_models import ComponentSpec, MoleculeSpec

MOST: Final = 1_000  # of a parameter; more of them are a library of their own


def with_others(spec: CampaignSpec, space: Space, payloads: Iterable[str]) -> CampaignSpec:
    """The spec with what told rows (``payloads``) name beyond its options, each by its structure.

    A cell is a SMILES, or a name beside which a column ``PARAMETER_smiles`` has one. What cannot be read stays out, and
    so does what describes itself by numbers of one's own: whoever reads the rows says what is wrong.
    """
    rows = _cells(payloads)
    changed = {}
    for p, section in _widened(spec, space):
        others = _others(p, rows)
        if 0 < len(others) <= MOST:
            changed[p.name] = section.model_copy(update={"options": {**(section.options or {}), **others}})
    return spec.model_copy(update={"space": {**spec.space, **changed}}) if changed else spec


def nameless(spec: CampaignSpec, space: Space, payloads: Iterable[str]) -> list[str]:
    """Parameters that could have further options, and of which a told row names one that is known by no structure."""
    rows = _cells(payloads)
    called = {p.name: {_named(cells).get(p.name, "") for cells in rows} for p, _ in _widened(spec, space)}
    return [p.name for p, _ in _widened(spec, space) if any(text and not p.has(text) for text in called[p.name])]


def _widened(spec: CampaignSpec, space: Space) -> Iterator[tuple[Component, ComponentSpec | MoleculeSpec]]:
    """The parameters to which options can be added, with what the file says of them."""
    for p in space.parameters:
        section = spec.space.get(p.name)
        if not isinstance(p, Component) or not isinstance(section, ComponentSpec | MoleculeSpec):
            continue
        if section.options is not None and getattr(section, "descriptors", None) is None:
            yield p, section


def _cells(payloads: Iterable[str]) -> list[dict[str, str]]:
    return [cells for payload in payloads if isinstance(cells := json.loads(payload).get("cells"), dict)]


def _named(cells: Mapping[str, str]) -> dict[str, str]:
    return {split_header(head)[0].removeprefix("settings."): text.strip() for head, text in cells.items()}


def _others(p: Component, rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Structures of what rows name beyond the options of a parameter, by what they call it."""
    from loop.molecules.standardise import canonical_smiles  # RDKit: only where a structure is asked about

    known = set(p.smiles) if not p.is_stored else set()
    found: dict[str, str] = {}
    for cells in rows:
        named = _named(cells)
        called = named.get(p.name, "")
        if not called or p.has(called) or called in found:
            continue
        try:
            structure = canonical_smiles(named.get(f"{p.name}_smiles") or named.get(f"{p.name}.smiles") or called)
        except MoleculeError:
            continue
        if structure not in known:
            found[called] = structure
            known.add(structure)
    return found
