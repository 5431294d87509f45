"""Structures as small drawings, each drawn once however often the page shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from flows.report.svg import element

WIDTH, HEIGHT = 168, 116  # in CSS pixels


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


def draw(smiles: str) -> Markup | None:
    """The inside of an SVG of ``WIDTH`` by ``HEIGHT``, without background; ``None`` if it is no SMILES."""
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
        rdMolDraw2D.PrepareAndDrawMolecule(drawer, molecule)
        drawer.FinishDrawing()
    inside = re.search(r"<svg[^>]*>(.*)</svg>", drawer.GetDrawingText(), re.DOTALL)
    return None if inside is None else Markup(re.sub(r"<!--.*?-->\s*", "", inside[1], flags=re.DOTALL).strip())
