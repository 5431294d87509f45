"""Which campaign is meant: ``SPEC|CAMPAIGN`` is a campaign file, or the name of a campaign on record."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from loop.errors import HakkenError
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings

Campaign: TypeAlias = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Name of a campaign on record.")]
SpecOrCampaign: TypeAlias = Annotated[
    str, typer.Argument(metavar="SPEC|CAMPAIGN", help="A campaign file, or the name of a campaign on record.")
]


def settings() -> Settings:
    """Where the project is, from the environment."""
    from flows.settings import Settings

    return Settings.from_environment()


def is_file(text: str) -> bool:
    """Whether a campaign file is meant: by its ending, or because there is such a file."""
    return text.endswith((".yaml", ".yml")) or Path(text).is_file()


def opened(where: Settings, text: str, say: Callable[[str], None] = lambda _: None) -> str:
    """The campaign's name; a campaign file is read and its campaign opened, or brought up to date.

    Args:
        say: Called with what was guessed of the files of a new campaign and left out of its libraries and products,
            with what the file changes of one on record, and with what became of its schedule where that was paused.
    """
    from flows.schedules import wake

    name = _brought_up_to_date(where, text, say) if is_file(text) else text
    for line in wake(where, name):
        say(line)
    return name


def say_edits(where: Settings, campaign: str, say: Callable[[str], None]) -> None:
    """Say so where a campaign that was named goes on by its record, and its file says something else by now."""
    from flows import engine

    if not is_file(campaign) and (said := engine.said_of_edits(where, campaign, near)):
        say(f"note: {said}")


def _brought_up_to_date(where: Settings, text: str, say: Callable[[str], None]) -> str:
    from flows import engine
    from flows.cli.showing.left_out import left_out_of, stored_in
    from flows.cli.specfile import laboratory_of, read_campaign
    from flows.engine.changes.notes import change_of
    from flows.wiring import spec_on_record
    from loop.spec import CampaignSpec
    from loop.spec.sieving import told_of_products

    guesses: list[str] = []
    spec = read_campaign(Path(text), where, guesses.append)  # first, so that a fault is said as validate says it
    if spec_on_record(where, spec.campaign) is None:
        new_name = renamed(where, Path(text), spec.campaign)
        for line in (*new_name, *guesses, *left_out_of(where, spec), *told_of_products(spec)):
            say(line)
    with laboratory_of(Path(text)):
        change = change_of(where, spec, text)
        name = engine.add_campaign(where, Path(text))
    if change is not None:
        parts = ", ".join(change.parts)
        say(f"{text} changes what is on record of {name}, which goes on by it from here: {parts}")
        for line in change.notes:
            say(line)
        stored = stored_in(CampaignSpec.from_record(change.before))
        for line in left_out_of(where, spec, {one.key for one in stored}):
            say(line)
    return name


def renamed(where: Settings, path: Path, name: str) -> list[str]:
    """What is to be said where a file has another name for a campaign that has results, which begins anew then."""
    with suppress(HakkenError):  # what is wrong with the record is told where it is used
        return list(_renamed(where, path, name))
    return []


def _renamed(where: Settings, path: Path, name: str) -> Iterator[str]:
    from flows.wiring import campaign_file, names_on_record, open_record

    names = names_on_record(where)
    for was in sorted(names) if name not in names else ():
        file = campaign_file(where, was)
        if file is None or file.resolve() != path.resolve():
            continue
        with open_record(where) as ledger:
            results = len(ledger.observations(was))
        if results:
            yield (
                f"{path} was the file of {was} until now, which has {plural(results, 'result')}: {name} begins anew, "
                f"and hears of none of them. A campaign keeps its name; to go on write campaign: {was} again, or "
                f"memory: [{was}] to learn from it"
            )


def is_on_record(where: Settings, name: str) -> bool:
    """Whether the record has a campaign of that name; makes no record where there is none."""
    from flows.wiring import spec_on_record

    return spec_on_record(where, name) is not None


def onward(where: Settings, name: str, does: str, *, said: str = "") -> str:
    """The command by which a campaign goes on, and what that ``does``; one that ended, or is halted for safety, has to
    be taken up first. A source never runs: the campaign that it is of listens to it.

    Args:
        said: What the person called it, a campaign file perhaps; its name where left out.
    """
    from flows.engine.looking.whose import has_only_asked
    from flows.wiring import open_record
    from loop.record import CampaignState
    from loop.safety import lifting

    with open_record(where) as ledger:
        campaign, stops = ledger.campaign(name), ledger.stops(name)
    if source := campaign.spec.get("source"):
        return f"hakken run {typed(source['of'])} listens to it"
    goes = "ask" if has_only_asked(campaign.spec) else "run"
    run = f"hakken {goes} {typed(said or name)}"
    resume, state = f"hakken resume {typed(name)}", campaign.state
    if stops:  # who lifts them takes nothing up that had finished or was stopped
        then = run if state is CampaignState.ACTIVE else f"{resume} takes it up, then {run}"
        by, them = ("a safety stop", "it") if len(stops) == 1 else (f"{len(stops)} safety stops", "them")
        return f"{name} is halted by {by}: {lifting(name, stops)} lifts {them}, then {then} {does}"
    if state is CampaignState.ACTIVE:
        return f"{run} {does}"
    return f"{name} is {state.value}: {resume} takes it up, then {run} {does}"


def begins(said: Path | str, *, is_asked: bool) -> str:
    """The command by which the campaign file ``said`` is put to work, and what that does; ``is_asked``: its experiments
    wait until somebody asks for them."""
    return f"hakken serve {typed(said)} hands it out" if is_asked else f"hakken run {typed(said)} runs it"


def typed(text: Path | str) -> str:
    """A name as it is typed in a command: in quotes where it has a space."""
    return shlex.quote(str(text))


def file_of(where: Settings, campaign: str) -> str | None:
    """The campaign file that a campaign was opened from, as it is typed; None where it is not there."""
    from flows.wiring import campaign_file

    path = campaign_file(where, campaign)
    return typed(near(path)) if path is not None and path.is_file() else None


def near(path: Path | str) -> str:
    """A path as seen from here where it lies below, else in full."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def conditions(candidate: Mapping[str, str | float]) -> str:
    """A candidate as options of a command, such as ``--where base=KOAc --where temperature=80``."""
    shown = {name: f"{v:.12g}" if isinstance(v, float) else v for name, v in candidate.items()}
    return " ".join(f"--where {typed(f'{name}={value}')}" for name, value in shown.items())
