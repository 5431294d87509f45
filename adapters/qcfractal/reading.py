"""What a record of QCFractal says, as the payload of an envelope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adapters.common.qcschema import PROPERTIES, kind_of, number_in
from adapters.compute.constants import BOHR
from adapters.qcfractal.options import QcfractalOptions
from loop.outcome import Fault, FaultKind, write_outcome

_TAIL: Final = 4000  # characters of output that are kept
_SHOWN: Final = 20  # names that a message lists


def known_properties(settings: QcfractalOptions) -> dict[str, str]:
    """What can be read, with units."""
    built_in = {name: unit for name, (_, unit, _) in PROPERTIES.items()}
    return built_in | {name: reading.unit for name, reading in settings.properties.items()}


def payload_of(
    record: Any, settings: QcfractalOptions, targets: Mapping[str, str], provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """The payload of a record that has ended: complete, failed or called off."""
    told = {**provenance, "record": int(record.id), "server": settings.address, **_how(record)}
    match str(record.status.value):
        case "complete":
            return _values(record, settings, targets, told)
        case "error":
            error = record.error or {}
            kind = kind_of(str(error.get("error_type")))
            message = str(error.get("error_message", "it says no more"))[-_TAIL:]
            return fault(kind, message, told)
        case "cancelled":
            return fault(FaultKind.CANCELLED, f"record {record.id} was cancelled on the server", told)
        case other:
            return fault(FaultKind.UNKNOWN, f"record {record.id} was marked {other} on the server by a person", told)


def fault(kind: FaultKind, message: str, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The payload of an attempt that did not go as intended."""
    return {**write_outcome(Fault.of(kind, message)), "provenance": dict(provenance)}


def _values(
    record: Any, settings: QcfractalOptions, targets: Mapping[str, str], told: dict[str, Any]
) -> dict[str, Any]:
    found = _all_properties(record)
    values = []
    for name, unit in known_properties(settings).items():
        source, factor = (settings.properties[name].name, 1.0) if name in settings.properties else PROPERTIES[name][::2]
        number = number_in(found.get(source.lower()))
        if number is not None:
            values.append({"property": name, "value": number * factor, "unit": unit})
        elif name in targets:
            there = sorted(other for other in found if number_in(found[other]) is not None)
            more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
            text = (
                f"record {record.id} has no number called {source!r}, which {name!r} is read from; it has "
                f"{', '.join(there[:_SHOWN]) or 'none'}{more}: name one of these under 'properties', or choose a "
                "driver or keywords that give it"
            )
            return fault(FaultKind.ANALYSIS_FAILED, text, told)
    return {"outcome": "measured", "values": values, "provenance": told}


def _all_properties(record: Any) -> dict[str, Any]:
    """Properties by name in lower case; of an optimisation those of its last geometry."""
    if record.record_type != "optimization":
        return {name.lower(): value for name, value in (record.properties or {}).items()}
    last = record.trajectory_element(-1).properties or {}
    found = {name.lower(): value for name, value in {**last, **(record.properties or {})}.items()}
    return {**found, "return_energy": record.energies[-1], "optimization_steps": len(record.energies)}


def _how(record: Any) -> dict[str, Any]:
    """Program, version, wall time, level, geometry and the end of the output, as far as they are there."""
    told: dict[str, Any] = {}
    if (provenance := record.provenance) is not None:
        told = {"program": provenance.creator, "version": provenance.version}
        if (seconds := getattr(provenance, "wall_time", None)) is not None:
            told["wall_time_s"] = float(seconds)
        if (host := getattr(provenance, "hostname", None)) is not None:
            told["host"] = str(host)
    for name in ("stdout", "stderr"):
        if isinstance(text := getattr(record, name), str) and text:
            told[name] = text[-_TAIL:]
    told |= _level(record)
    which = "final_molecule" if record.record_type == "optimization" else "molecule"
    if (computed := getattr(record, which, None)) is not None:
        rows = [
            f"{symbol} {' '.join(f'{float(at) * BOHR:.6f}' for at in place)}"
            for symbol, place in zip(computed.symbols, computed.geometry, strict=True)
        ]
        told["xyz"] = "\n".join([str(len(rows)), "", *rows])
        told["charge"] = round(getattr(computed, "molecular_charge", 0))
        told["unpaired"] = round(getattr(computed, "molecular_multiplicity", 1)) - 1
    return told


def _level(record: Any) -> dict[str, str]:
    """Method and basis of a record, of an optimisation those of its gradients."""
    specification = getattr(record, "specification", None)
    computing = getattr(specification, "qc_specification", specification)
    said = {name: getattr(computing, name, None) for name in ("method", "basis")}
    return {name: str(text) for name, text in said.items() if text}
