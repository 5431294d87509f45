"""``pairs``: what one change does, by experiments that were planned together and differ in nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from flows.cli.deciding import By
from flows.cli.naming import Campaign, onward, settings, typed
from flows.cli.screen import Json, Screen, computing
from loop.wording import plural

if TYPE_CHECKING:
    from flows.engine import PairsReport

FEWEST: Final = 2  # pairs of a change that is shown where no parameter was named and there are many
MANY: Final = 12  # changes
USUAL: Final = 4  # pairs that a next step asks for


def pairs(
    campaign: Campaign,
    change: Annotated[
        str, typer.Argument(metavar="[CHANGE]", help="A parameter, or two values of it: ligand=XPhos,SPhos.")
    ] = "",
    more: Annotated[int, typer.Option("--more", min=0, help="Plan so many pairs, to be run side by side.")] = 0,
    where_: Annotated[
        list[str] | None, typer.Option("--where", help="Such as solvent=DMAc: what planned pairs have in common.")
    ] = None,
    pin: Annotated[bool, typer.Option("--pin", help="Have them run in the next batch; else they are shown.")] = False,
    why: Annotated[str, typer.Option("--why", help="The reason, kept on record; with --pin it has to be given.")] = "",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Say what one change does, by pairs of experiments that differ in nothing else, and plan more of them.

    Both of a pair were planned in one round, so neither was chosen for what the other gave.
    """
    from flows import engine

    where, screen = settings(), Screen(as_json)
    if pin and not more:
        raise typer.BadParameter("--pin needs to know how many pairs are to be run; add --more 4")
    if (where_ or pin) and not change:
        raise typer.BadParameter("say what the pairs differ in, such as ligand=XPhos,SPhos")
    with computing():
        if pin:
            found = engine.run_pairs(where, campaign, change, where=where_ or (), more=more, by=by or where.by, why=why)
        else:
            found = engine.pairs(where, campaign, change, where=where_ or (), more=more)
    screen.document({"campaign": campaign, "change": change, "found": found})
    if as_json:
        return
    _show(screen, found, change)
    _show_planned(screen, found)
    it = typed(campaign)
    if found.decisions:
        screen.next_step(onward(where, campaign, "runs them in the next batch"))
    elif found.planned:
        conditions = "".join(f" --where {typed(one)}" for one in where_ or ())
        again = f"hakken pairs {it} {typed(change)} --more {more}{conditions} --pin --why REASON"
        screen.next_step(f"{again} has them run in the next batch")
    else:
        screen.next_step(_next(it, change, found))


def _show(screen: Screen, found: PairsReport, change: str) -> None:
    from flows.shown.contrasts import by_target, change_of, contrast_notes, differ_by, higher_in

    of = f" of {change}" if change else ""
    if not found.contrasts:
        among = f", of {plural(found.pairs, 'pair')} in all" if found.pairs else ""
        screen.say(
            f"no two experiments that were planned together differ in nothing but {change or 'one thing'}{among}"
        )
    for target, these in by_target(found.contrasts).items():
        shown = [one for one in these if change or len(these) <= MANY or one.telling >= FEWEST]
        unit = f", in {these[0].unit}" if these[0].unit and not these[0].is_factor else ""
        screen.say(f"{target}{unit}: what pairs{of} differ by", bold=True)
        if shown:
            screen.table(
                ["parameter", "change", "pairs", "differ by", "95 %", "higher in"],
                [(one.parameter, change_of(one), one.telling, *differ_by(one), higher_in(one)) for one in shown],
            )
        if left := len(these) - len(shown):
            screen.say(f"and {plural(left, 'change')} of one pair each; hakken pairs with a parameter shows its own")
    for note in contrast_notes(found.contrasts, found.spreads, found.told):
        screen.say(f"note: {note}")


def _show_planned(screen: Screen, found: PairsReport) -> None:
    if not found.planned:
        return
    n = len(found.planned)
    does = "pinned, to be run in the next batch" if found.decisions else "to be run"
    screen.say(f"{plural(n, 'pair')} ({2 * n} experiments) {does}, both of a pair one after the other:", bold=True)
    screen.table(["pair", "first", "then", "with"], _planned_rows(found))
    for note in found.notes:
        screen.say(f"note: {note}")


def _planned_rows(found: PairsReport) -> Iterator[Sequence[object]]:
    for i, pair in enumerate(found.planned, 1):
        yield i, pair.values[0], pair.values[1], pair.alike + (" (as the best so far)" if pair.is_best else "")


def _next(it: str, change: str, found: PairsReport) -> str:
    """What to do about what pairs leave open."""
    said = change if "=" in change else found.example
    which = "more of them" if "=" in change else "pairs of any two values, to be run side by side"
    return f"hakken pairs {it} {typed(said)} --more {USUAL} plans {which}"
