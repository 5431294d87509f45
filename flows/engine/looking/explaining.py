"""Contributions of atoms and fragments, or of parameters and their values, from the record."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows.engine.looking.designed import designed_of
from flows.engine.looking.histories import history_of, seed_of
from flows.engine.looking.kept import kept, learns_by_own
from flows.engine.looking.learning import MANY, learning_of, what_teaches
from flows.engine.looking.view import View
from flows.wiring import open_record
from loop.errors import PlanError
from loop.insight.explaining import Explained, Explanation, Fragment, Neighbour
from loop.insight.statements import Adds, Influence, Reliance

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.insight.designed import Designed
    from loop.space import Space

DRAWN = 6  # molecules on a page
KEPT: Final = "explained.kept"  # in the campaign's folder: the last answer
STATEMENTS: Final = (Explanation, Explained, Fragment, Neighbour)  # that an answer is made of
KEPT_SHARES: Final = "influence.kept"  # the same of parameters


def explain(settings: Settings, name: str, *, top: int, also: Sequence[str] = ()) -> tuple[Explanation, ...]:
    """What is believed of the best measured molecules, and of others, and why.

    Raises:
        NotFound: There is no such campaign.
        SpaceError: A candidate of it is more than a molecule.
        MoleculeError: One of the others is called by no name of the campaign, and is no SMILES that can be read.
    """
    from loop.errors import SpaceError
    from loop.space import are_molecules

    with open_record(settings) as ledger:
        view = View(ledger, name)
        if not are_molecules(view.space):
            raise SpaceError(
                f"campaign {name!r} chooses more than molecules of a library or of reagents, so no atom's share can be "
                f"told; hakken explain {shlex.quote(name)} without --molecule says what follows its parameters"
            )
        others: dict[str, str] = {}
        for smiles, called in (_structure(view.space, text) for text in also):
            others[smiles] = others.get(smiles) or called  # told by its structure too, it keeps its name
        return explained(view, settings.folder(name), top=top, also=others)


def is_about_molecules(settings: Settings, name: str) -> bool:
    """Whether ``explain`` speaks of atoms: a candidate is a molecule, and nothing else."""
    from loop.space import are_molecules

    with open_record(settings) as ledger:
        return are_molecules(View(ledger, name).space)


def rests_on(settings: Settings, name: str) -> tuple[Reliance, ...]:
    """What is believed of each target by parameter, and what their values add.

    Raises:
        NotFound: There is no such campaign.
        PlanError: Nothing is believed yet.
    """
    with open_record(settings) as ledger:
        return _resting(View(ledger, name), settings.folder(name))


def told_by_design(settings: Settings, name: str) -> tuple[Designed, ...]:
    """What the first design tells by itself, where it is a classical one.

    Raises:
        NotFound: There is no such campaign.
    """
    with open_record(settings) as ledger:
        return designed_of(View(ledger, name))


def relied(view: View, folder: Path) -> tuple[Reliance, ...]:
    """The same for a page, of a view at hand; nothing where it would take long, atoms are told of, or there is no
    model."""
    from loop.space import are_molecules

    if are_molecules(view.space) or view.space.molecule is not None or len(view.counted) > MANY:
        return ()
    with suppress(PlanError):
        return _resting(view, folder)
    return ()


def _resting(view: View, folder: Path) -> tuple[Reliance, ...]:
    earlier, read, asked = what_teaches(view)

    def worked_out() -> tuple[Reliance, ...]:
        from loop.insight.influence import influences  # brings torch: seconds, only where it is asked for

        asked = learning_of(view, earlier, read)
        return influences(asked.spec, asked.history, seed=asked.seed, earlier=asked.earlier, learning=asked)

    return kept(folder / KEPT_SHARES, asked, (Reliance, Influence, Adds), worked_out, by_own=learns_by_own(view.spec))


def _structure(space: Space, text: str) -> tuple[str, str]:
    """The canonical SMILES of a molecule that is told by its name in the campaign, with that name, or by its SMILES."""
    from loop.errors import MoleculeError, SpaceError
    from loop.molecules.standardise import canonical_smiles
    from loop.space import Component

    (first, *others) = space.parameters
    if isinstance(first, Component) and not others:
        with suppress(SpaceError):
            return first.smiles[round(first.index(text))], text
    try:
        return canonical_smiles(text), ""
    except MoleculeError as error:
        raise MoleculeError(f"no molecule of the campaign is called {text!r}, and {error}") from None


def explained(
    view: View, folder: Path, *, top: int = DRAWN, also: Mapping[str, str] | None = None
) -> tuple[Explanation, ...]:
    """The same, of a view at hand, whose campaign has its files in ``folder``, where the last answer is kept.

    Nothing where a candidate is more than a molecule. ``also`` are names by SMILES, "" for none.
    """
    from loop.space import are_molecules

    if not are_molecules(view.space):
        return ()
    others = dict(also or {})
    asked = (view.name, view.campaign.spec, view.counted, top, others)
    own = learns_by_own(view.spec)
    return kept(folder / KEPT, asked, STATEMENTS, lambda: _worked_out(view, top, others), by_own=own)


def _worked_out(view: View, top: int, others: Mapping[str, str]) -> tuple[Explanation, ...]:
    from loop.insight.contributions import explain_best  # brings torch: seconds, only where it is asked for

    history, _ = history_of(view.spec, view.space, view.counted, ())
    seed = seed_of(view.spec.planner.seed, view.name, 0)
    called = {smiles: name for smiles, name in others.items() if name}
    return explain_best(view.spec, view.space, history, top=top, also=tuple(others), seed=seed, called=called)
