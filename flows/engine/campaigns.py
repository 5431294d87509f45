"""Campaigns: a campaign file read, checked against its laboratory and the record, and opened."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flows.engine.changes.origins import remember
from flows.engine.changes.results import check_change
from flows.engine.looking.suiting import check_laboratory
from flows.engine.looking.view import View
from flows.engine.people.writing import writing
from flows.named_files import reader
from flows.own_code import check_code
from flows.wiring import (
    LIBRARIES,
    RAW,
    begun_as_on_record,
    library_reader,
    made_on_record,
    make_record,
    open_laboratory,
    open_record,
    without_misread_units,
)
from loop.contracts import Adapter, Ledger
from loop.errors import LedgerError, NotFound, SpecError
from loop.record import CampaignState, Json
from loop.spec import CampaignSpec, read_spec

if TYPE_CHECKING:
    from flows.settings import Settings

LONGEST_NAME: Final = 200  # disks take 255 bytes, and a file may be named by it with an ending
_OWN: Final = frozenset({LIBRARIES, RAW, "prefect"})  # folders of HAKKEN_HOME; its files begin with hakken.
_NOT_VARIED: Final = frozenset({"derived", "context"})  # kinds of parameters that nobody chooses


def add_campaign(settings: Settings, spec_path: Path | str) -> str:
    """Open the campaign that a file describes; returns its name.

    The same file again changes nothing; a changed one becomes a new version of the spec, and a finished campaign
    goes on under it.

    Raises:
        SpecError: The file cannot be read or is wrong, or it changes what results on record mean.
        AdapterError: Its laboratory cannot be built, or would refuse every experiment.
    """
    path = Path(spec_path)
    spec, laboratory = usable_file(path, settings)
    name = spec.campaign
    with make_record(settings) as ledger:
        before = ledger.last_entry()
        known = known_as(settings, ledger, spec)
        resolved = resolved_for(known, spec)
        if known is None or resolved != known.campaign.spec:
            check_laboratory(laboratory, spec)
        if ledger.last_entry() != before:  # a result, or another's change, came while it was looked at
            known = known_as(settings, ledger, spec)
            resolved = resolved_for(known, spec)
        remember(settings, spec, path)
        record = ledger.open_campaign(name, resolved, by=settings.by)
        if known is not None and record.version > known.campaign.version:
            _go_on(settings, ledger, name)
    return name


def read_campaign_file(path: Path, settings: Settings) -> CampaignSpec:
    """The resolved spec of a campaign file; files that it names are looked for beside it, and libraries stored.

    Raises:
        SpecError: It cannot be read, or is wrong.
    """
    folder, text = path.absolute().parent, _read(path)
    spec = read_spec(
        text,
        source=path.name,
        read=reader(folder),
        libraries=library_reader(settings, folder),
        made=made_on_record(settings),
    )
    return begun_as_on_record(settings, without_misread_units(settings, spec, text, path.name))


def usable_file(path: Path, settings: Settings) -> tuple[CampaignSpec, Adapter]:
    """The resolved spec of a campaign file, and its laboratory.

    Raises:
        SpecError: The file cannot be read, or is wrong, or a model of one's own that it names is not there.
        AdapterError: Its laboratory cannot be built.
    """
    spec = read_campaign_file(path, settings)
    check_code(spec, path.absolute().parent)
    return spec, open_laboratory(settings, spec, base=path.absolute().parent)


def known_as(settings: Settings, ledger: Ledger, spec: CampaignSpec) -> View | None:
    """The campaign of a spec as it is on record, None where it is not.

    Raises:
        SpecError: The spec changes what results on record mean, or its campaign is called nearly as another.
    """
    try:
        known = View(ledger, spec.campaign)
    except NotFound:
        _check_name(ledger, spec.campaign)
        return None
    check_change(settings, known, spec)
    return known


def check_on_record(settings: Settings, spec: CampaignSpec) -> None:
    """See that the record takes a spec, where it has the campaign and can be read.

    Raises:
        SpecError: As ``add_campaign`` will.
    """
    with suppress(LedgerError), open_record(settings) as ledger:
        known_as(settings, ledger, spec)


def resolved_for(known: View | None, spec: CampaignSpec) -> Json:
    """The resolved spec as the record is to have it: what it has, where nothing differs in what that says."""
    with suppress(SpecError):  # what this release cannot read is replaced
        if known is not None and says_the_same(spec, known.campaign.spec):
            return known.campaign.spec
    return spec.resolved()


def says_the_same(spec: CampaignSpec, on_record: Json) -> bool:
    """Whether a spec says what the record has, with what this release writes besides, such as the default of a new key.

    Raises:
        SpecError: Another release wrote what is on record, and this one cannot read it.
    """
    return chosen_from(spec.resolved()) == chosen_from(CampaignSpec.from_resolved(on_record).resolved())


def chosen_from(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved spec without how the files of libraries were read whose molecules stand in it.

    So a file of which an earlier release, or another RDKit, made the same molecules makes no new version.
    """

    def without(p: Mapping[str, Any]) -> dict[str, Any]:
        return {key: said for key, said in p.items() if key != "stored" or p.get("options") is None}

    space = {name: without(p) for name, p in resolved["space"].items()}
    for name, p in space.items():
        if p["type"] == "union":
            space[name] = {**p, "of": {source: without(said) for source, said in p["of"].items()}}
    return {**resolved, "space": space}


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise SpecError(f"{path} cannot be read ({error.strerror}); check the path") from None


def _check_name(ledger: Ledger, name: str) -> None:
    """Refuse a name that no folder of its own can have: the project's own files, or another campaign, have it.

    One that differs in capitals only is the same folder on a Mac's disk.
    """
    if name.casefold() in _OWN or name.casefold().startswith("hakken."):
        raise SpecError(
            f"campaign {name!r}: a campaign has a folder of its name in HAKKEN_HOME, and hakken keeps files of its own "
            "there under this one; give it another name"
        )
    if len(name) > LONGEST_NAME:
        raise SpecError(
            f"campaign {name[:20]!r}...: a folder is called by its name, which has {len(name)} letters; use "
            f"{LONGEST_NAME} at most"
        )
    if alike := next((c.name for c in ledger.campaigns() if c.name.casefold() == name.casefold()), None):
        raise SpecError(
            f"campaign {name!r}: the record has {alike!r}, which differs in capitals only, and many disks keep one "
            f"folder for both; write campaign: {alike} to go on with that one, or give this one another name"
        )


def _go_on(settings: Settings, ledger: Ledger, name: str) -> None:
    """A finished campaign with a changed spec is active again: its budget or goal may be another."""
    if ledger.campaign(name).state is not CampaignState.FINISHED:
        return
    with writing(settings, ledger, name, settings.by) as work:
        work.set_state(CampaignState.ACTIVE, "the spec was changed")
