"""What the files in ``data`` hold, written from the programs that made them and not from what is read.

Each row is an experiment: its settings, and its values by target, or the kind of its fault and what is said of it.
Numbers are compared exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

Row: TypeAlias = tuple[dict[str, Any], Any]


@dataclass(frozen=True)
class File:
    """A file of ``data``, what has to be said with it, and what it holds."""

    name: str
    format: str
    campaign: str
    rows: tuple[Row, ...]
    words: tuple[str, ...] = ()  # further words of the command
    pending: int = 0
    batch: int = 5
    is_planned: bool = True  # False: another file makes the same campaign, and planning it once is enough

    @property
    def id(self) -> str:
        return " ".join((self.name, *self.words[1:2]))


def with_(base: dict[str, Any], /, **changed: Any) -> dict[str, Any]:
    """The settings with some changed; an underscore stands for a space."""
    return base | {name.replace("_", " "): value for name, value in changed.items()}


LIGANDS = {"ligand": "PPh3", "solvent": "DMAc", "temperature": 105.0, "additive": "LiCl", "equivalents": 0.5}
REACTION: tuple[Row, ...] = (
    (LIGANDS, {"yield": 12.345678901234567}),
    (LIGANDS, {"yield": 13.1}),
    (LIGANDS, {"yield": 13.1}),
    ({"ligand": "XPhos", "solvent": "water", "temperature": 90.0, "additive": "none"}, {"yield": 0.0}),
)
COUPLED = {
    "temperature": 33.333333333333336, "solvent": "DMF", "loading": 0.1, "equivalents": 2.0, "concentration": 0.3,
    "stages": 4.0, "dry": "True",
}  # fmt: skip
COUPLING: tuple[Row, ...] = (
    (COUPLED, {"conversion": (12.5, 0.25), "cost": (3.0, 0.0), "impurity": (1.0, 0.05)}),
    (COUPLED, {"conversion": 13.75, "cost": (3.0, 0.0), "impurity": (1.0, 0.05)}),
    (
        with_(COUPLED, temperature=60.0, solvent="water", concentration=0.1 + 0.2),
        {"conversion": 0.0, "cost": 1e-05, "impurity": 0.0},
    ),
    (with_(COUPLED, temperature=70.0, solvent="THF"), "unknown: failed: needle clogged"),
    (with_(COUPLED, temperature=80.0), "cancelled: abandoned"),
    (with_(COUPLED, temperature=90.0), "cancelled: stopped early; conversion 2.5 at its last step"),
)
OLD_COUPLING = tuple((s, v.removesuffix(": needle clogged") if isinstance(v, str) else v) for s, v in COUPLING)
FLOWING = {"x 1": 0.25, "flow": 1.5, "site": "here"}
BATCHES: tuple[Row, ...] = (
    (FLOWING, {"cost": (4.5, 0.1), "purity": (95.0, 0.1)}),
    (with_(FLOWING, x_1=1.25, site="there"), {"cost": (4.5, 0.1), "purity": (95.0, 0.1)}),
    (with_(FLOWING, x_1=0.75), {"cost": (5.0, 0.1), "purity": (75.0, 0.1)}),
    (
        with_(FLOWING, x_1=1.75, site="there"),
        "unknown: completed, and no target has a value where it comes from",
    ),
)
WEIGHTED: tuple[Row, ...] = ((FLOWING, {"gain": (4.5, 0.1), "loss": (1.0, 0.1)}),)
STUDIED = {
    "temperature": 96.10000000000001, "loading": 0.013807146000477775, "equivalents": 3.0, "stirring": 150.0,
    "solvent": "DMF",
}  # fmt: skip
STUDY: tuple[Row, ...] = (
    (STUDIED, {"value": 12.345678901234567}),
    (STUDIED, {"value": 13.5}),
    (STUDIED, {"value": 13.5}),
    (with_(STUDIED, solvent="water", water_content=0.1 + 0.2 - 0.2), {"value": 0.0}),
    (with_(STUDIED, solvent="None", equivalents=5.0), {"value": -1e-05}),
    (with_(STUDIED, solvent="3"), {"value": 7.0}),
    (with_(STUDIED, solvent="True"), {"value": 8.0}),
    (with_(STUDIED, temperature=30.0), "cancelled: pruned at step 2, where it stood at 0.75"),
    (with_(STUDIED, temperature=40.0), "unknown: failed"),
)
FRONT: tuple[Row, ...] = tuple(
    ({"x": x}, {"yield": x, "cost": 2 * x, "constraint 0": x - 0.5}) for x in (0.25, 1 / 3, 0.75)
)
SCOPE = {"base": "CC(=O)[O-].[K+]", "solvent": "CC(=O)N(C)C", "concentration": 0.057, "temperature": 90.0}
SLOTS: tuple[Row, ...] = (  # as BayBE has them: in any order
    ({"solvent 1": "DMSO", "share 1": 0.75, "solvent 2": "water", "share 2": 0.25, "salt 1": "KCl", "salt 2": "NaCl"},
     {"yield": 41.5}),
    ({"solvent 1": "DMSO", "share 1": 0.5, "solvent 2": "MeCN", "share 2": 0.5, "salt 1": "CsCl", "salt 2": "KCl"},
     {"yield": 12.0}),
    ({"solvent 1": "water", "share 1": 1.0, "share 2": 0.0, "salt 1": "CsCl", "salt 2": "NaCl"}, {"yield": 7.0}),
)  # fmt: skip
SCOPED: tuple[Row, ...] = (
    (SCOPE, {"yield": 5.47}),
    (with_(SCOPE, base="CC(C)(C)C(=O)[O-].[Cs+]", concentration=0.1, temperature=105.0), {"yield": 0.0}),
    (
        with_(SCOPE, base="CC(C)(C)C(=O)[O-].[Cs+]", solvent="CCCC#N", concentration=0.153, temperature=120.0),
        {"yield": 12.345678901234567},
    ),
    (SCOPE, {"yield": 5.9}),
)
TWO: tuple[Row, ...] = (
    ({"ligand": "dppf", "temperature": 80.0}, {"cost": 0.25}),
    ({"ligand": "XPhos", "temperature": 60.0}, {"yield": 71.5, "cost": 0.125}),
    ({"ligand": "PPh3", "temperature": 60.0}, {"yield": 0.001, "cost": 0.5}),
)
AMINATED = {
    "base in DMSO": "Cs2CO3", "catalyst": "XPhos", "catalyst amount": 1.5, "salt": "none", "temperature": 60.0,
    "time": 16.0,
}  # fmt: skip
AMINATIONS: tuple[Row, ...] = (
    (AMINATED, {"yield": (45.25, 0.5)}),
    (AMINATED, {"yield": 47.125}),
    (with_(AMINATED, catalyst="PPh3", catalyst_amount=3.0, salt="LiCl"), {"yield": 0.0}),
    (
        with_(AMINATED, base_in_DMSO="DBU", catalyst="PPh3", temperature=80.5, time=2.0),
        {"yield": 12.345678},
    ),
    (with_(AMINATED, base_in_DMSO="DBU", catalyst_amount=3.0, salt="LiCl", temperature=80.5), {"yield": 99.9}),
)
TABLED = {"ligand": "XPhos", "temperature": 60.0, "stirring": 300.0}
TABLE: tuple[Row, ...] = (
    (TABLED, {"yield": (12.345678901234567, 0.5)}),
    (TABLED, {"yield": 12.345678901234567}),
    (with_(TABLED, ligand="PPh3", temperature=80.0), "negative: no product (yield < 1.0)"),
    (with_(TABLED, ligand="PPh3", stirring=450.0), {"yield": 0.0}),
    (with_(TABLED, ligand="dppf", temperature=80.0, stirring=450.0), "instrument_fault: needle clogged"),
)

FILES = (
    *(
        File(f"baybe_reaction_{v}.json", "baybe", f"baybe_reaction_{v}", REACTION, (), 3, 3, v == "0.15.0")
        for v in ("0.13.2", "0.14.3", "0.15.0")
    ),
    File(
        "baybe_process_0.15.0.json",
        "baybe",
        "baybe_process_0.15.0",
        (
            ({"a": 0.1 + 0.2, "b": 0.7, "c": 0.0, "flow": 1 / 3}, {"output": 5.0, "waste": 0.25}),
            ({"a": 0.0, "b": 0.5, "c": 0.5, "flow": 2.9999999999999996}, {"output": 7.5, "waste": 1e-05}),
        ),
    ),
    File(
        "baybe_blend_0.15.0.json",
        "baybe",
        "baybe_blend_0.15.0",
        (
            (
                {"polymer": "P1", "slot 1": "A", "slot 2": "B", "x": 1.0, "y": 2.0, "site": "here"},
                {"strength": 31.5, "viscosity": 19.0, "price": 3.0},
            ),
            (
                {"polymer": "P3", "slot 1": "C", "slot 2": "A", "x": 2.0, "y": 2.0, "site": "there"},
                {"strength": 0.0, "viscosity": 40.0, "price": 3.0},
            ),
        ),
    ),
    File(
        "baybe_scores_0.15.0.json",
        "baybe",
        "baybe_scores_0.15.0",
        (
            ({"left": "A", "right": "B", "t": 20.0}, {"works": 1.0}),
            ({"left": "B", "right": "A", "t": 40.0}, {"works": 0.0}),
        ),
    ),
    File(
        "baybe_linked_0.15.0.json",
        "baybe",
        "baybe_linked_0.15.0",
        (({"one": "A", "two": "A", "three": "B"}, {"yield": -1.5}),),
    ),
    File("baybe_slots_0.15.0.json", "baybe", "baybe_slots_0.15.0", SLOTS),
    File("ax_coupling_1.3.1.json", "ax", "amide_coupling", COUPLING, pending=1),
    File("ax_coupling_1.0.0.json", "ax", "amide_coupling", OLD_COUPLING, pending=1, is_planned=False),
    File("ax_batches_1.3.1.json", "ax", "batches", BATCHES),
    File("ax_batches_1.0.0.json", "ax", "batches", BATCHES, is_planned=False),
    File("ax_weighted_1.3.1.json", "ax", "batches", WEIGHTED),
    File("ax_weighted_1.0.0.json", "ax", "batches", WEIGHTED, is_planned=False),
    File("optuna_studies.db", "optuna", "coupling", STUDY, ("--study", "coupling"), pending=2),
    File("optuna_studies.db", "optuna", "front", FRONT, ("--study", "front")),
    File("edbo_scope.csv", "edbo", "edbo_scope", SCOPED, pending=6, batch=6),
    File("edbo_two.csv", "edbo", "edbo_two", TWO, ("--target", "yield", "--target", "cost:minimize"), 1, 1),
    File("ord_aminations.pb.gz", "ord", "aminations", AMINATIONS, pending=1),
    File("ord_aminations.pbtxt", "ord", "aminations", AMINATIONS, pending=1, is_planned=False),
    File("ord_aminations.json", "ord", "aminations", AMINATIONS, pending=1, is_planned=False),
    File("table.csv", "csv", "table", TABLE, ("--target", "yield")),
)
