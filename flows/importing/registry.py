"""Every format by name; a further one is a module and a line here. Nothing is imported before it is looked at."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol, cast

from flows.importing.foreign import NAMES_ONLY, Foreign
from flows.importing.source import ImportFault, Source
from loop.errors import UnknownName
from loop.sheets.files import in_its_place, no_text
from loop.sheets.workbooks import is_workbook

# In the order in which they are tried: a plain table is what nothing else takes for its own.
FORMATS: Final[dict[str, tuple[str, str]]] = {
    "baybe": ("flows.importing.baybe", "Campaign.to_json() of BayBE 0.13 to 0.15"),
    "ax": ("flows.importing.ax", "Client.save_to_json_file or save_experiment of Ax 0.4.3 to 1.3"),
    "bofire": ("flows.importing.bofire", "a domain or strategy of BoFire, as model_dump_json() writes it"),
    "optuna": ("flows.importing.optuna", "a study in Optuna's SQLite storage or journal file"),
    "ord": ("flows.importing.ord", "reactions of the Open Reaction Database: .pb, .pb.gz, .pbtxt, .json"),
    "edbo": ("flows.importing.edbo", "the CSV file that EDBO+ reads and writes"),
    "csv": ("flows.importing.table", "any table with a row for each experiment"),
}


SAVED: Final[dict[str, str]] = {  # what programs save that is no table
    "baybe": "a campaign of BayBE",
    "ax": "an experiment of Ax",
    "bofire": "a domain of BoFire",
    "optuna": "a storage of Optuna",
    "ord": "a record of the Open Reaction Database",
}
_OF_SUMMIT: Final = {"runner", "strategy", "experiment"}  # keys of what Runner.save writes
_PACKED: Final = b"\x1f\x8b"  # begins any file of gzip, tables among them


class Format(Protocol):
    """What the module of a format has."""

    def recognises(self, source: Source) -> bool:
        """Whether the file looks like one of this format; never raises."""
        ...

    def read(self, source: Source) -> Foreign:
        """The campaign in the file. Raises ``ImportFault``, which says what is wrong with it."""
        ...


def read_foreign(source: Source, name: str | None = None) -> Foreign:
    """The campaign in a file of format ``name``, or of the first that recognises it.

    Raises:
        UnknownName: There is no such format.
        ImportFault: The file cannot be read, or nothing recognises it.
    """
    if name is not None and name not in FORMATS:
        raise UnknownName("format", name, FORMATS)
    if not source.data.strip():
        raise source.fault("the file is empty; export it anew where it comes from")
    if other := in_its_place(source.data):
        raise source.fault(f"it is {other}")
    for candidate in [name] if name is not None else FORMATS:
        module = cast(Format, import_module(FORMATS[candidate][0]))
        if name is not None or module.recognises(source):
            if source.study and candidate != "optuna":
                raise source.fault(f"--study names a study of Optuna, and this is read as {candidate}; leave it out")
            if source.ignore and candidate not in ("csv", "ord"):
                raise source.fault(
                    "--ignore leaves out columns of a plain table, or amounts and conditions of ORD reactions, and "
                    f"this is read as {candidate}; leave it out, or say --from csv where it is a table"
                )
            try:
                return _with_losses(module.read(source))
            except ImportFault as error:
                if str(error).startswith(source.name):
                    raise
                raise source.fault(str(error)) from None
    # What begins as JSON and is none says so, and why: it may be cut short.
    if source.head.lstrip().startswith(("{", "[")) and set(source.json) >= _OF_SUMMIT:
        raise source.fault(
            "a run of Summit, of which the results come as a table: save them there by "
            "experiment.data.to_csv('results.csv'), and import that with --target"
        )
    if is_workbook(source.data):
        source.text  # noqa: B018  what cannot be read says why
    elif other := no_text(source.data):
        raise source.fault(f"it is {other}")
    known = "".join(f"\n  --from {key:7} {what}" for key, (_, what) in FORMATS.items())
    raise ImportFault(f"{source.name} looks like nothing that can be imported; say what it is:{known}")


def saved_by(path: Path, data: bytes) -> str:
    """What a file is that another program saved, in words; "" where it is a table, or nothing that is known."""
    source = Source(path, data, {})
    if data.startswith(_PACKED) and ".pb" not in path.name:
        return ""
    for name, what in SAVED.items():
        if cast(Format, import_module(FORMATS[name][0])).recognises(source):
            return what
    return ""


def _with_losses(foreign: Foreign) -> Foreign:
    """The same, with a note on each parameter whose structures were lost."""
    said = ((p.name, comment) for p in foreign.parameters for comment in p.comments)
    lost = tuple(f"{name} is read {comment}" for name, comment in said if comment.startswith(NAMES_ONLY))
    return replace(foreign, notes=(*lost, *foreign.notes))
