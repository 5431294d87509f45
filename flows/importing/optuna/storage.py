"""Optuna's storages, read by hand and without Optuna: the tables of its SQLite files and its journal files."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from flows.importing.source import ImportFault, Source

SQLITE: Final = b"SQLite format 3\0"
STATES: Final = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")  # in the order of optuna.trial.TrialState
DIRECTIONS: Final = ("NOT_SET", "MINIMIZE", "MAXIMIZE")  # of optuna.study.StudyDirection
FINISHED: Final = frozenset({"COMPLETE", "PRUNED", "FAIL"})


@dataclass
class Trial:
    """One trial: parameters as Optuna keeps them, numbers or the index of a choice."""

    number: int
    state: str
    params: dict[str, float] = field(default_factory=dict)
    distributions: dict[str, dict[str, Any]] = field(default_factory=dict)  # name and attributes
    values: dict[int, float] = field(default_factory=dict)  # by objective; NaN where it is not finite
    steps: dict[int, float] = field(default_factory=dict)  # intermediate values
    user: dict[str, Any] = field(default_factory=dict)
    system: dict[str, Any] = field(default_factory=dict)


@dataclass
class Study:
    """One study with all its trials, in their order."""

    name: str
    directions: list[str]
    trials: list[Trial] = field(default_factory=list)
    user: dict[str, Any] = field(default_factory=dict)
    system: dict[str, Any] = field(default_factory=dict)
    note: str = ""  # what is odd with its file


def is_journal(source: Source) -> bool:
    """Whether the first line is an operation of a journal."""
    return source.head.lstrip().startswith("{") and '"op_code"' in source.head.split("\n", 1)[0]


def read_studies(source: Source) -> list[Study]:
    """Every study in the file. Raises ``ImportFault``."""
    if source.data.startswith(SQLITE):
        try:
            return _from_tables(source)
        except sqlite3.Error as error:
            raise source.fault(
                f"the SQLite file cannot be read as a storage of Optuna ({error}); it may be damaged or cut short: "
                "copy it anew while nothing writes to it"
            ) from None
    return _from_journal(source)


def _from_tables(source: Source) -> list[Study]:
    uri = f"file:{quote(str(source.path.absolute()))}?mode=ro"
    connection = sqlite3.connect(uri, uri=True)
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"studies", "trials", "trial_params", "study_directions"} <= tables:
            if "experiment_v2" in tables:
                raise source.fault(
                    "a database of Ax; save the experiment as JSON there, by Client.save_to_json_file or "
                    "save_experiment, and import that"
                )
            shown = ", ".join(sorted(tables)[:8]) or "none"
            raise source.fault(f"an SQLite file, and no storage of Optuna: its tables are {shown}")
        return [_study(connection, *row) for row in connection.execute("SELECT study_id, study_name FROM studies")]
    finally:
        connection.close()


def _study(db: sqlite3.Connection, id_: int, name: str) -> Study:
    directions = db.execute("SELECT direction FROM study_directions WHERE study_id = ? ORDER BY objective", (id_,))
    study = Study(name, [d for (d,) in directions])
    for table, into in (("study_user_attributes", study.user), ("study_system_attributes", study.system)):
        into |= {
            k: json.loads(v) for k, v in db.execute(f"SELECT key, value_json FROM {table} WHERE study_id = ?", (id_,))
        }
    trials = {
        i: Trial(int(number if number is not None else i), state)
        for i, number, state in db.execute(
            "SELECT trial_id, number, state FROM trials WHERE study_id = ? ORDER BY number, trial_id", (id_,)
        )
    }

    def rows(columns: str, table: str) -> Iterable[tuple[Any, ...]]:
        of = "SELECT trial_id FROM trials WHERE study_id = ?"
        return db.execute(f"SELECT trial_id, {columns} FROM {table} WHERE trial_id IN ({of}) ORDER BY 1, rowid", (id_,))

    for i, key, value, kind in rows("param_name, param_value, distribution_json", "trial_params"):
        trials[i].params[key] = float(value)
        trials[i].distributions[key] = json.loads(kind)
    for i, objective, value in rows("objective, value", "trial_values"):
        trials[i].values[int(objective)] = math.nan if value is None else float(value)
    for i, step, value in rows("step, intermediate_value", "trial_intermediate_values"):
        trials[i].steps[int(step)] = math.nan if value is None else float(value)
    for i, key, value in rows("key, value_json", "trial_user_attributes"):
        trials[i].user[key] = json.loads(value)
    for i, key, value in rows("key, value_json", "trial_system_attributes"):
        trials[i].system[key] = json.loads(value)
    study.trials = list(trials.values())
    return study


def _from_journal(source: Source) -> list[Study]:
    """Operations one after the other, as Optuna replays them; a last line that is cut short is left out."""
    studies: list[Study | None] = []
    trials: list[Trial] = []
    note = ""
    lines = source.text.splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            _apply(json.loads(line), studies, trials)
        except json.JSONDecodeError as error:
            if number < len(lines) or not studies:
                raise source.fault(
                    f"line {number} is no operation of a journal of Optuna ({error}); copy it anew"
                ) from None
            note = f"the last line ({number}) is cut short and was left out"
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            what = f"{type(error).__name__}: {error}"
            raise source.fault(f"line {number} is no operation that this reader knows ({what}); copy it anew") from None
    found = [s for s in studies if s is not None]
    for study in found:
        study.note = note
    return found


def _apply(op: Mapping[str, Any], studies: list[Study | None], trials: list[Trial]) -> None:
    """One operation, by its code in ``optuna.storages.journal._storage.JournalOperation``.

    Workers write before they know what others wrote, and Optuna passes over what came too late: a study that there is
    already, as of each start with ``load_if_exists``, what is about a deleted study, and changes of a finished trial.
    """
    code = op["op_code"]
    if code == 0:
        if all(study is None or study.name != op["study_name"] for study in studies):
            studies.append(Study(op["study_name"], [DIRECTIONS[d] for d in op["directions"]]))
        return
    if code == 1:
        studies[op["study_id"]] = None
        return
    if code in (2, 3, 4):
        study = studies[op["study_id"]]
        if study is None:
            return
    if code in (5, 6, 7, 8, 9) and trials[op["trial_id"]].state in FINISHED:
        return
    if code == 2:
        study.user |= op["user_attr"]
    elif code == 3:
        study.system |= op["system_attr"]
    elif code == 4:
        trial = Trial(len(study.trials), STATES[op.get("state", 0)])
        trial.params |= {k: float(v) for k, v in (op.get("params") or {}).items()}
        trial.distributions |= {k: json.loads(v) for k, v in (op.get("distributions") or {}).items()}
        values = op.get("values") or ([op["value"]] if op.get("value") is not None else [])
        trial.values |= {i: float(v) for i, v in enumerate(values)}
        trial.steps |= {int(k): float(v) for k, v in (op.get("intermediate_values") or {}).items()}
        trial.user |= op.get("user_attrs") or {}
        trial.system |= op.get("system_attrs") or {}
        study.trials.append(trial)
        trials.append(trial)
    elif code == 5:
        trials[op["trial_id"]].params[op["param_name"]] = float(op["param_value_internal"])
        trials[op["trial_id"]].distributions[op["param_name"]] = json.loads(op["distribution"])
    elif code == 6:
        trials[op["trial_id"]].state = STATES[op["state"]]
        trials[op["trial_id"]].values |= {i: float(v) for i, v in enumerate(op.get("values") or ())}
    elif code == 7:
        trials[op["trial_id"]].steps[int(op["step"])] = float(op["intermediate_value"])
    elif code == 8:
        trials[op["trial_id"]].user |= op["user_attr"]
    elif code == 9:
        trials[op["trial_id"]].system |= op["system_attr"]
    else:
        raise ImportFault(f"operation {code} is unknown")
