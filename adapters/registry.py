"""Every adapter by name; a new one is a module and a line here. Nothing is imported before it is built.

One of your own needs no line: ``adapter: my_module:MyAdapter`` in a campaign file names what is called with the options
and the context, in a module beside that file or installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final, cast

from loop.contracts import Adapter, AdapterContext
from loop.errors import UnknownName

_TABLE: Final[dict[str, tuple[str, str]]] = {
    "ase": ("adapters.ase:build", "any ASE calculator: energies, forces and dipoles of molecules"),
    "ask_tell": ("adapters.ask_tell:build", "whoever asks for experiments and tells results, over HTTP or in Python"),
    "callable": ("adapters.callable:build", "any Python function of the settings, in child processes"),
    "command": ("adapters.command:build", "any program, with templates for its input and a parser for its output"),
    "csv_folder": (
        "adapters.csv_folder.options:build",
        "a device that takes command files from a folder and answers there",
    ),
    "emulator": ("adapters.emulator:build", "a measured table as laboratory, with noise, delay and failures if wanted"),
    "http": ("adapters.http.options:build", "any laboratory over HTTP that keeps a small JSON contract"),
    "instrument": (
        "adapters.instrument.options:build",
        "an instrument's folder: its files are the results, as they came",
    ),
    "manual": ("adapters.manual.options:build", "a person: writes a worksheet and reads it back filled in"),
    "opentrons": (
        "adapters.opentrons.options:build",
        "an OT-2 or a Flex: plates from the campaign's recipe, over HTTP",
    ),
    "pylabrobot": (
        "adapters.pylabrobot.options:build",
        "any liquid handler with a PyLabRobot back end, or its simulation: plates from the campaign's recipe",
    ),
    "pyscf": ("adapters.pyscf:build", "Kohn-Sham DFT of molecules by PySCF, with optimisation and thermochemistry"),
    "qcfractal": (
        "adapters.qcfractal.options:build",
        "a QCFractal server: calculations by any program of QCEngine, as records of a dataset there",
    ),
    "several": (
        "adapters.several.options:build",
        "several laboratories, each for the experiments that its 'when' names",
    ),
    "sila2": (
        "adapters.sila.options:build",
        "a device with a SiLA 2 server, over gRPC: looked up by key, discovered by name",
    ),
    "simulated": (
        "adapters.simulated:build",
        "a made-up laboratory with every kind of trouble, the same for each seed",
    ),
    "xtb": (
        "adapters.xtb:build",
        "GFN1 and GFN2-xTB energies, orbitals, dipoles and solvation of molecules, in child processes",
    ),
}


def build(name: str, options: Mapping[str, Any], context: AdapterContext) -> Adapter:
    """The adapter of that name.

    Args:
        name: As in the table above, or as ``describe`` lists them; or ``module:name`` of your own.
        options: The laboratory section of the campaign file without its ``adapter`` line.
        context: Folder, base of relative paths, targets with units, seed.

    Raises:
        UnknownName: No adapter is called so.
        AdapterOptionsError: An option is unknown, missing or of the wrong type.
        TableError: A table named in the options cannot be read.
        AdapterError: A module of your own has nothing of that name, or what comes of it is no adapter.
    """
    if ":" in name:
        from adapters.own import build_own

        return build_own(name, options, context)
    if name not in _TABLE:
        raise UnknownName("adapter", name, _TABLE)
    module, function = _TABLE[name][0].split(":")
    return cast(Adapter, getattr(import_module(module), function)(options, context))


def binding(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options that say which laboratory it is, and cannot change while it has attempts.

    The others say how it is asked: those that its module lists in ``FREE``, and those of the members of ``several`` and
    of whoever measures what a robot makes; and how jobs of calculations are submitted to a cluster.
    """
    return _without(("FREE",), name, options)


def binding_between_runs(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of them still binds while no run of what it has goes on or waits to be played.

    Not what stands on a deck, say: of a laboratory that makes plates its module lists that in ``BETWEEN_RUNS``.
    """
    return _without(("FREE", "BETWEEN_RUNS"), name, options)


def binding_once_played(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of them still binds while nothing of what it has was set going.

    Not the address of a robot, say, to which no run went that was played: its module lists that in ``UNTIL_PLAYED``.
    """
    return _without(("FREE", "UNTIL_PLAYED"), name, options)


def prepares_here(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether what was prepared and never started by options may go by others, to another address.

    So it is where it is a note in the laboratory's folder, of which its module says ``PREPARES_HERE``, and of a
    calculation where Dask's scheduler alone is another: whoever begins it first claims it.
    """
    if name not in _TABLE:
        return False
    module = import_module(module_of(name))
    if getattr(module, "PREPARES_HERE", False):
        return True
    by_dask = all(isinstance(o.get("run_on"), Mapping) and "dask" in o["run_on"] for o in (before, now))
    method, other = ({n: v for n, v in binding(name, o).items() if n != "run_on"} for o in (before, now))
    return hasattr(module, "HOW") and by_dask and method == other


def makes_plates(name: str) -> bool:
    """Whether it is a robot with a deck, which measures nothing itself."""
    return name in _TABLE and hasattr(import_module(module_of(name)), "BETWEEN_RUNS")


def laboratories_in(name: str, options: Mapping[str, Any]) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """The adapters of a laboratory section, each with its options: its own, or those of its members."""
    if name == "several" and isinstance(members := options.get("laboratories"), Mapping):
        return tuple((str(own.get("adapter")), own) for own in members.values() if isinstance(own, Mapping))
    return ((name, options),)


def measurers_in(name: str, options: Mapping[str, Any]) -> dict[str, str]:
    """By laboratory of a section that only makes plates, as the record calls it, the adapter that measures them."""
    members = options.get("laboratories") if name == "several" else {name: {**options, "adapter": name}}
    found = {}
    for called, own in members.items() if isinstance(members, Mapping) else ():
        if isinstance(own, Mapping) and makes_plates(str(own.get("adapter"))):
            found[str(called)] = str((own.get("measured_by") or {"adapter": "manual"}).get("adapter"))
    return found


def repeats(name: str, options: Mapping[str, Any]) -> bool:
    """Whether what it measures comes out the same each time: its module says ``REPEATS``, or all of its members do."""
    if name == "several" and isinstance(members := options.get("laboratories"), Mapping):
        return all(isinstance(own, Mapping) and repeats(str(own.get("adapter")), own) for own in members.values())
    return name in _TABLE and getattr(import_module(module_of(name)), "REPEATS", False)


def total_energies(name: str, options: Mapping[str, Any]) -> frozenset[str]:
    """What it measures that is a total energy of a structure: ``TOTALS`` of its module, without the file's own."""
    if name not in _TABLE:
        return frozenset()
    known: frozenset[str] = getattr(import_module(module_of(name)), "TOTALS", frozenset())
    own = options.get("parse")
    return known.difference(own) if isinstance(own, Mapping) else known


def methods_in(name: str, options: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """How each laboratory of a section that calculates does so, by its name: every option on which its numbers depend.

    Those of ``several`` have their own names. The module of one that calculates says ``HOW``: the model of its options,
    whose defaults count as said, and the options on which no number depends.
    """
    members = options.get("laboratories") if name == "several" else None
    named = members.items() if isinstance(members, Mapping) else [(name, {**options, "adapter": name})]
    found: dict[str, Mapping[str, Any]] = {}
    for called, own in named:
        adapter = str(own.get("adapter")) if isinstance(own, Mapping) else ""
        how = getattr(import_module(module_of(adapter)), "HOW", None) if adapter in _TABLE else None
        if how is not None:
            model, aside = how
            defaults = {n: f.get_default(call_default_factory=True) for n, f in model.model_fields.items()}
            said = {**defaults, **own}
            found[str(called)] = {n: value for n, value in said.items() if n not in aside | {"when"}}
    return found


def _without(lists: Sequence[str], name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options without those in these lists of the adapter's module, and so of each laboratory that it has."""
    module = import_module(module_of(name)) if name in _TABLE else None
    free: frozenset[str] = frozenset().union(*(getattr(module, kind, ()) for kind in lists))
    kept = {option: value for option, value in options.items() if option not in free}
    if name == "several" and isinstance(members := options.get("laboratories"), Mapping):
        kept["laboratories"] = {
            member: _without(lists, str(own.get("adapter")), own) if isinstance(own, Mapping) else own
            for member, own in members.items()
        }
    if isinstance(measurer := kept.get("measured_by"), Mapping) and name in _TABLE:
        kept["measured_by"] = _without(lists, str(measurer.get("adapter", "manual")), measurer)
    if hasattr(module, "HOW") and "run_on" in kept:
        kept["run_on"] = _where(kept["run_on"])
    return kept


def _where(run_on: Any) -> Any:
    """Where calculations run, without how their jobs are submitted to Slurm; which of several clusters stays."""
    own = {} if run_on == "slurm" else run_on.get("slurm") if isinstance(run_on, Mapping) and len(run_on) == 1 else None
    if not isinstance(own, Mapping):
        return run_on
    extra = own.get("extra")
    clusters = [option for option in extra if str(option).startswith("--cluster")] if isinstance(extra, list) else []
    return {"slurm": clusters}


def module_of(name: str) -> str:
    """The module behind a name in the table."""
    return _TABLE[name][0].partition(":")[0]


def describe() -> tuple[tuple[str, str], ...]:
    """Name and one-line summary of every adapter, sorted by name."""
    return tuple((name, summary) for name, (_, summary) in sorted(_TABLE.items()))
