"""A process that forks a new engine process for each request, so that Python starts once and not for every kill.

Reads one JSON object a line: ``home``, ``campaign``, ``environ``, ``page`` (draw the page?), ``do`` (run, or
train, tell, approve, ingest, reanalyse, ask, told, halt, add with ``arguments``). Answers with the child's exit
status, negative for a signal.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows import engine
from flows.engine import passes, running
from flows.engine.steps.training import train_round
from flows.settings import Settings
from tests.flows.engine.bench import add, cheap_planner, resolve_doubts, story_of, write
from tests.flows.statements import compile_once

ROOT = Path(__file__).parents[3]
PAGE = passes.write_page
PASSES = 4  # an engine that finds a doubt waits for a person before it comes to its label


class Zygote:
    """The test's end of it."""

    def __init__(self) -> None:
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.flows.engine.zygote"],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, home: Path, do: str = "run", *, kill_after: float | None = None, **more: Any) -> int:
        """Run one engine process to its end and return its exit status."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"home": str(home), "do": do, "environ": {}, **more}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        timer = None if kill_after is None else threading.Timer(kill_after, _kill, [child])
        if timer is not None:
            timer.start()
        status = int(self._process.stdout.readline())
        if timer is not None:
            timer.cancel()
        return status

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=120)


def killed_at_each(
    zygote: Zygote, settings: Settings, labels: Sequence[str], runs: Callable[[], Mapping[str, int]]
) -> tuple[dict[str, int], int]:
    """Run a campaign to its end by an engine that is killed once at each label, while a person ends every doubt by what
    ``runs`` says has run; returns how each engine ended, and how many doubts there were."""
    died: dict[str, int] = {}
    doubts = 0
    for label in labels:
        for _ in range(PASSES):
            died[label] = zygote.ask(settings.home, environ={"HAKKEN_CRASH_AT": label})
            doubts += resolve_doubts(settings, runs())
            if died[label]:
                break
    while story_of(settings).state[0] == "active":
        assert zygote.ask(settings.home) == 0
        doubts += resolve_doubts(settings, runs())
    return died, doubts


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def main() -> None:
    warm_up()
    gc.collect()
    gc.freeze()  # a child that looks through it for garbage copies it all
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _exit_with(request)
        print(child, flush=True)
        # Waits without reaping first, so that a late kill cannot meet another process of the same number.
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def warm_up() -> None:
    """Once, what each engine would otherwise import and compile for itself: a campaign that nobody looks at."""
    compile_once(setattr)
    passes.write_page = running.write_page = lambda _session, **_: None  # drawing costs more than all the rest
    for name in ("adapters.opentrons.adapter", "adapters.opentrons.stand_in", "httpx"):
        importlib.import_module(name)
    with TemporaryDirectory(prefix="hakken-zygote-") as folder, redirect_stdout(sys.stderr):
        settings = Settings(Path(folder) / "runs", by="tester")
        add(settings, Path(folder))
        table = write(Path(folder), "solvent,base,step,yield\nwater,DBU,1,10\nDMF,KOAc,2,20\n")
        engine.tell(settings, "small", table, by="tester")
        _run(settings, "small")


def _run(settings: Settings, name: str) -> None:
    engine.run(settings, name, on_tick=lambda _: None, planner=cheap_planner, poll=0.02)


def _exit_with(request: Mapping[str, Any]) -> None:
    code = 1
    try:
        os.dup2(2, 1)  # standard output belongs to the protocol
        do(request)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def do(request: Mapping[str, Any]) -> None:
    """One engine process's work."""
    os.environ.update(request["environ"], HAKKEN_HOME=request["home"], HAKKEN_USER="tester")
    settings = Settings.from_environment()
    if request.get("page"):
        passes.write_page = running.write_page = PAGE
    name, arguments = request.get("campaign", "small"), request.get("arguments", {})
    match request["do"]:
        case "run":
            _run(settings, name)
        case "train":
            train_round(settings, name, arguments["round"], planner=cheap_planner)
        case "tell":
            engine.tell(settings, name, arguments["file"], by="tester")
        case "approve":
            engine.approve(settings, name, arguments["round"], by="tester")
        case "ingest":
            engine.ingest_files(settings, name, [arguments["file"]], by="tester")
        case "ask":
            engine.ask(
                settings,
                name,
                arguments["experiments"],
                request=arguments["request"],
                by="robot",
                planner=cheap_planner,
            )
        case "told":
            engine.tell_result(settings, name, arguments["key"], arguments["payload"], by="robot")
            engine.give_back(settings, name, arguments["back"], by="robot")
        case "halt":
            engine.halt(settings, name, by="tester", why="it smells of gas")
        case "reanalyse":
            engine.reanalyse(settings, name, by="tester", why="a new calibration")
        case "listen":
            listen_to(settings, name, arguments["messages"])
        case "add":
            engine.add_campaign(settings, arguments["file"])


def listen_to(settings: Settings, name: str, texts: list[str]) -> None:
    """Keep messages as a door does, then take them in."""
    from flows.webhooks.inbox import Inbox
    from flows.webhooks.message import read
    from flows.webhooks.taking import take_in

    for text in texts:
        Inbox(settings, name).keep(read(text))
    take_in(settings, name)


if __name__ == "__main__":
    main()
