"""Makes the golden record of a schema: ``python tests/flows/golden/make.py tests/flows/golden/SCHEMA.sqlite``.

Two campaigns, run by the engine itself: ``people``, with refusals, an edit, a pin, a ban and a safety stop, and
``wells``, on plates and with a model. Run it once for each schema, before that changes again; a golden file, once
committed, is never made anew. Times and identifiers are those of the day it was made.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

sys.path.insert(0, str(Path(__file__).parents[3]))

from flows.engine import add_campaign, approve, ban, edit, halt, lift_halt, pin, retract, run, tell, tick
from flows.engine.looking.view import View
from flows.settings import Settings
from flows.wiring import open_record

PEOPLE: dict[str, Any] = {
    "campaign": "people",
    "space": {
        "solvent": {"type": "category", "options": ["water", "DMF", "MeCN", "EtOH"]},
        "base": {"type": "category", "options": ["KOAc", "CsOPiv", "DBU"]},
        "step": {"type": "number", "values": [1, 2, 3, 4, 5]},
    },
    "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
    "planner": {"surrogate": "random", "batch": 3, "initial": {"design": "random", "experiments": 4}, "seed": 7},
    "budget": {"experiments": 9},
    "laboratory": {"adapter": "simulated", "approval": "person"},
}
WELLS: dict[str, Any] = {
    **PEOPLE,
    "campaign": "wells",
    "plate": {
        "rows": 2,
        "columns": 3,
        "share": {"step": "row"},
        "controls": {"wells": 1, "settings": {"solvent": "water", "base": "KOAc"}},
    },
    "planner": {"surrogate": "gp", "initial": {"experiments": 6}, "seed": 7},
    "budget": {"experiments": 12},
    "laboratory": {"adapter": "simulated"},
}


def add(settings: Settings, spec: dict[str, Any]) -> str:
    """Write a campaign file beside the record and open it."""
    path = settings.home.parent / f"{spec['campaign']}.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    return add_campaign(settings, path)


def go_on(settings: Settings, name: str) -> None:
    """Run until the campaign is over, or only a person can go on."""
    run(settings, name, on_tick=lambda _: None, poll=0.01, max_seconds=60)


def fill(settings: Settings) -> None:
    """Both campaigns, run to their ends."""
    name = add(settings, PEOPLE)
    told = settings.home.parent / "told.csv"
    told.write_text("solvent,base,step,yield,plate\nDMF,KOAc,1,<5,P7\nDMF,DBU,1,44,P7\n", encoding="utf-8")
    first, _ = tell(settings, name, told, by="bob").observations
    retract(settings, name, first, by="bob", why="wrong vial")
    tick(settings, name)
    approve(settings, name, 1, by="ada", refuse=True, only=[1], meaning="cannot", why="it decomposes")
    with open_record(settings) as ledger:
        second = next(p for p in ledger.proposals(name, 1) if p.draft.run_order == 1)
    step = 5.0 if second.draft.candidate.settings["step"] != 5.0 else 4.0
    edit(settings, name, 1, 2, [f"step={step}"], by="ada", why="more of it")
    approve(settings, name, 1, by="ada")
    pin(settings, name, ["solvent=EtOH", "base=DBU", "step=2"], by="bob", why="a hunch")
    ban(settings, name, ["solvent=water"], by="bob", why="no water today")
    for _ in range(6):
        go_on(settings, name)
        with open_record(settings) as ledger:
            waiting = View(ledger, name).undecided
        if not waiting:
            break
        approve(settings, name, waiting[0].round_number, by="ada")
    pressed, _, _ = halt(settings, name, by="bob", why="it smells of gas")
    lift_halt(settings, name, [pressed.number], by="ada", why="the valve was closed")
    go_on(settings, add(settings, WELLS))


def main(path: Path) -> None:
    """Leave one file: no log beside it."""
    with tempfile.TemporaryDirectory() as folder, mock.patch("socket.gethostname", return_value="golden"):
        home = Path(folder) / "runs"
        os.chdir(folder)  # so that no path of this machine goes on record
        settings = Settings(Path("runs"), by="tester")
        fill(settings)
        shutil.copy(home / "hakken.db", path)
        for log in home.glob("hakken.db-wal"):
            shutil.copy(log, path.with_name(path.name + "-wal"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA page_size = 1024")  # most of its tables hold a few rows
        connection.execute("VACUUM")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
