"""Campaigns that listen to others, and what is on record of what they heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from db.ledger import open_ledger
from flows.engine import tick
from flows.settings import Settings
from loop.planner import plan as real_planner
from loop.record import RoundRecord
from tests.flows.engine.bench import add

SPACE = {
    "solvent": {"type": "component", "options": {"water": "O", "MeCN": "CC#N", "EtOH": "CCO", "PrOH": "CCCO"}},
    "base": {"type": "category", "options": ["KOAc", "DBU"]},
    "time": {"type": "number", "values": [1, 2, 4], "unit": "h"},
}
PLANNER = {"batch": 3, "initial": {"design": "random", "experiments": 3}, "surrogate": "gp"}


def campaign(settings: Settings, folder: Path, name: str, **changes: Any) -> str:
    wanted = {"campaign": name, "space": SPACE, "planner": PLANNER, "laboratory": {"adapter": "manual"}}
    return add(settings, folder / name, **{**wanted, **changes})


def table(folder: Path, rows: int = 12, name: str = "rows.csv") -> Path:
    """Results with one clear best: PrOH, DBU, 4 h."""
    lines = ["solvent,base,time,yield"]
    for i in range(rows):
        solvent, base, time = list(SPACE["solvent"]["options"])[i % 4], ["KOAc", "DBU"][i // 4 % 2], [1, 2, 4][i % 3]
        lines.append(f"{solvent},{base},{time},{20 * (i % 4) + 15 * (i // 4 % 2) + 2 * time}")
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def planned(settings: Settings, name: str) -> None:
    """One round on record, planned for real."""
    tick(settings, name, planner=real_planner)


def first_round(settings: Settings, name: str, number: int = 1) -> RoundRecord:
    with open_ledger(settings.database) as ledger:
        return ledger.round(name, number)


def extra(folder: Path, row: str) -> Path:
    path = folder / "extra.csv"
    path.write_text(f"solvent,base,time,yield\n{row}\n", encoding="utf-8")
    return path
