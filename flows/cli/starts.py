"""``init``: a commented campaign file to begin with."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Final

import typer

from adapters.common.durable import replace
from flows.cli.naming import typed
from flows.cli.screen import Json, Screen, is_standard_output
from flows.shown.words import GOALS, target_and_goal
from loop.errors import SpecError
from loop.sheets.files import table_called
from loop.sheets.footnotes import without_footnotes
from loop.wording import in_plain_letters, plural

DEFAULT: Final = Path("campaign.yaml")


def init(
    table: Annotated[
        Path | None, typer.Argument(metavar="[TABLE.csv|.xlsx|.parquet]", help="A table to guess from.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="Begin from a template: reaction, molecules, continuous or manual.")
    ] = None,
    library: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Molecules to choose from: .smi, .sdf, .csv, .xlsx, .parquet, also with .gz."
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="A measured column of the table, or what is to be measured of a library; maximised, NAME:minimize for "
            "the opposite. Repeatable."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write; - prints it.")] = DEFAULT,
    name: Annotated[str | None, typer.Option(help="The campaign's name; the file's by default.")] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A column of the table to leave out. Repeatable.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if there is one.")] = False,
    as_json: Json = False,
) -> None:
    """Write a commented campaign file, from a table, a library of molecules or a template."""
    if sum(given is not None for given in (table, template, library)) != 1:
        from flows.cli.starting import TEMPLATES

        known = "".join(f"\n  --template {key:11} {what}" for key, what in TEMPLATES.items())
        raise SpecError(
            "give one of: a table, as in hakken init TABLE.csv --target yield; a library of molecules, as in hakken "
            f"init --library FILE.smi --target activity; or a template:{known}"
        )
    is_printed = is_standard_output(out, as_json=as_json)
    if out.exists() and not force and not is_printed:
        raise SpecError(f"{out} exists and is not overwritten; add --force, or name another file with -o")
    campaign = name or _name(out, table or library, template)
    screen = Screen(as_json)
    tell, notes = "", list[str]()
    if template is not None:
        from flows.cli.starting import template_text

        if target or ignore:
            raise SpecError("--target and --ignore go with a table; a template says what it has itself: edit the file")
        text = template_text(template, campaign)
    elif library is not None:
        if ignore:
            raise SpecError("--ignore goes with a table; of a library only structures and names are read")
        text = _of_library(library, target or [], out, campaign)
    else:
        assert table is not None
        given = ["-o", str(out)] if out != DEFAULT else []
        given += ["--name", campaign] if name or given else []  # else it is the table's, there as here
        text, tell, notes = _guess(table, target or [], ignore or [], out, campaign, given)
    _check(text, out)
    if is_printed:
        print(text, end="")
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.exists() and not out.is_file():  # a pipe or a device
        out.write_text(text, encoding="utf-8")
    else:
        replace(out.resolve(), text)  # never a link in place of what it leads to, such as /dev/stdout
    begun_from = {"template": template, "table": table and str(table), "library": library and str(library)}
    screen.document({"file": str(out), "campaign": campaign, **begun_from, "notes": notes})
    screen.say(f"wrote {out}, a campaign called {campaign}")
    for note in notes:
        screen.say(f"note: {note}")
    it = typed(out)
    screen.next_step(f"read {out}; hakken run --dry-run {it} shows the first batch, hakken run {it} runs it{tell}")


def _name(out: Path, file: Path | None, template: str | None) -> str:
    stem = out.stem
    if stem in ("campaign", "-"):  # the default and standard output say nothing
        stem = Path(file.name.removesuffix(".gz")).stem if file is not None else template or stem
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", in_plain_letters(stem)).strip("_.-") or "campaign"


def _of_library(library: Path, targets: list[str], out: Path, campaign: str) -> str:
    from flows.cli.starting import library_text

    if not targets:
        raise SpecError(
            "say what is to be measured of the molecules, such as --target activity or --target Ki:minimize"
        )
    goals = _goals(targets)
    for name in goals:
        before, colon, goal = name.rpartition(":")
        if before and goal in ("match", "keep"):
            raise SpecError(
                f"--target {name}: a target to {goal} has numbers beside its goal; write --target {typed(before)}, and "
                f"{'goal: match, value and within' if goal == 'match' else 'goal: keep with at_least or at_most'} into "
                "the file then"
            )
        if colon:
            raise SpecError(
                f"--target {name}: the goal must be {' or '.join(GOALS)}, got {goal!r}; write --target "
                f"{typed(before or 'activity')}:{GOALS[1]} for the smallest, or :{GOALS[0]} for the largest"
            )
    return library_text(library, _relative(library, out), campaign, goals)


def _goals(targets: list[str]) -> dict[str, str]:
    goals: dict[str, str] = {}
    for name, goal in map(target_and_goal, targets):
        if goals.setdefault(name, goal or "maximize") != (goal or "maximize"):
            raise SpecError(f"--target {name} is to be maximised and minimised; give it once")
    return goals


def _relative(file: Path, out: Path) -> str:
    """The file as a campaign file at ``out`` names it."""
    return Path(os.path.relpath(file, out.parent)).as_posix()


def _guess(
    table: Path, targets: list[str], ignore: list[str], out: Path, campaign: str, given: list[str]
) -> tuple[str, str, list[str]]:
    """The text, a further next step where the table holds results, and notes on how it was read; ``given`` are options
    that name what is made."""
    from flows.cli.starting import guess_campaign
    from flows.cli.starting.columns import read_columns
    from flows.engine.people.rows import is_exported, told_instead
    from flows.libraries.recipe import is_library
    from flows.named_files import read_bytes

    if is_library(table.name):
        raise SpecError(
            f"{table.name} is a library, to judge by its name, and no table of results; hakken init --library "
            f"{typed(table)} --target NAME begins a campaign with it"
        )
    file = table_called(str(table), read_bytes(table, str(table)))
    if re.match(r"\s*(\{|\[\s*[\[{])", file.text):
        raise SpecError(
            f"{table.name} is JSON, and no table; save its rows as CSV, or where another program keeps its campaign in "
            f"it: hakken import {typed(table)}"
        )
    text, aside = without_footnotes(file.text)
    columns = read_columns(text, table.name)
    if is_exported([column.header for column in columns]):
        raise SpecError(told_instead(table.name))
    if not targets:
        known = ", ".join(column.name for column in columns)
        raise SpecError(
            f"say which columns of {table.name} are measured, such as --target yield; it has {known}. A library of "
            "which nothing is measured yet begins with --library"
        )
    path = _relative(table, out)
    try:
        guess = guess_campaign(
            text, source=table.name, path=path, campaign=campaign, targets=_goals(targets), ignore=ignore
        )
    except SpecError as error:
        raise SpecError(f"{error}{file.doubt(table.name)}") from None
    notes = [*([said] if (said := file.said(table.name)) else []), *([aside] if aside else []), *guess.notes]
    if guess.is_complete:
        return guess.text, f"; hakken rehearse {typed(out)} plays it many times, and as often by chance", notes
    if not guess.rows_with_results:
        return guess.text, "", notes
    again = [str(table), *(word for target in targets for word in ("--target", target))]
    again += [word for column in ignore for word in ("--ignore", column)] + given
    results = f"the {plural(guess.rows_with_results, 'result')} it has"
    if guess.can_be_told:
        return guess.text, f"; first hakken tell {typed(out)} {typed(table)} brings in {results}", notes
    tell = (
        f"; hakken tell {typed(out)} FILE.csv brings in {results}, once its columns are those of {out} by name, and "
        f"hakken import {' '.join(map(typed, again))} in place of hakken init does both"
    )
    return guess.text, tell, notes


def _check(text: str, out: Path) -> None:
    """What is to be written can be read: a file that hakken refuses would be a poor start, and its lines are nowhere
    to be seen. Its libraries are stored by it."""
    from flows.cli.naming import settings
    from flows.cli.specfile import resolved

    try:
        resolved(text, out, settings())
    except SpecError as error:
        said = re.sub(rf"^{re.escape(str(out))} line \d+: ", "", str(error), flags=re.MULTILINE).replace(".[key]", "")
        raise SpecError(f"{out} is not written, for it could not be used: {said}") from None
