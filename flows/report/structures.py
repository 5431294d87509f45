"""Structures as small drawings, each drawn once however often the page shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

from flows.report.svg import element

WIDTH, HEIGHT = 168, 116  # in CSS pixels
RAISES, LOWERS = (0.05, 0.35, 0.75), (0.85, 0.40, 0.0)  # red, green, blue of atoms; told apart by every eye
DEEPEST = 0.65  # opacity of the greatest share
FAINT = 0.05  # of it, below which an atom is left as it is
RADIUS = 0.45  # of what is coloured, in bond lengths


def draw_all(smiles: Iterable[str]) -> tuple[Markup, dict[str, str]]:
    """Symbols to put once into the page, and the id of each SMILES' symbol; what cannot be read has no id."""
    symbols: list[Markup] = []
    ids: dict[str, str] = {}
    for text in dict.fromkeys(smiles):
        inside = draw(text)
        if inside is not None:
            ids[text] = f"structure-{len(ids)}"
            symbols.append(element("symbol", inside, id=ids[text], viewBox=f"0 0 {WIDTH} {HEIGHT}"))
    return Markup("").join(symbols), ids


def draw(smiles: str, shares: Sequence[float] = (), largest: float = 0.0) -> Markup | None:
    """The inside of an SVG of ``WIDTH`` by ``HEIGHT``, without background; ``None`` if it is no SMILES.

    ``shares``, one for each atom, colour the atoms: ``RAISES`` above zero and ``LOWERS`` below it, the more the nearer
    to ``largest``, the greatest share that is drawn beside it.
    """
    from rdkit import Chem, rdBase  # only where something is drawn
    from rdkit.Chem.Draw import rdMolDraw2D

    reader: Any = Chem.SmilesParserParams()  # rdkit's stubs give its fields the wrong types
    reader.allowCXSMILES = False  # its labels are free text, which has no place in a drawing
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles, reader)
        if molecule is None or molecule.GetNumAtoms() == 0:
            return None
        drawer = rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT)
        options: Any = drawer.drawOptions()
        options.clearBackground = False
        options.fixedBondLength = 22  # small molecules are not blown up
        options.bondLineWidth = 1.4
        options.padding = 0.06
        coloured = {i: share for i, share in enumerate(shares) if abs(share) > FAINT * largest}
        rdMolDraw2D.PrepareAndDrawMolecule(
            drawer,
            molecule,
            highlightAtoms=list(coloured),
            highlightAtomColors={
                i: (*(RAISES if share > 0 else LOWERS), DEEPEST * min(abs(share) / largest, 1.0))
                for i, share in coloured.items()
            },
            highlightAtomRadii=dict.fromkeys(coloured, RADIUS),
            highlightBonds=[],
        )
        drawer.FinishDrawing()
    inside = re.search(r"<svg[^>]*>(.*)</svg>", drawer.GetDrawingText(), re.DOTALL)
    return None if inside is None else Markup(re.sub(r"<!--.*?-->\s*", "", inside[1], flags=re.DOTALL).strip())
