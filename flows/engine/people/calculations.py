"""Calculations: a told file in QCSchema, as QCEngine, QCFractal and ``hakken export`` write it, as the table that says
the same of a campaign's targets."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from adapters.common.qcschema import PROPERTIES, kind_of, number_in
from loop.errors import UnitError
from loop.sheets.files import NoTable
from loop.spec import CampaignSpec
from loop.units import convert

SMILES: Final = "smiles"
_GZIP: Final = b"\x1f\x8b"
_MARKS: Final = (b"qcschema_", b'"error_type"')  # names of results and molecules; what failed may have neither
_LOOKED_AT: Final = 1 << 20  # bytes in which one of them has to come
_OF_RESULTS: Final = ("success", "properties", "error", "molecule", "final_molecule", "input_data")
_STRUCTURES: Final = (  # of an identified molecule, the plainest first
    "smiles",
    "canonical_isomeric_smiles",
    "canonical_smiles",
    "canonical_isomeric_explicit_hydrogen_smiles",
    "canonical_explicit_hydrogen_smiles",
    "canonical_isomeric_explicit_hydrogen_mapped_smiles",
)


def is_calculations(data: bytes) -> bool:
    """Whether a file is a result in QCSchema, or a list of them, gzipped or not."""
    try:
        head = gzip.GzipFile(fileobj=io.BytesIO(data)).read(_LOOKED_AT) if data.startswith(_GZIP) else data[:_LOOKED_AT]
    except (OSError, EOFError):
        return False
    return head.lstrip()[:1] in (b"[", b"{") and any(mark in head for mark in _MARKS)


def calculations_in_csv(data: bytes, spec: CampaignSpec) -> bytes:
    """A row for each calculation: structure, the targets that it tells in the campaign's units, and what failed.

    A calculation without a structure, or that tells no target, has empty cells: whoever reads the row says so.

    Raises:
        ValueError: The file is cut short.
        NoTable: It holds something else than results.
    """
    plain = gzip.decompress(data) if data.startswith(_GZIP) else data
    rows = [_row(one, spec) for one in _results(plain.decode("utf-8-sig"))]
    targets = [name for name in spec.objective if any(name in row for row in rows)]
    header = [SMILES, *targets, *(["outcome"] if any("outcome" in row for row in rows) else []), "comment"]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_with_unit(name, spec) for name in header)
    writer.writerows([row.get(name, "") for name in header] for row in rows)
    return text.getvalue().encode()


def _results(text: str) -> list[Any]:
    """The results of a file: one, a list of them, each on a line of its own, or by names such as those of records.

    Raises:
        ValueError: It is no JSON.
        NoTable: Something else is among them.
    """
    try:
        told = json.loads(text)
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Extra data"):
            raise
        told = [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(told, Mapping) and not _is_result(told):
        told = [*told.values()]
    every = told if isinstance(told, list) else [told]
    if other := [number for number, one in enumerate(every, start=1) if not _is_result(one)]:
        raise NoTable(f"a file of QCSchema, and entry {other[0]} in it is no result; give results alone, as a list")
    return every


def _is_result(one: Any) -> bool:
    return isinstance(one, Mapping) and any(name in one for name in _OF_RESULTS)


def _with_unit(name: str, spec: CampaignSpec) -> str:
    unit = spec.objective[name].unit if name in spec.objective else ""
    return f"{name} [{unit}]" if unit else name


def _row(one: Any, spec: CampaignSpec) -> dict[str, str]:
    """The cells of one calculation, by column."""
    said = _mapping(one)
    if not said.get("success", True):
        asked, error = _mapping(said.get("input_data")), _mapping(said.get("error"))
        return {
            SMILES: _structure(asked, said),
            "outcome": f"fault:{kind_of(str(error.get('error_type', ''))).value}",
            "comment": str(error.get("error_message", "")).strip()[-1000:],
        }
    values = {name: repr(value) for name in spec.objective if (value := _value(name, said, spec)) is not None}
    no = _beside(said).get("negative")
    return {
        SMILES: _structure(said, said),
        **values,
        **({"outcome": "negative"} if no else {}),
        "comment": str(no or _level(said)),
    }


def _value(name: str, said: Mapping[str, Any], spec: CampaignSpec) -> float | None:
    """A target in the campaign's unit; None where the calculation does not tell it."""
    unit = spec.objective[name].unit
    own = _mapping(_mapping(_beside(said).get("values")).get(name))
    if own:
        return _converted(own.get("value"), str(own.get("unit", "")), unit)
    if name not in PROPERTIES:
        return None
    there, given, factor = PROPERTIES[name]
    number = number_in(_properties(said).get(there))
    return None if number is None else _converted(number * factor, given, unit)


def _properties(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is known of the last geometry, by the schema's names."""
    found = dict(_mapping(said.get("properties")))
    steps, energies = said.get("trajectory"), said.get("energies")
    if isinstance(steps, list) and steps:
        found = {**_mapping(_mapping(steps[-1]).get("properties")), **found}
    if isinstance(energies, list) and energies:
        found["return_energy"] = energies[-1]
    elif said.get("driver") == "energy":  # what was asked for; the schema leaves its properties to the program
        found.setdefault("return_energy", said.get("return_result"))
    return found


def _converted(value: Any, unit: str, to: str) -> float | None:
    number = number_in(value)
    try:
        return None if number is None else number if unit == to else convert(number, unit, to)
    except UnitError:
        return None


def _structure(holder: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """The SMILES of what was computed; "" where it is not told."""
    return next(iter(_structures(holder, said)), "")


def _structures(holder: Mapping[str, Any], said: Mapping[str, Any]) -> Iterator[str]:
    asked = _mapping(holder.get("input_data"))
    for at in (holder, asked, asked.get("input_specification")):
        for name in ("molecule", "final_molecule", "initial_molecule"):
            known = _mapping(_mapping(_mapping(at).get(name)).get("identifiers"))
            yield from (_plain(str(known[kind])) for kind in _STRUCTURES if known.get(kind))
    for extras in (said.get("extras"), _mapping(holder.get("molecule")).get("extras")):
        yield from (_plain(str(_mapping(extras)[kind])) for kind in _STRUCTURES if _mapping(extras).get(kind))


def _plain(smiles: str) -> str:
    """A structure without numbers of its atoms and without hydrogens of their own; as it is where it cannot be read."""
    if "[H" not in smiles and ":" not in smiles:
        return smiles
    from rdkit import Chem, rdBase  # only for structures

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return smiles
    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(0)
    return str(Chem.MolToSmiles(Chem.RemoveHs(molecule)))


def _level(said: Mapping[str, Any]) -> str:
    """Program, method and basis, as far as they are told."""
    asked = _mapping(said.get("input_data") or said.get("input_specification"))
    model = _mapping(said.get("model") or asked.get("model") or _mapping(asked.get("specification")).get("model"))
    creator = _mapping(said.get("provenance"))
    program = " ".join(str(creator[word]) for word in ("creator", "version") if creator.get(word))
    level = "/".join(str(model[word]) for word in ("method", "basis") if model.get(word))
    return f"{level} by {program}" if level and program else level or program


def _beside(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """What ``hakken export`` said of it."""
    return _mapping(_mapping(said.get("extras")).get("hakken"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
