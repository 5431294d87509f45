"""The robot's memory and the answers that it gives; nothing here speaks HTTP."""

from __future__ import annotations

import ast
import fcntl
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from adapters.common.durable import replace
from adapters.opentrons.protocol import plan_in

CALIBRATED: Final = "2026-01-01T00:00:00+00:00"
MOST_RUNS: Final = 20  # robot-server's own default, as below
MOST_UNUSED_PROTOCOLS: Final = 5
ACTIVE: Final = frozenset({"running", "paused", "finishing", "stop-requested"})
Answer = tuple[int, dict[str, Any]]


class StandIn:
    """The robot's state in a folder; any number of objects and processes may share it.

    Attributes:
        looks: How many looks at a run that was played bring it to its end.
        trouble: Called with method, path and moment ("before" or "after" the request takes effect); what it raises
            is a lost request or a lost reply.
    """

    def __init__(
        self,
        folder: Path,
        *,
        machine: str = "OT-2",
        pipettes: Mapping[str, str] | None = None,
        looks: int = 2,
        trouble: Callable[[str, str, str], None] = lambda *_: None,
    ) -> None:
        self.folder, self.machine, self.looks, self.trouble = folder, machine, looks, trouble
        self.pipettes = dict(pipettes or {})  # by mount; all of them calibrated
        self.deck = "OK"  # how its deck was calibrated
        self.stubborn = ""  # "refuses": it does not take a stop now; "slow": it takes it, and goes on for a while
        folder.mkdir(parents=True, exist_ok=True)

    # What a test or a day of faults does to it.

    def is_hot(self) -> bool:
        """Whether the module under a plate heats."""
        with self._changing() as state:
            return bool(state.get("hot"))

    def restart(self) -> None:
        """Off and on again: the run in memory is gone, its row stays."""
        with self._changing() as state:
            state["current"] = None

    def fail(self, words: str = "pipette left: no tip was picked up", *, before: bool = False) -> None:
        """The run that is active, or the next one, fails midway; ``before`` any liquid was drawn."""
        with self._changing() as state:
            state["fails"], state["before"] = words, before

    def stop_by_hand(self) -> None:
        """Somebody presses stop on the robot's screen."""
        with self._changing() as state:
            if run := self._current(state):
                run["status"] = "stopped"

    def press(self, action: str) -> None:
        """Somebody presses ``play`` or ``pause`` on the screen, on the current run."""
        with self._changing() as state:
            if run := self._current(state):
                self._act(state, run["id"], action)

    def other_runs(self, number: int) -> None:
        """Other people run their protocols; the oldest runs are forgotten."""
        with self._changing() as state:
            for _ in range(number):
                run = self._new_run(state, None)
                run["actions"].append({"actionType": "play"})
                run["status"] = "succeeded"

    def runs_of(self, attempt: str) -> int:
        """How often an experiment was really carried out, by the key of its attempt."""
        return self.moved()[attempt]

    def moved(self) -> Counter[str]:
        """How often each attempt was really begun, by key."""
        return self._counted("moved.jsonl")

    def spared(self) -> Counter[str]:
        """How often each attempt was begun in a run that failed before it drew any liquid, by key."""
        return self._counted("spared.jsonl")

    def _counted(self, name: str) -> Counter[str]:
        path = self.folder / name
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return Counter(key for line in lines for key in json.loads(line))

    # The API.

    def answer(self, method: str, path: str, body: Any = None) -> Answer:
        """What it answers; ``body`` is what the request carries, of an upload the form's fields."""
        self.trouble(method, path, "before")
        with self._changing() as state:
            said = self._answer(state, method, path.partition("?")[0], body)
        self.trouble(method, path, "after")
        return said

    def _answer(self, state: dict[str, Any], method: str, path: str, body: Any) -> Answer:
        parts = path.strip("/").split("/")
        data = (body or {}).get("data", {}) if isinstance(body, dict) else {}
        match (method, *parts):
            case ("GET", "health"):
                model = {"OT-2": "OT-2 Standard", "Flex": "OT-3 Standard"}[self.machine]
                return 200, {
                    "name": "stand-in",
                    "robot_model": model,
                    "api_version": "8.8.2",
                    "robot_serial": "STANDIN",
                }
            case ("GET", "calibration", "status"):
                return 200, {"deckCalibration": {"status": self.deck}}
            case ("GET", "calibration", "pipette_offset"):
                offset = {"lastModified": CALIBRATED, "status": {"markedBad": False}}
                return 200, {"data": [{"mount": m, "pipette": m.upper(), **offset} for m in self.pipettes]}
            case ("GET", "pipettes"):
                named = {m: {"name": n, "id": m.upper()} for m, n in self.pipettes.items()}
                return 200, {"left": {"name": None}, "right": {"name": None}, **named}
            case ("GET", "instruments"):
                told = {"calibratedOffset": {"last_modified": CALIBRATED}}
                there = self.pipettes.items()
                return 200, {"data": [{"mount": m, "instrumentName": n, "ok": True, "data": told} for m, n in there]}
            case ("GET", "modules"):
                return 200, {"data": [{"id": "module-1", "moduleType": "heaterShakerModuleType"}]}
            case ("POST", "commands"):
                if (current := self._current(state)) and current["status"] in ACTIVE:
                    return _conflict("RunActive", f"Run {current['id']} is active")
                state["hot"] = state.get("hot", False) and data.get("commandType") != "heaterShaker/deactivateHeater"
                return 201, {"data": {"status": "succeeded"}}
            case ("GET", "protocols"):
                return 200, {"data": [_shown(p) for p in state["protocols"]]}
            case ("POST", "protocols"):
                return self._upload(state, body)
            case ("GET", "protocols", id_, *rest) if rest in ([], ["analyses"]):
                found = next((p for p in state["protocols"] if p["id"] == id_), None)
                if found is None:
                    return _missing("Protocol", id_)
                return 200, {"data": [found["analysis"]] if rest else _shown(found)}
            case ("GET", "runs"):
                return 200, {"data": [self._tell(state, r) for r in state["runs"]]}
            case ("POST", "runs"):
                return self._create(state, data)
            case (_, "runs", id_, *rest):
                run = next((r for r in state["runs"] if r["id"] == id_), None)
                return _missing("Run", id_) if run is None else self._of_run(state, run, method, rest, data)
        return 404, {"errors": [{"id": "NotFound", "title": "Not Found", "detail": f"no {method} {path}"}]}

    def _of_run(self, state: dict[str, Any], run: dict[str, Any], method: str, rest: list[str], data: Any) -> Answer:
        match (method, *rest):
            case ("GET",):
                self._go_on(state, run)
                return 200, {"data": self._tell(state, run)}
            case ("GET", "commands"):
                done = [{"commandType": "home", "status": "succeeded"}] if run["actions"] else []
                done += [{"commandType": "aspirate", "status": "succeeded"}] if run.get("drew") else []
                return 200, {"data": done, "meta": {"totalLength": len(done)}}
            case ("POST", "actions"):
                return self._act(state, run["id"], str(data.get("actionType")))
            case ("PATCH",):
                if state["current"] != run["id"]:
                    return _conflict("RunStopped", f"Run {run['id']} is not the current run")
                if run["status"] in ACTIVE:
                    return _conflict("RunNotIdle", "Run is currently active.")
                self._archive(state)
                return 200, {"data": self._tell(state, run)}
            case ("DELETE",):
                if state["current"] == run["id"] and run["status"] in ACTIVE:
                    return _conflict("RunNotIdle", "Run is currently active.")
                state["runs"].remove(run)
                state["current"] = None if state["current"] == run["id"] else state["current"]
                return 200, {}
        return 404, {"errors": [{"id": "NotFound", "detail": f"no {method}"}]}

    def _upload(self, state: dict[str, Any], form: Mapping[str, Any]) -> Answer:
        text = str(form["files"])
        sha = hashlib.sha256(text.encode()).hexdigest()
        if known := next((p for p in state["protocols"] if p["sha"] == sha), None):
            return 200, {"data": _shown(known)}
        metadata, requirements = _assigned(text, "metadata"), _assigned(text, "requirements")
        if requirements.get("robotType") != self.machine:
            return 422, {"errors": [{"id": "ProtocolRobotTypeMismatch", "detail": f"this robot is a {self.machine}"}]}
        in_use = {r["protocolId"] for r in state["runs"]}
        unused = [p for p in state["protocols"] if p["id"] not in in_use]
        for old in unused[: max(len(unused) - MOST_UNUSED_PROTOCOLS + 1, 0)]:
            state["protocols"].remove(old)
        made = {
            "id": self._id(state, "protocol"),
            "key": form.get("key"),
            "sha": sha,
            "metadata": metadata,
            "text": text,
        }
        made["analysis"] = {"id": f"{made['id']}-analysis", "status": "completed", "result": "ok", "errors": []}
        state["protocols"].append(made)
        return 201, {"data": _shown(made)}

    def _create(self, state: dict[str, Any], data: Mapping[str, Any]) -> Answer:
        wanted = data.get("protocolId")
        if wanted is not None and not any(p["id"] == wanted for p in state["protocols"]):
            return _missing("Protocol", str(wanted))
        if (current := self._current(state)) and current["status"] in ACTIVE:
            return _conflict("RunAlreadyActive", f"Run {current['id']} is active")
        run = self._new_run(state, wanted)
        run["labwareOffsets"] = data.get("labwareOffsets") or []
        return 201, {"data": self._tell(state, run)}

    def _new_run(self, state: dict[str, Any], protocol: str | None) -> dict[str, Any]:
        self._archive(state)
        run: dict[str, Any] = {"id": self._id(state, "run"), "protocolId": protocol, "status": "idle"}
        run |= {"actions": [], "errors": []}
        run |= {"looks": 0, "archived": False}
        state["runs"].append(run)
        del state["runs"][: max(len(state["runs"]) - MOST_RUNS, 0)]
        state["current"] = run["id"]
        return run

    def _act(self, state: dict[str, Any], id_: str, action: str) -> Answer:
        run = next(r for r in state["runs"] if r["id"] == id_)
        if state["current"] != id_:
            return _conflict("RunStopped", f"Run {id_} is not the current run")
        allowed = {"play": {"idle", "paused", "running"}, "pause": {"running"}, "stop": {"idle", *ACTIVE}}.get(
            action, set()
        )
        if run["status"] not in allowed:
            return _conflict("RunActionNotAllowed", f"a run that is {run['status']} cannot {action}")
        if action == "stop" and self.stubborn == "refuses":
            return _conflict("RunActionNotAllowed", "the robot is finishing an action; ask again")
        if action == "play" and run["status"] == "idle":
            self._begin_to_move(state, run)
        stopped = "stop-requested" if self.stubborn == "slow" else "stopped"
        run["status"] = {"play": "running", "pause": "paused", "stop": stopped}[action]
        run["actions"].append({"actionType": action})
        return 201, {"data": {"actionType": action}}

    def _begin_to_move(self, state: dict[str, Any], run: dict[str, Any]) -> None:
        plan = self._count(state, run, "moved.jsonl")
        state["hot"] = any(action["do"] == "heat" for action in (plan or {}).get("actions", ()))

    def _count(self, state: dict[str, Any], run: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
        """Write down the attempts of a run; returns its plan."""
        protocol = next((p for p in state["protocols"] if p["id"] == run["protocolId"]), None)
        plan = None if protocol is None else plan_in(protocol["text"])
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(sorted((plan or {}).get("wells", {}).values())) + "\n")
        return plan

    def _go_on(self, state: dict[str, Any], run: dict[str, Any]) -> None:
        if run["status"] == "stop-requested" and self.stubborn != "slow":
            run["status"] = "stopped"
        if run["status"] != "running" or state["current"] != run["id"]:
            return
        run["looks"] += 1
        if state["fails"] and run["looks"] * 2 >= self.looks:
            run["status"], run["errors"] = "failed", [{"errorType": "ProtocolError", "detail": state["fails"]}]
            run["drew"] = not state.get("before")
            if not run["drew"]:
                self._count(state, run, "spared.jsonl")
            state["fails"] = ""
        elif run["looks"] >= self.looks:
            run["status"], state["hot"] = "succeeded", False

    def _tell(self, state: dict[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
        is_current = state["current"] == run["id"]
        told = {k: run[k] for k in ("id", "protocolId", "status", "actions", "errors")} | {
            "current": is_current,
            "ok": True,
        }
        if is_current or run["archived"]:
            return told
        lost = {
            "id": "RunDataError",
            "title": "Run Data Error",
            "detail": "There was no engine state data for this run.",
        }
        return told | {"ok": False, "status": "stopped", "errors": [], "dataError": lost}

    def _archive(self, state: dict[str, Any]) -> None:
        """The current run becomes history, with its record; one that was never played is stopped by that."""
        if run := self._current(state):
            run["archived"] = True
            run["status"] = "stopped" if run["status"] == "idle" else run["status"]
        state["current"] = None

    def _current(self, state: dict[str, Any]) -> dict[str, Any] | None:
        return next((r for r in state["runs"] if r["id"] == state["current"]), None)

    def _id(self, state: dict[str, Any], kind: str) -> str:
        state["made"] += 1
        return f"{kind}-{state['made']}"

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        path = self.folder / "robot.json"
        with (self.folder / "robot.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            empty: dict[str, Any] = {"made": 0, "current": None, "fails": "", "protocols": [], "runs": []}
            state = json.loads(path.read_text(encoding="utf-8")) if path.exists() else empty
            yield state
            replace(path, json.dumps(state), is_durable=False)


def _shown(protocol: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in protocol.items() if k not in ("text", "sha", "analysis")} | {
        "analysisSummaries": [{"id": protocol["analysis"]["id"], "status": protocol["analysis"]["status"]}]
    }


def _assigned(text: str, name: str) -> dict[str, Any]:
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            found = ast.literal_eval(node.value)
            return found if isinstance(found, dict) else {}
    return {}


def _missing(what: str, id_: str) -> Answer:
    return 404, {"errors": [{"id": f"{what}NotFound", "title": f"{what} Not Found", "detail": f"{id_} was not found."}]}


def _conflict(id_: str, detail: str) -> Answer:
    return 409, {"errors": [{"id": id_, "title": id_, "detail": detail}]}
