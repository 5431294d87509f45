"""Other options: substances and molecules that a campaign does not choose among, and that a prediction is asked of.

Models see structures, so they have something to say of a ligand that is not in the campaign file, or of a molecule that
is in no library: for one prediction it is one option more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from loop.cells import split_header
from loop.errors import MoleculeError
from loop.space import Component, Space
from loop.spec import CampaignSpec
from loop.spec.space_models import ComponentSpec, MoleculeSpec

MOST: Final = 1_000  # of a parameter; more of them are a library of their own


def with_others(spec: CampaignSpec, space: Space, payloads: Iterable[str]) -> CampaignSpec:
    """The spec with what told rows (``payloads``) name beyond its options, each by its structure.

    A cell is a SMILES, or a name beside which a column ``PARAMETER_smiles`` has one. What cannot be read stays out, and
    so does what describes itself by numbers of one's own: whoever reads the rows says what is wrong.
    """
    rows = [cells for payload in payloads if isinstance(cells := json.loads(payload).get("cells"), dict)]
    changed = {}
    for p in space.parameters:
        section = spec.space.get(p.name)
        if not isinstance(p, Component) or not isinstance(section, ComponentSpec | MoleculeSpec):
            continue
        if section.options is None or getattr(section, "descriptors", None) is not None:
            continue
        others = _others(p, rows)
        if 0 < len(others) <= MOST:
            changed[p.name] = section.model_copy(update={"options": {**section.options, **others}})
    return spec.model_copy(update={"space": {**spec.space, **changed}}) if changed else spec


def _others(p: Component, rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Structures of what rows name beyond the options of a parameter, by what they call it."""
    from loop.molecules.standardise import canonical_smiles  # RDKit: only where a structure is asked about

    known = set(p.smiles) if not p.is_stored else set()
    found: dict[str, str] = {}
    for cells in rows:
        named = {split_header(head)[0].removeprefix("settings."): text.strip() for head, text in cells.items()}
        called = named.get(p.name, "")
        if not called or p.has(called) or called in found:
            continue
        try:
            structure = canonical_smiles(named.get(f"{p.name}_smiles") or called)
        except MoleculeError:
            continue
        if structure not in known:
            found[called] = structure
            known.add(structure)
    return found
