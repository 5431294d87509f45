"""``library``: molecules of a campaign's files read, filtered and stored, and what became of each line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from flows.cli.naming import settings
from flows.cli.screen import Json, Screen, progress_line
from flows.cli.showing.left_out import said_of, stored_in

app: Final = typer.Typer(no_args_is_help=True, help="Libraries of molecules: read, filtered, stored once for all.")
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--features", help="Make these too: atom-pair, torsion, descriptors, graphs. Morgan counts always are."
    ),
]


@app.callback()
def library() -> None:
    """Libraries of molecules: read, filtered and stored with their fingerprints, once for all campaigns."""


@app.command()
def build(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="A campaign file.")],
    features: Kinds = None,
    as_json: Json = False,
) -> None:
    """Read and store the libraries that a campaign file names; a build that was killed goes on."""
    from flows.cli.specfile import read_campaign
    from flows.libraries.features import DESCRIPTORS, GRAPHS
    from flows.wiring import library_reader
    from loop.errors import SpecError, UnknownName
    from loop.molecules.packed import KINDS

    known = (*KINDS, DESCRIPTORS, GRAPHS)
    if unknown := [kind for kind in features or () if kind not in known]:
        raise UnknownName("feature", unknown[0], known)
    where, screen = settings(), Screen(as_json)
    campaign = read_campaign(spec, where)
    found = stored_in(campaign)
    if not found:
        raise SpecError(f"{spec}: no parameter names a library; give one type: molecule and a file")
    with progress_line() as progress:
        store = library_reader(where, spec.absolute().parent, progress).store
        for stored in found:
            molecules = store.library(stored.key)
            assert molecules is not None
            for kind in features or ():
                if kind == DESCRIPTORS:
                    molecules.structures.descriptors()
                elif kind == GRAPHS:
                    molecules.structures.graphs()
                else:
                    molecules.structures.counts(kind)
    screen.document([_document(store, stored.key) for stored in found])
    for stored in found:
        _tell(screen, store, stored.key)
    screen.next_step(f"hakken run --dry-run {spec} shows the first batch")


@app.command()
def show(
    key: Annotated[
        str, typer.Argument(metavar="[KEY]", help="The first digits of a key; all are listed without.")
    ] = "",
    as_json: Json = False,
) -> None:
    """What is stored, and what became of the files: molecules, lines that could not be read, duplicates, filters."""
    from flows.wiring import library_reader
    from loop.errors import NotFound

    where, screen = settings(), Screen(as_json)
    store = library_reader(where, Path()).store
    keys = [k for k in store.stored() if k.startswith(key)]
    if key and not keys:
        raise NotFound(f"no library {key!r} is stored in {store.folder}; hakken library show lists all")
    screen.document([_document(store, k) for k in keys])
    for k in keys:
        _tell(screen, store, k)
    screen.next_step("hakken library build SPEC stores the libraries of a campaign file")


def _document(store: Any, key: str) -> dict[str, Any]:
    from dataclasses import asdict

    return {"key": key, "folder": str(store.place(key)), **asdict(store.report(key))}


def _tell(screen: Screen, store: Any, key: str) -> None:
    report, folder = store.report(key), store.place(key)
    screen.say(f"library {key[:12]}: {said_of(report)}")
    for line in (*report.guesses, *report.first):
        screen.say(f"  {line}")
    if report.unreadable:
        screen.say(f"  all of them: {folder / 'unreadable.tsv'}")
    if report.duplicates:
        screen.say(f"  duplicates: {folder / 'duplicates.tsv'}")
    if sum(report.removed.values()):
        screen.say(f"  removed: {folder / 'removed.tsv'}")
