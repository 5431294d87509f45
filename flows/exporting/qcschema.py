"""Calculations as QCSchema has them, those that failed included: .qcschema.json, .qcschema.json.gz.

Needs ``qcelemental`` (``pip install 'hakken[qcschema]'``), whose models check every result. Source of the format: Smith
et al., WIREs Comput. Mol. Sci. 11 (2021) e1491.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from adapters.common.durable import replace_bytes
from adapters.compute.constants import BOHR
from adapters.compute.geometry import read_xyz
from flows.engine.looking.view import View
from flows.exporting.paths import ExportError, check_path
from loop.errors import UnitError
from loop.outcome import Fault, FaultKind, Negative, Qualifier, read_code
from loop.record import Json, ObservationRecord
from loop.units import convert
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings as Where

ENDINGS: Final = (".qcschema.json", ".qcschema.json.gz")
ENERGY: Final = "energy"  # what laboratories call the total energy of a structure
_KINDS: Final = {FaultKind.UNKNOWN: "unknown_error"}  # what QCEngine calls a failure, where it is no word of ours


class QcschemaError(ExportError):
    """The campaign's results cannot be said as calculations; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds.

    Attributes:
        calculations: How many that ended as intended.
        failures: How many that did not.
        notes: What is left out, and why.
    """

    calculations: int
    failures: int
    notes: tuple[str, ...]


def is_qcschema(path: Path) -> bool:
    """Whether a file's ending is that of calculations."""
    return path.name.lower().endswith(ENDINGS)


def export_qcschema(where: Where, name: str, path: Path, *, overwrite: bool = False) -> Written:
    """Write every calculation of a campaign that counts as one list: an ``AtomicResult`` each, and of those that
    failed a ``FailedOperation``.

    What the schema has no word for stands in ``extras.hakken``: settings, every value with its unit, repairs.

    Args:
        where: The record's place.
        name: The campaign.
        path: The file, whole or not at all; gzipped where its ending says so.
        overwrite: Whether to replace one that is there.

    Raises:
        NotFound: There is no such campaign.
        ExportError: qcelemental is not installed, the file is there already, or no result has a geometry.
    """
    check_path(path, overwrite=overwrite)
    models = _models(path)
    from flows.wiring import open_record

    with open_record(where) as ledger:
        view = View(ledger, name)
        results = view.observations
        failed = [o for o in results if isinstance(o.outcome, Fault) and _is_calculation(o)]
        failures = [_failure(view, o) for o in failed]
        computed = [o for o in results if not isinstance(o.outcome, Fault)]
        bare = [o for o in computed if not _of(o).get("xyz")]
        made = [_calculation(view, o) for o in computed if _of(o).get("xyz")]
    if not made and not failures:
        raise QcschemaError(
            f"campaign {name!r} has no calculation yet with the geometry that it was made for; results of other "
            "laboratories are written as a table (.csv, .parquet, .xlsx)"
        )
    checked = [_checked(models.AtomicResult, said) for said in made]
    checked += [_checked(models.FailedOperation, said) for said in failures]
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in checked)
    data = f"[\n{lines}\n]\n".encode()
    replace_bytes(path, gzip.compress(data, mtime=0) if path.name.lower().endswith(".gz") else data)
    return Written(len(made), len(failures), _notes(bare))


def _models(path: Path) -> Any:
    try:
        import qcelemental.models as models
    except ImportError:
        raise QcschemaError(
            f"{path.name} is of QCSchema: writing that needs qcelemental; pip install 'hakken[qcschema]'"
        ) from None
    return models


def _checked(model: Any, said: Json) -> Any:
    """What the schema's own model makes of it, as JSON has it."""
    try:
        return json.loads(model(**said).json(exclude_none=True))
    except ValueError as error:
        raise QcschemaError(
            f"qcelemental finds fault with what was made of {said['id']}: {error}; nothing was written"
        ) from None


def _notes(bare: list[ObservationRecord]) -> tuple[str, ...]:
    """What is left out, by where it came from."""
    return tuple(
        f"{plural(n, 'result')} of {source} left out, without the geometry that it was made for"
        for source, n in Counter(_source(o) for o in bare).items()
    )


def _is_calculation(o: ObservationRecord) -> bool:
    """Whether what failed was computed for one structure."""
    return bool(_smiles(o) and (read_code(o.context) or _of(o).get("program")))


def _source(o: ObservationRecord) -> str:
    return "a told table" if o.key is None else o.source


def _of(o: ObservationRecord) -> Json:
    """How a result came about, as its laboratory says it."""
    told = o.context.get("provenance")
    return told if isinstance(told, Mapping) else {}


def _calculation(view: View, o: ObservationRecord) -> dict[str, Any]:
    """A result as the keys of an ``AtomicResult``."""
    told, values = _of(o), _values(o)
    energy = _energy(o)
    molecule, has_energy = _molecule(o, told), {} if energy is None else {"return_energy": energy}
    return {
        "id": o.id,
        "molecule": molecule,
        "driver": "properties" if energy is None else "energy",
        "model": _model(told),
        "keywords": _further(told),
        "properties": {"calcinfo_natom": len(molecule["symbols"])} | has_energy,
        "return_result": {name: value for name, (value, _) in values.items()} if energy is None else energy,
        "success": True,
        "provenance": _provenance(o, told),
        "stdout": told.get("stdout") or None,
        "extras": {"hakken": _beside(view, o)},
    }


def _failure(view: View, o: ObservationRecord) -> dict[str, Any]:
    """A fault as the keys of a ``FailedOperation``."""
    assert isinstance(o.outcome, Fault)
    told = _of(o)
    molecule = _molecule(o, told) if told.get("xyz") else {"identifiers": {"smiles": _smiles(o)}}
    return {
        "id": o.id,
        "success": False,
        "input_data": {"molecule": molecule, "provenance": _provenance(o, told)},
        "error": {
            "error_type": _KINDS.get(o.outcome.kind, o.outcome.kind.value),
            "error_message": o.outcome.message or o.outcome.kind.value.replace("_", " "),
        },
        "extras": {"hakken": _beside(view, o)},
    }


def _molecule(o: ObservationRecord, told: Json) -> dict[str, Any]:
    """The structure that was computed, in bohr, placed as it was."""
    geometry = read_xyz(str(told["xyz"]), charge=int(told.get("charge", 0)))
    smiles = _smiles(o)
    return {
        "symbols": list(geometry.symbols),
        "geometry": [float(at) / BOHR for place in geometry.positions for at in place],
        "molecular_charge": geometry.charge,
        "molecular_multiplicity": int(told.get("unpaired", geometry.unpaired)) + 1,
        "fix_com": True,
        "fix_orientation": True,
        **({"identifiers": {"smiles": smiles}} if smiles else {}),
    }


def _smiles(o: ObservationRecord) -> str:
    """The structure of what was computed where the settings have exactly one."""
    return next(iter(o.smiles.values())) if len(o.smiles) == 1 else ""


def _model(told: Json) -> dict[str, str | None]:
    """Method and basis: as a laboratory names them, or as the words that a program's input was filled with."""
    words = _keywords(told)
    method, _, basis = str(told.get("level", "")).partition(", ")[0].partition("/")
    method = method or str(told.get("method") or words.get("method") or told.get("calculator") or "")
    return {
        "method": method or str(told.get("program", "unknown")),
        "basis": basis or told.get("basis") or words.get("basis") or None,
    }


def _keywords(told: Json) -> dict[str, Any]:
    words = told.get("keywords")
    return dict(words) if isinstance(words, Mapping) else {}


def _further(told: Json) -> dict[str, Any]:
    """How it was computed beside method and basis."""
    words = {name: word for name, word in _keywords(told).items() if name not in ("method", "basis")}
    return {name: told[name] for name in ("grid", "solvent") if name in told} | words


def _provenance(o: ObservationRecord, told: Json) -> dict[str, Any]:
    """The program, as QCEngine has it, with wall time (s) and host where they are known."""
    said: dict[str, Any] = {
        "creator": str(told.get("program") or o.source), "version": str(told.get("version", "")),
        "wall_time": told.get("wall_time_s"), "hostname": told.get("host"),
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def _values(o: ObservationRecord) -> dict[str, tuple[float, str]]:
    """Values that are no limits, with their units, by property."""
    if isinstance(o.outcome, Fault):
        return {}
    return {m.property: (m.value, m.unit) for m in o.outcome.measurements if m.qualifier is Qualifier.EQUAL}


def _energy(o: ObservationRecord) -> float | None:
    """The total energy in hartree; None where it was not told, or is no energy."""
    value, unit = _values(o).get(ENERGY, (0.0, ""))
    try:
        return convert(value, unit, "hartree") if unit else None
    except UnitError:
        return None


def _beside(view: View, o: ObservationRecord) -> dict[str, Any]:
    """What the schema has no word for."""
    told = _of(o)
    said: dict[str, Any] = {
        "campaign": view.name, "settings": dict(o.settings), "key": o.key, "round": o.round_number,
        "recorded": o.recorded.isoformat(),
        "values": {name: {"value": value, "unit": unit} for name, (value, unit) in _values(o).items()},
        "negative": o.outcome.reason if isinstance(o.outcome, Negative) else None,
        "code": read_code(o.context) or None,
        **{name: told.get(name) for name in ("level", "method", "solvent", "repairs", "frequencies", "rearranged")},
    }  # fmt: skip
    return {name: value for name, value in said.items() if value not in (None, {}, [])}
