"""Importing: a foreign campaign becomes a campaign file and a campaign on record, and its results are told."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.common.durable import replace_bytes
from flows.engine.campaigns import add_campaign, chosen_from, known_as, read_campaign_file, says_the_same
from flows.engine.looking.reports import ImportReport
from flows.engine.people.fuller import Known, OnRecord
from flows.engine.people.rows import TELL, draft_row, read_told, without_of
from flows.engine.people.telling import tell_rows
from flows.importing import Foreign, ImportFault, Source, campaign_text, read_foreign
from flows.importing.foreign import later
from flows.libraries.reader import Reader
from flows.libraries.store import Store
from flows.progress import Progress, in_silence
from flows.wiring import open_laboratory, open_record, spec_on_record
from loop.errors import HakkenError, SpecError
from loop.molecules.shelf import put_up
from loop.outcome import read_outcome
from loop.record import EnvelopeDraft
from loop.spec import CampaignSpec, build_space, levels_of, read_spec, words_of
from loop.wording import in_plain_letters

if TYPE_CHECKING:
    from flows.settings import Settings


@dataclass(frozen=True)
class _File:
    """The campaign file as it is to be: its text, what it says, and what becomes of one that is there."""

    path: Path
    text: str
    spec: CampaignSpec
    state: str
    hindered: str = ""  # what is in its way, and the options that clear it


def bring_in(
    settings: Settings,
    source: Source,
    out: Path,
    *,
    format: str | None = None,
    dry_run: bool = False,
    force: bool = False,
    keep: bool = False,
    partly: bool = False,
    progress: Progress = in_silence,
) -> ImportReport:
    """Write the campaign file of a foreign campaign, open the campaign, and tell its results.

    The same file again adds nothing: the campaign file stays, and every result is known.

    Args:
        settings: Where the project is.
        source: The foreign file, and what the person said of it.
        out: The campaign file.
        format: Its format, None to tell it from the content.
        dry_run: Write and record nothing.
        force: Overwrite a campaign file, or change a campaign on record, that says something else.
        keep: Keep the campaign file that is there and bring in results only.
        partly: Bring in what can be used where not every result can; what cannot is kept on record as it came.
        progress: Whom to tell how far it is.

    Raises:
        ImportFault: The file cannot be read, or a result of it cannot be used; nothing is written or recorded.
        SpecError: It makes no campaign, another campaign is in its way, or it changes what results on record mean.
        AdapterError: The laboratory of its campaign cannot be built.
    """
    named = replace(source, campaign=_usable(source.campaign, source.path.stem))
    foreign = read_foreign(named, format)
    name = _usable(source.campaign, foreign.name, source.path.stem)
    text = campaign_text(foreign, campaign=name, source=source.name)
    with tempfile.TemporaryDirectory() as folder:  # what is refused, or a dry run, leaves no library either
        libraries = Reader(Store(Path(folder)), out.absolute().parent)
        put_up(libraries.store)
        file = _file(settings, foreign.described, text, out, libraries, force=force, keep=keep)
        if file.hindered and not dry_run:
            raise SpecError(file.hindered)
        if not file.hindered:
            _check_record(settings, file)
        drafts = drafts_of(foreign, source.name, file.spec.objective)
        kinds, problems = _judged(drafts, file.spec, source.name)
    accepted, duplicates, notes = 0, 0, foreign.notes
    if problems and not (dry_run or partly):
        raise ImportFault(_refusal(problems, len(drafts), source.name, foreign))
    if not dry_run:
        if file.state in ("new", "overwritten"):
            open_laboratory(settings, file.spec, base=out.absolute().parent)
            _write(file)
        name = add_campaign(settings, file.path)
        with open_record(settings) as ledger:
            drafts = drafts_of(foreign, source.name, file.spec.objective, OnRecord(ledger, name))
        told = tell_rows(settings, name, source.name, drafts, by=settings.by, progress=progress)
        accepted, duplicates, problems = told.accepted, told.duplicates, told.problems
        notes += told.notes
    return ImportReport(
        campaign=file.spec.campaign,
        file=str(out),
        file_state="written" if file.state == "new" and not dry_run else file.state,
        format=foreign.format,
        described=foreign.described,
        parameters=len(file.spec.space),
        targets=len(file.spec.objective) + len(file.spec.derived or {}),
        constraints=len(file.spec.constraints),
        measured=kinds["measured"],
        negatives=kinds["negative"],
        faults=kinds["fault"],
        accepted=accepted,
        duplicates=duplicates,
        problems=problems,
        pending=foreign.pending,
        left=tuple(said for said in foreign.left if not said.endswith(tuple(map(later, file.spec.objective)))),
        notes=notes,
        text=file.text,
        dry_run=dry_run,
        hindered=file.hindered,
    )


def drafts_of(
    foreign: Foreign, file: str, targets: Collection[str], record: OnRecord | None = None
) -> list[EnvelopeDraft]:
    """The results as envelopes of told rows, unread; two equal ones are two readings. ``targets`` are those of the
    campaign file that are measured, and ``record`` tells which rows say more of what is there.

    What another program saved is known again whatever its file is called; a table goes by its file, as a told one does.
    """
    if foreign.format != "csv":
        file = f"{' '.join((foreign.format, _usable(foreign.name, '-')))}/{file}"
    rows = dict(enumerate(result.cells(targets) for result in foreign.results))
    known = Known()
    if record is not None:
        called = file.partition("/")[0]
        known = record.of_typed(called, rows)
        new = {number: cells for number, cells in rows.items() if number not in known.of}
        known = record.as_read(
            called, known, {n: draft_row("", [*c], [*c.values()], Counter()).payload for n, c in new.items()}
        )
    seen, drafts = Counter(known.before), []
    for (number, cells), result in zip(rows.items(), foreign.results, strict=True):
        source, of = f"{TELL}{file}:{result.place.replace(':', ' ')}", known.of.get(number)
        draft = draft_row(source, list(cells), list(cells.values()), seen, of=of)
        if record is not None and of is not None and record.is_as_told(draft, of):
            draft = without_of(draft)
        drafts.append(draft)
    return drafts


def _file(
    settings: Settings, described: str, text: str, out: Path, libraries: Reader, *, force: bool, keep: bool
) -> _File:
    """What becomes of the campaign file, and what is in its way. Raises ``SpecError`` where it can be none."""
    try:
        spec = read_spec(text, source="its campaign file", read=lambda name: _beside(out, name), libraries=libraries)
    except SpecError as error:
        raise SpecError(
            f"{described} makes no campaign that hakken can run: {error}\nchange it where it comes from, or begin with "
            "hakken init and bring its results in with hakken tell"
        ) from None
    state, used = "new", spec
    if out.exists():
        mine = _as_it_is(settings, out)
        if mine is not None and _without_start(mine) == _without_start(spec):
            state, text, used = "unchanged", out.read_text("utf-8"), mine
        elif keep:
            if mine is None:
                raise SpecError(
                    f"{out} cannot be read as a campaign file; mend it (hakken validate {shlex.quote(str(out))}), "
                    "or use --force"
                )
            state, text, used = "kept", out.read_text("utf-8"), mine
        elif force:
            state = "overwritten"
        else:
            return _File(
                out,
                text,
                spec,
                "kept",
                f"{out} exists and says something else than would be written; --keep leaves it and brings the results "
                "into its campaign, --force overwrites it, --out names another file",
            )
    elif keep:
        raise SpecError(f"{out}: no such file to keep; leave out --keep, or name the campaign file with --out")
    on_record = spec_on_record(settings, used.campaign)
    is_another = on_record is not None and not says_the_same(used, on_record)
    if on_record is not None and state == "unchanged":  # as with hakken tick, a batch changed there is a new version
        is_another = _without_start(used) != _without_start(CampaignSpec.from_resolved(on_record))
    other = (
        f"campaign {used.campaign!r} is on record with another space or objective; give this one another --name, "
        "or make it a new version of that campaign with --force"
    )
    return _File(out, text, used, state, other if is_another and not (force or keep) else "")


def _without_start(spec: CampaignSpec) -> Mapping[str, Any]:
    """What a campaign file says, without what goes by how far its source has come: a batch and the initial design."""
    resolved = chosen_from(spec.resolved())
    planner = resolved["planner"]
    initial = {**planner["initial"], "experiments": None}
    return {**resolved, "planner": {**planner, "batch": None, "initial": initial}}


def _check_record(settings: Settings, file: _File) -> None:
    """Refuse what the record would refuse, while a campaign file that is there is still what it was."""
    if spec_on_record(settings, file.spec.campaign) is not None:
        with open_record(settings) as ledger:
            known_as(settings, ledger, file.spec)


def _refusal(problems: list[str], results: int, file: str, foreign: Foreign) -> str:
    """Why nothing is brought in, and the ways out; and how the rest was read, so that all is mended at once."""
    listed = "\n  ".join(problems)
    ignore = ", leave out a column that was not varied (--ignore COLUMN)" if foreign.format == "csv" else ""
    so = "\nread so:\n  " + "\n  ".join(foreign.notes) if foreign.notes else ""
    return (
        f"{len(problems)} of {results} results of {file} cannot be used, so nothing was written or put on record:\n"
        f"  {listed}\nmend them where they come from{ignore}, or say --partly: it brings in the others and keeps "
        f"these on record as they came{so}"
    )


def _beside(out: Path, name: str) -> str:
    """A file that the campaign file names."""
    return (out.absolute().parent / name).read_text(encoding="utf-8-sig")


def _as_it_is(settings: Settings, path: Path) -> CampaignSpec | None:
    try:
        return read_campaign_file(path, settings)
    except HakkenError:
        return None


def _judged(drafts: list[EnvelopeDraft], spec: CampaignSpec, file: str) -> tuple[Counter[str], list[str]]:
    """How the experiments that can be used ended, and what would be refused of the others, without a record."""
    space = build_space(spec)
    units = {name: target.unit for name, target in spec.objective.items()}
    levels, words = levels_of(spec), words_of(spec)
    kinds: Counter[str] = Counter()
    problems = []
    for draft in drafts:
        try:
            row = read_told(draft.payload, spec, space)
            read_outcome(row.payload, units, levels, words)
            space.coordinates(row.settings)
            kinds[row.payload["outcome"]] += 1
        except HakkenError as error:
            problems.append(f"{file} {draft.source.rpartition(':')[2]}: {error}")
    return kinds, problems


def _write(file: _File) -> None:
    """Write the campaign file whole, or not at all."""
    file.path.absolute().parent.mkdir(parents=True, exist_ok=True)
    replace_bytes(file.path.absolute(), file.text.encode("utf-8"))


def _usable(*said: str) -> str:
    """The first of the names that says anything, as a campaign may be called."""
    for name in said:
        if usable := re.sub(r"[^A-Za-z0-9_.-]+", "_", in_plain_letters(name)).strip("_.-"):
            return usable
    return "campaign"
