"""Contributions of atoms and fragments, from the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flows.engine.looking.histories import history_of, seed_of
from flows.engine.looking.view import View
from flows.wiring import open_record

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.insight.explaining import Explanation

DRAWN = 6  # molecules on a page


def explain(settings: Settings, name: str, *, top: int, also: Sequence[str] = ()) -> tuple[Explanation, ...]:
    """What is believed of the best measured molecules, and of others, and why.

    Raises:
        NotFound: There is no such campaign.
        SpaceError: A candidate of it is more than a molecule.
        MoleculeError: One of the others cannot be read.
    """
    from loop.errors import SpaceError
    from loop.molecules.standardise import canonical_smiles
    from loop.space import are_molecules

    with open_record(settings) as ledger:
        view = View(ledger, name)
        if not are_molecules(view.space):
            raise SpaceError(
                f"campaign {name!r} chooses more than molecules of a library or of reagents, so no atom's share can be "
                "told; hakken examine says what its models have learnt"
            )
        return explained(view, top=top, also=[canonical_smiles(s) for s in also])


def explained(view: View, *, top: int = DRAWN, also: Sequence[str] = ()) -> tuple[Explanation, ...]:
    """The same, of a view at hand; nothing where a candidate is more than a molecule."""
    from loop.space import are_molecules

    if not are_molecules(view.space):
        return ()
    from loop.insight.contributions import explain_best  # brings torch: seconds, only where it is asked for

    history, _ = history_of(view.spec, view.space, view.counted, ())
    seed = seed_of(view.spec.planner.seed, view.name, 0)
    return explain_best(view.spec, view.space, history, top=top, also=also, seed=seed)
