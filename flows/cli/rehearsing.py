"""``rehearse``: what a campaign may come to, played many times before its experiments are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.naming import SpecOrCampaign, is_file, settings, typed
from flows.cli.screen import Json, Screen, computing
from loop.wording import amount_text, in_digits, part_of, plural

if TYPE_CHECKING:
    from flows.engine.looking.rehearsing import Rehearsed
    from loop.rehearsal.rehearsing import Ending, Rehearsal, Standing


def rehearse(
    campaign: SpecOrCampaign,
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="FILE", help="Results that answer, as hakken tell takes them."),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A column of the table to leave out. Repeatable.")
    ] = None,
    experiments: Annotated[
        int | None, typer.Option("--experiments", "-n", min=1, help="How many each play has; what the budget leaves.")
    ] = None,
    plays: Annotated[int, typer.Option("--plays", min=2, help="How many plays, and as many by chance.")] = 20,
    batch: Annotated[
        list[int] | None,
        typer.Option("--batch", min=1, help="Experiments planned together, in place of the file's; several compare."),
    ] = None,
    reach: Annotated[float | None, typer.Option("--reach", help="A value of which the chance is to be told.")] = None,
    as_json: Json = False,
) -> None:
    """Play a campaign many times before its experiments are made: how far it may come, and how far chance would.

    With a table of results these answer, from nothing on. Else it goes on from the record in worlds drawn from what its
    models believe. Nothing is recorded or sent.
    """
    from flows import engine

    where, screen = settings(), Screen(as_json)
    if ignore and table is None:
        raise typer.BadParameter("leaves out columns of a --table, and there is none", param_hint="--ignore")
    played: list[Rehearsed] = []
    sizes: list[int | None] = [*dict.fromkeys(batch)] if batch else [None]
    for size in sizes:
        with computing():
            done = engine.rehearse(
                where,
                Path(campaign) if is_file(campaign) else campaign,
                table=table,
                ignore=ignore or (),
                experiments=experiments,
                plays=plays,
                batch=size,
                goal=reach,
            )
        played.append(done)
    screen.document(done if len(played) == 1 else {"campaign": done.campaign, "rehearsals": played})
    if as_json:
        return
    if len(played) == 1:
        _say(screen, done)
    else:
        _compare(screen, dict(zip(sizes, played, strict=True)))
    it, name = typed(campaign), typed(done.campaign)
    if done.table:
        answers = "" if table is None else f" --table {typed(table)}"  # else the laboratory's own, as before
        answers += "".join(f" --ignore {typed(column)}" for column in ignore or ())
        screen.next_step(
            f"hakken rehearse {it}{answers} --batch 4 --batch 12 (or another surrogate, design or space in the file) "
            f"compares; hakken run {it} runs it"
        )
    else:
        screen.next_step(
            f"hakken best {name} says what is believed of the tried; hakken run {it} goes on, or hakken stop {name} "
            "--why ... ends it where that is not worth it"
        )


def _compare(screen: Screen, by_size: Mapping[int | None, Rehearsed]) -> None:
    """One line for each size of a batch, and one for chance."""
    played = [*by_size.values()]
    _say_what_is_played(screen, played[0], f"in batches of {' or '.join(map(str, by_size))}")
    first = played[0].found
    unit = f" [{first.unit}]" if first.unit else ""
    head = ["batches of", "experiments", f"{first.measure}{unit} at the end", "90 %"]
    if first.goal is not None:
        head += [f"reach {in_digits(first.goal, 4)}", "half of the plays after", "which are"]
        head += ["and cost"] * bool(first.paid_in)
    rows: list[list[object]] = []
    for size, done in by_size.items():
        found, end = done.found, done.found.steps[-1]
        row: list[object] = [size, end.experiments, *_cells(end.planned)]
        if first.goal is not None:
            row.append(_share(end.reached))
            if found.needed is None or found.rounds is None:
                row += ["", ""]
            else:
                rounds = f"{found.rounds} batch" if found.rounds == 1 else f"{found.rounds} batches"
                row += [plural(found.needed, "experiment"), rounds]
            row += [_paid(found.paid, found)] * bool(first.paid_in)
        rows.append(row)
    end = first.steps[-1]
    by_chance: list[object] = ["by chance", end.experiments, *_cells(end.by_chance)]
    if first.goal is not None:
        needed = first.needed_by_chance
        by_chance += [_share(end.reached_by_chance), "" if needed is None else plural(needed, "experiment"), ""]
        by_chance += [_paid(first.paid_by_chance, first)] * bool(first.paid_in)
    screen.table(head, [*rows, by_chance])
    for size, done in by_size.items():
        if done.found.ending is not None:
            screen.say(f"in batches of {size}, {_ending(done.found.ending, done)}")
    _say_how_far_it_goes(screen, played)


def _say(screen: Screen, done: Rehearsed) -> None:
    found = done.found
    last = found.steps[-1].experiments
    _say_what_is_played(screen, done, f"in batches of {found.batch}")
    unit = f" [{found.unit}]" if found.unit else ""
    head = ["after", f"{found.measure}{unit}", "90 %", "by chance", "90 %"]
    goal = found.goal is not None
    if found.goal is not None:
        head += [f"reach {in_digits(found.goal, 4)}", "by chance"]
    bills = [step.spent for step in found.steps if step.spent is not None]
    has_money, has_hours = any(bill.cost for bill in bills), any(bill.hours for bill in bills)
    head += [f"spent [{done.money}]" if done.money else "spent"] * has_money + ["spent [h]"] * has_hours
    rows = [
        [
            plural(step.experiments, "experiment") if step.experiments else "nothing" if done.table else "now",
            *_cells(step.planned),
            *_cells(step.by_chance),
            *([_share(step.reached), _share(step.reached_by_chance)] if goal else []),
            *([amount_text(step.spent.cost)] if has_money and step.spent is not None else []),
            *([amount_text(step.spent.hours)] if has_hours and step.spent is not None else []),
        ]
        for step in found.steps
    ]
    screen.table(head, rows)
    if found.goal is not None:
        screen.say(_needed(found, last))
    if found.ending is not None:
        screen.say(_ending(found.ending, done))
    _say_how_far_it_goes(screen, [done])


def _say_what_is_played(screen: Screen, done: Rehearsed, batches: str) -> None:
    found = done.found
    last = found.steps[-1].experiments
    what = f"{plural(found.plays, 'play')} of {plural(last, 'experiment')} {batches}, as many by chance"
    if done.table:
        screen.say(f"{what}; the {done.candidates:,} candidates of {done.table} answer", bold=True)
    else:
        running = f" and {done.pending} that run" if done.pending else ""
        screen.say(f"{what}; what is believed of {plural(done.known, 'result')}{running} answers", bold=True)


def _say_how_far_it_goes(screen: Screen, played: Sequence[Rehearsed]) -> None:
    """Notes, each once, and what worlds that are believed are worth."""
    for note in dict.fromkeys(note for done in played for note in done.notes):
        screen.say(f"note: {note}")
    if not played[0].table:
        screen.say(
            "The middle of the plays, and what 90 of 100 lie between. Each is played in a world that the models hold "
            "possible: where they are wrong, so is this, and it is surer than it should be (docs/guide/rehearsing.md)."
        )


def _cells(standing: Standing) -> list[str]:
    if standing.middle is None:
        return ["none yet", ""]
    low = "none" if standing.low is None else in_digits(standing.low, 3)
    high = "none" if standing.high is None else in_digits(standing.high, 3)
    return [in_digits(standing.middle, 3), f"{low} to {high}"]


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.2f}"


def _needed(found: Rehearsal, last: int) -> str:
    goal = f"{in_digits(found.goal or 0.0, 4)} {found.unit}".rstrip()

    def said(needed: int | None, paid: float | None) -> str:
        if needed == 0:
            return "from the start"
        if needed is None:
            return f"not within {last}"
        return f"after {plural(needed, 'experiment')}{f' and {_paid(paid, found)}' if paid is not None else ''}"

    planned, by_chance = said(found.needed, found.paid), said(found.needed_by_chance, found.paid_by_chance)
    return f"half of the plays reach {goal} {planned}; by chance {by_chance}"


def _ending(ending: Ending, done: Rehearsed) -> str:
    """What the rules under ``stop`` would have done."""
    if ending.after is None:
        return "no play comes to where a rule under stop would end it"
    unit = done.found.unit
    middle, between = _cells(ending.standing)
    with_it = f"with {middle} {unit}".rstrip() + (f" (90 %: {between})" if between else "")
    missed = ""
    if ending.missed is not None:
        most = f"{in_digits(ending.missed.high or 0.0, 3)} {unit}".rstrip()
        missed = f"; in 95 of 100 of these nothing in {done.table} is better by more than {most} then"
    return (
        f"the rules under stop would end {ending.share:.2f} of the plays, half of these after "
        f"{plural(ending.after, 'experiment')}, {with_it}{missed}"
    )


def _paid(amount: float | None, found: Rehearsal) -> str:
    return "" if amount is None else part_of(amount, None, found.paid_in)
