"""``predict``: what a campaign believes of candidates that somebody asks for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.naming import Campaign, near, settings, typed
from flows.cli.screen import Json, Screen, computing, is_standard_output
from loop.wording import plural

if TYPE_CHECKING:
    from flows.engine.looking.predicting import Answer
    from loop.insight.statements import Believed


def predict(
    campaign: Campaign,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE.csv|.xlsx|.parquet]", help="Candidates, a column for each parameter."),
    ] = None,
    where_: Annotated[
        list[str] | None,
        typer.Option("--where", help="In place of a file, such as ligand=XPhos or 'temperature>100'; all at once."),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many candidates to show, best first.")] = 10,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write all of them as .csv, .xlsx or .parquet; - prints them as CSV."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if there is one.")] = False,
    as_json: Json = False,
) -> None:
    """Predict candidates of a file, or all that meet every --where: what is believed of each, with an interval.

    Nothing is recorded or sent. Without a file and --where, of all candidates; some are drawn where they cannot be
    listed.
    """
    from db import exchange
    from flows import engine
    from flows.engine.looking.predicting import table_of

    if file is not None and where_:
        raise typer.BadParameter("a file names its candidates itself; give it, or --where", param_hint="--where")
    where, screen = settings(), Screen(as_json)
    is_printed = is_standard_output(out, as_json=as_json)
    kind = "" if out is None else out.suffix.removeprefix(".").lower() or "csv"
    if out is not None and not is_printed:
        exchange.see_that_it_can_be_written(out, kind, overwrite=overwrite)
    with computing():
        answer = engine.predict(where, campaign, file=file, where=where_ or ())
    if is_printed:
        exchange.print_csv(table_of(answer), sys.stdout)
        return
    written = 0 if out is None else exchange.write_rows(table_of(answer), out, kind)
    found = answer.found
    document = {"campaign": campaign, "model": found.model, "level": found.level, "notes": list(found.notes)}
    told = [(n, found.candidates[n], answer.outside.get(n, "")) for n in found.order]
    candidates = [
        {"row": n + 1, "candidate": one, "outside": outside, "best": place < found.front}
        for place, (n, one, outside) in enumerate(told)
    ]
    screen.document({**document, "candidates": candidates, "written": None if out is None else str(out)})
    if as_json:
        return
    for place, number in enumerate(found.order[:top], start=1):
        _say(screen, answer, place, number)
    if len(found.order) > top:
        rest = "" if out else "; --top N shows more, --out FILE writes all"
        screen.say(f"     and {len(found.order) - top:,} more{rest}")
    screen.say(f"by {found.model}; intervals are of the true value, without the noise of a new measurement")
    for note in found.notes:
        screen.say(f"note: {note}")
    if out is not None:
        screen.say(f"wrote {plural(written, 'candidate')} to {near(out)}")
    it = typed(campaign)
    screen.next_step(
        f"hakken pin {it} --where ... has one of them run in the next batch; hakken examine {it} says how far "
        "predictions can be trusted"
    )


def _say(screen: Screen, answer: Answer, place: int, number: int) -> None:
    from loop.insight.saying import believed_line, measured_line

    found, one = answer.found, answer.found.candidates[number]
    screen.say(f"{place:3}. {one.label}", bold=place <= found.front)
    screen.say(f"     {believed_line(one, found)}")
    if chance := _chance(answer, one):
        screen.say(f"     {chance}")
    if one.experiments or one.faults:
        read = [measured_line(s) for s in one.targets if s.values or s.limits]
        screen.say("     " + ("measured: " + "; ".join(read) if read else "tried, without a value"))
    if why := answer.outside.get(number):
        screen.say(f"     it {why}")


def _chance(answer: Answer, one: Believed) -> str:
    from loop.insight.saying import chance_of

    if answer.found.has_thresholds:
        return f"{chance_of(one.keeps)} to keep the thresholds"
    return f"{chance_of(one.keeps)} to run as intended" if answer.found.may_fail else ""
