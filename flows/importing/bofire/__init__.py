"""BoFire: a domain or a strategy as its data models write it to JSON (``model_dump_json``), BoFire 0.5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.importing.bofire.constraints import Constraints
from flows.importing.bofire.objective import read_objective
from flows.importing.foreign import Entry, Foreign
from flows.importing.parameters import Names, category, component, number
from flows.importing.source import Source

_TASK = "that it is a task, between which BoFire transfers; models see it as a choice"


def recognises(source: Source) -> bool:
    """A JSON object that is a domain of BoFire, or has one."""
    return _domain(source.peek()) is not None


def read(source: Source) -> Foreign:
    """The campaign that the domain describes; BoFire keeps experiments elsewhere. Raises ``ImportFault``."""
    domain = _domain(source.json)
    if domain is None:
        raise source.fault("not a domain or a strategy of BoFire: save domain.model_dump_json()")
    try:
        return _campaign(source, source.json, domain)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise source.misplaced("a domain of BoFire", error) from error


def _domain(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    inner = data if data.get("type") == "Domain" else data.get("domain")
    is_one = (
        isinstance(inner, Mapping) and {"inputs", "outputs"} <= set(inner) and inner.get("type", "Domain") == "Domain"
    )
    return inner if is_one else None


def _features(part: Any) -> list[Mapping[str, Any]]:
    """Features or constraints, which stand in a list of their own."""
    return list(part if isinstance(part, list) else part.get("features") or part.get("constraints") or ())


def _campaign(source: Source, data: Mapping[str, Any], domain: Mapping[str, Any]) -> Foreign:
    names = Names()
    left: list[str] = []
    inputs = {f["key"]: f for f in _features(domain["inputs"])}
    entries = {key: _parameter(source, f, names, left) for key, f in inputs.items()}
    rules = Constraints(names, inputs, left)
    for key, f in inputs.items():
        rules.only(key, f.get("allowed"))
    for rule in _features(domain.get("constraints") or []):
        rules.add(rule)
    strategy = str(data["type"]) if data is not domain else ""
    objective = read_objective(
        source,
        _features(domain["outputs"]),
        strategy,
        names.of_targets(),
        left,
        keeps_limits=bool(data.get("use_output_constraints", True)),
    )
    if strategy:
        left.append(f"the strategy with its models: {strategy}")
    return Foreign(
        format="bofire",
        described="a domain of BoFire" + (f" in a {strategy}" if strategy else ""),
        parameters=tuple(entries.values()),
        constraints=tuple(rules.entries),
        targets=objective.targets,
        derived=objective.derived,
        tradeoff=objective.tradeoff,
        results=(),
        left=tuple(left),
        notes=(
            *objective.notes,
            "BoFire keeps experiments in a data frame beside its domain: save that as CSV; hakken tell brings it in",
        ),
    )


def _parameter(source: Source, f: Mapping[str, Any], names: Names, left: list[str]) -> Entry:
    """One input. Raises ``ImportFault`` for a kind that is not known."""
    key = f["key"]
    match f["type"]:
        case (
            "ContinuousInput" | "ContinuousDescriptorInput" | "ContinuousMolecularInput" | "ContinuousTaskInput" as kind
        ):
            low, high = map(float, f["bounds"])
            entry = number(names, key, bounds=(low, high), step=f.get("stepsize"), unit=f.get("unit"))
            if kind != "ContinuousInput":
                left.append(f"{key}: that it is a {kind}; models see it as any other number")
            if f.get("allow_zero") and low > 0:
                return Entry(entry.name, {**entry.keys, "or_zero": True}, entry.comments)
            return entry
        case "DiscreteInput":
            return number(names, key, values=f["values"], unit=f.get("unit"))
        case "CategoricalMolecularInput":
            return component(names, key, {smiles: smiles for smiles in f["categories"]}).entry
        case "CategoricalInput" | "CategoricalDescriptorInput" | "CategoricalTaskInput" as kind:
            entry = category(names, key, f["categories"])
            if kind == "CategoricalTaskInput":
                left.append(f"{key}: {_TASK}")
            if kind != "CategoricalDescriptorInput":
                return entry
            rows = zip(entry.keys["options"], f["values"], strict=True)
            given = {option: dict(zip(f["descriptors"], map(float, row), strict=True)) for option, row in rows}
            return Entry(entry.name, {**entry.keys, "descriptors": given}, entry.comments)
        case kind:
            raise source.fault(f"input {key!r} is of kind {kind!r}, which hakken does not know; leave it out there")
