"""Wiring: the only place that knows which ledger and which laboratory stand behind the contracts."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flows.libraries.store import Store
from flows.raw.store import RawStore
from flows.settings import SettingsError
from loop.as_written import in_order
from loop.contracts import Adapter, AdapterContext
from loop.errors import AdapterError, LedgerError, NoRecord, NotFound, SpecError
from loop.experiment import State
from loop.molecules.shelf import put_up
from loop.progress import counted
from loop.record import Json
from loop.spec import (
    CampaignSpec,
    beside_of,
    build_limits,
    build_recipe,
    levels_of,
    may_be_nothing_of,
    misread_units,
    molecules_of,
    parameters_of,
    place,
    words_of,
)
from loop.spec.models import ONE_BY_ONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.table import MeasuredTable
    from db.ledger import SqlLedger
    from flows.libraries.reader import Reader
    from flows.progress import Progress
    from flows.settings import Settings

ORIGIN = "origin.json"
LIBRARIES = "libraries"  # folder below home
RAW = "raw"  # folder below home
SQLITE = "sqlite:///"  # how the URL of a record in a file begins


def make_record(settings: Settings) -> SqlLedger:
    """The project's ledger, made if it is new. Close it, or use it in a ``with``.

    Raises:
        SettingsError: It is new, and nothing can be written where it is to be.
    """
    from db.ledger import open_ledger  # brings SQLAlchemy: 0.2 s, only where the record is used

    if problem := why_no_folder(settings):
        raise SettingsError(problem)
    settings.home.mkdir(parents=True, exist_ok=True)
    put_up(_store(settings))
    return open_ledger(settings.database, written=partial(_written, settings))


def open_record(settings: Settings) -> SqlLedger:
    """The project's ledger. Close it, or use it in a ``with``.

    Raises:
        NoRecord: There is none: a mistyped ``HAKKEN_HOME`` must not look like a record where nothing happened, nor a
            database of somebody else be filled with tables by a look.
    """
    if _may_have_record(settings):
        from db.errors import NothingYet
        from db.ledger import reopen_ledger

        put_up(_store(settings))
        with suppress(NothingYet):
            return reopen_ledger(settings.database, written=partial(_written, settings))
    raise NoRecord(
        f"there is no record at {where_recorded(settings)}; hakken run FILE makes one, and "
        "HAKKEN_HOME (or HAKKEN_DATABASE) names another"
    )


def has_record(settings: Settings) -> bool:
    """Whether there is a record.

    Raises:
        LedgerError: Where it should be there is something else, or a server that cannot be asked.
    """
    if not _may_have_record(settings):
        return False
    from db.ledger import has_ledger

    return has_ledger(settings.database)


def what_is_only_read(settings: Settings) -> Path | None:
    """What of a record in a file this user may not write, so that it can be looked at and not gone on with."""
    if not settings.database.startswith(SQLITE):
        return None
    from db import only_read

    return only_read.what_is_only_read(Path(settings.database.removeprefix(SQLITE)))


def where_recorded(settings: Settings) -> str:
    """The database for a person: the path of a file, a URL without what stands before the host."""
    if settings.database.startswith(SQLITE):
        return settings.database.removeprefix(SQLITE)
    from db.engine import without_password

    scheme, _, rest = settings.database.partition("://")
    return f"{scheme}://{without_password(rest.rpartition('@')[2])}"


def _may_have_record(settings: Settings) -> bool:
    """Whether there may be a record: a server, and what is in a file, is not looked at."""
    return not settings.database.startswith(SQLITE) or Path(settings.database.removeprefix(SQLITE)).exists()


def why_no_folder(settings: Settings) -> str:
    """Why a new project cannot have its folder, and the way out; "" where it can, or where there is a record."""
    there = next(path for path in (settings.home, *settings.home.parents) if os.path.lexists(path))
    if _may_have_record(settings) or os.access(there, os.W_OK | os.X_OK):
        return ""
    what = "it is" if there == settings.home else f"{there} is"
    return (
        f"the project's folder {settings.home} cannot be written: {what} read-only here, and a campaign keeps its "
        "record and its files there; set HAKKEN_HOME to a folder that you may write to, or mend the rights"
    )


def spec_on_record(settings: Settings, name: str) -> Json | None:
    """The spec in force of the campaign of that name, None where there is none."""
    with suppress(NotFound), open_record(settings) as ledger:
        return ledger.campaign(name).spec
    return None


def without_misread_units(settings: Settings, spec: CampaignSpec, text: str, source: str) -> CampaignSpec:
    """The spec of a campaign file with that text.

    Raises:
        SpecError: It has a unit that is read as nobody means it, and the record does not have it there.
    """
    if any(misread_units(spec, None)):
        for path, problem in misread_units(spec, spec_on_record(settings, spec.campaign)):
            raise SpecError(f"{place(text, source, path)}: {problem}")
    return spec


def begun_as_on_record(settings: Settings, spec: CampaignSpec) -> CampaignSpec:
    """The spec of a campaign file, which keeps the size of its initial design where the record still has a number.

    Where a file says none the record has none (docs/decisions/0185), but for what had begun with five by then.
    """
    if spec.planner.initial.experiments is not None:
        return spec
    with suppress(LedgerError):  # what is wrong with the record is told where it is used
        known = (spec_on_record(settings, spec.campaign) or {}).get("planner", {}).get("initial", {})
        is_as_before = known.get("experiments") == ONE_BY_ONE and known.get("design") == spec.planner.initial.design
        if is_as_before and made_on_record(settings)(spec.campaign):
            return spec.model_copy(update={"planner": spec.planner.with_first(ONE_BY_ONE)})
    return spec


def names_on_record(settings: Settings) -> frozenset[str]:
    """The names of all campaigns."""
    with suppress(NoRecord), open_record(settings) as ledger:
        return frozenset(record.name for record in ledger.campaigns())
    return frozenset()


def made_on_record(settings: Settings) -> Callable[[str], int]:
    """What tells how many experiments of a campaign ended or are on their way; of none where there is no record."""

    def made(name: str) -> int:
        with suppress(LedgerError), open_record(settings) as ledger:
            pending = sum(a.state is not State.ENDED for a in ledger.attempts(name))
            return pending + len(ledger.observations(name))
        return 0

    return made


def library_reader(settings: Settings, folder: Path, progress: Progress = counted) -> Reader:
    """What reads the library files of campaign files in ``folder`` into the project's store."""
    from flows.libraries.reader import Reader

    store = _store(settings, progress)
    put_up(store)
    return Reader(store, folder)


def raw_files(settings: Settings) -> RawStore:
    """The project's raw files."""
    return RawStore(settings.home / RAW)


def _store(settings: Settings, progress: Progress = counted) -> Store:
    """The project's libraries; whoever watches is told how far work on them is."""
    return Store(settings.home / LIBRARIES, progress=progress)


def open_laboratory(settings: Settings, spec: CampaignSpec, *, base: Path | None = None) -> Adapter:
    """The laboratory that a resolved spec names.

    Args:
        settings: Where the laboratory keeps its files.
        spec: A resolved spec.
        base: Where relative paths of the laboratory section start; None for where the campaign file was.

    Raises:
        UnknownName: No adapter is called so.
        AdapterError: Its options or files are wrong.
    """
    from adapters.common.limits import limited
    from adapters.errors import AdapterOptionsError, TableError
    from adapters.registry import build

    context = _context(settings, spec, base)
    try:
        adapter = build(spec.laboratory.adapter, spec.laboratory.options, context)
    except (AdapterOptionsError, TableError) as error:
        if base is None and (where := _moved(settings, spec.campaign)):
            raise AdapterError(f"{error}. {where}") from error
        raise
    return limited(adapter, build_limits(spec), context.recipe)


def emulated_table(settings: Settings, spec: CampaignSpec, *, base: Path | None = None) -> MeasuredTable | None:
    """The measured table that plays a campaign's laboratory, None where none does. Raises as ``open_laboratory``."""
    if spec.laboratory.adapter != "emulator":
        return None
    from adapters.emulator import build

    return build(spec.laboratory.options, _context(settings, spec, base)).table


def _context(settings: Settings, spec: CampaignSpec, base: Path | None) -> AdapterContext:
    return AdapterContext(
        folder=str(laboratory_folder(settings, spec.campaign)),
        base=str(base or origin_of(settings, spec.campaign)),
        campaign=spec.campaign,
        targets=targets_in_order(settings, spec),
        parameters=parameters_of(spec),
        seed=spec.planner.seed,
        beside=beside_of(spec),
        recipe=build_recipe(spec),
        words=words_of(spec),
        levels=levels_of(spec),
        molecules=molecules_of(spec),
        may_be_nothing=may_be_nothing_of(spec),
        derived=tuple(spec.derived or ()),
    )


def _moved(settings: Settings, campaign: str) -> str:
    """Where the campaign file is not any more, and what to do about it; "" where it is there, or never was here."""
    file = campaign_file(settings, campaign)
    if file is None or file.exists():
        return ""
    return (
        f"The campaign file is not at {file} any more, beside which the laboratory's files are looked for; where they "
        "were moved, hakken tick FILE with its new place notes that"
    )


def laboratory_folder(settings: Settings, campaign: str) -> Path:
    """Where a campaign's laboratory keeps its own files."""
    return settings.folder(campaign) / "laboratory"


def origin_of(settings: Settings, campaign: str) -> Path:
    """The folder that the campaign file was read from; home for a campaign opened on another machine."""
    origin = _origin(settings, campaign)
    return settings.home if origin is None else origin[0]


def campaign_file(settings: Settings, campaign: str) -> Path | None:
    """The campaign file itself; None for a campaign opened on another machine."""
    origin = _origin(settings, campaign)
    return None if origin is None else origin[0] / origin[1]


def targets_in_order(settings: Settings, spec: CampaignSpec) -> dict[str, str]:
    """The unit of each target, in the order of the campaign file as it was last read here; else in the record's."""
    said = noted(settings, spec.campaign) or {}
    return {name: spec.objective[name].unit for name in in_order(spec.objective, said.get("targets", ()))}


def noted(settings: Settings, campaign: str) -> Json | None:
    """What was noted of the campaign file when it was taken up: ``base`` and ``file``, the order of ``targets`` and
    ``parameters``, and over a library what it said and its ``files``; None where nothing was."""
    path = settings.folder(campaign) / ORIGIN
    try:
        said: Json = json.loads(os.fsdecode(path.read_bytes()))
        return {**said, "base": str(said["base"]), "file": str(said["file"])}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise SpecError(f"{path} cannot be read ({error}); add the campaign file again, which writes it anew") from None


def _written(settings: Settings, campaign: str) -> tuple[str, ...]:
    """The parameters in the order of the campaign file as it was last read here; nothing where nobody noted it."""
    with suppress(SpecError, OSError):  # it is said where the file itself is needed
        return tuple((noted(settings, campaign) or {}).get("parameters", ()))
    return ()


def _origin(settings: Settings, campaign: str) -> tuple[Path, str] | None:
    """Folder and name of the campaign file, as noted when it was read."""
    said = noted(settings, campaign)
    return None if said is None else (Path(said["base"]), str(said["file"]))
