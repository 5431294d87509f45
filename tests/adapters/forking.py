"""Programs whose imports take most of a run, started once: a process that has them imported forks for each run.

A small program stands in for the real one: it hands its arguments, its environment and its open files over, and ends as
the run does.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

_SERVER = """\
import importlib, json, os, runpy, socket, sys, traceback

asked = socket.socket(fileno=int(sys.argv[1]))
for name in sys.argv[2:]:
    importlib.import_module(name)
asked.listen()
print("ready", flush=True)
while True:
    caller, _ = asked.accept()
    said, files, _, _ = socket.recv_fds(caller, 1 << 20, 32)
    if said == b"end":
        break
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            asked.close()
            caller.close()
            os.dup2(files[0], 1)
            os.dup2(files[1], 2)
            folder, environ, module, sys.argv = json.loads(said)
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environ)
            try:
                runpy.run_module(module, run_name="__main__", alter_sys=True)
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
    for file in files:
        os.close(file)
    caller.sendall(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
    caller.close()
"""
_PROGRAM = """\
#!{python} -IS
import json, os, socket, sys

caller = socket.socket(socket.AF_UNIX)
files = [1, 2]
for number in range(3, 256):  # locks that the run is to hold
    if number != caller.fileno():
        try:
            os.fstat(number)
        except OSError:
            continue
        files.append(number)
caller.connect({address!r})
said = json.dumps([os.getcwd(), dict(os.environ), {module!r}, sys.argv]).encode()
socket.send_fds(caller, [said], files)
code = int(caller.recv(16))
sys.exit(code if code >= 0 else 128 - code)
"""


class Forking:
    """The module that a Python runs as a program, its imports made once; ``program`` stands in for it."""

    def __init__(self, python: Path, module: str, *imports: str, path: Path | None = None) -> None:
        self._folder = TemporaryDirectory(prefix="hakken-forking-")
        self._address = os.path.join(self._folder.name, "asked")
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
        environ |= {} if path is None else {"PYTHONPATH": str(path)}
        with socket.socket(socket.AF_UNIX) as asked:
            asked.bind(self._address)
            self._process = subprocess.Popen(
                [str(python), "-P", "-W", "ignore", "-c", _SERVER, str(asked.fileno()), *imports],
                env={**environ, "OT_API_CONFIG_DIR": self._folder.name},  # Opentrons keeps settings there
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                pass_fds=[asked.fileno()],
            )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        self.program = Path(self._folder.name) / module.rpartition(".")[2]
        self.program.write_text(_PROGRAM.format(python=sys.executable, address=self._address, module=module))
        self.program.chmod(0o755)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(self._address)
            caller.sendall(b"end")
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._folder.cleanup()


_FORKS = """\
import importlib, json, os, runpy, sys, traceback

for name in sys.argv[1:]:
    importlib.import_module(name)
ended = {}
for line in sys.stdin:
    what, number, words, environ = json.loads(line)
    if what == "start":
        number = os.fork()
        if number == 0:
            try:
                nothing = os.open(os.devnull, os.O_RDWR)
                os.dup2(nothing, 0)
                os.dup2(nothing, 1)
                os.environ.update(environ)
                sys.argv = words
                runpy.run_module(words[0], run_name="__main__", alter_sys=True)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        print(number, flush=True)
        continue
    if number not in ended:
        found, status = os.waitpid(number, 0 if what == "wait" else os.WNOHANG)
        if found:
            ended[number] = os.waitstatus_to_exitcode(status)
    print(json.dumps(ended.get(number)), flush=True)
"""


class Forks:
    """A Python with its imports made once, which forks for each start of a module as a program that is to be killed."""

    def __init__(self, *imports: str, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _FORKS, *imports],
            env={**os.environ, "PYTHONPATH": str(path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, *words: str, environ: Mapping[str, str]) -> Fork:
        """Start the module that comes first among the words, its arguments after it."""
        return Fork(self, int(self.ask("start", 0, words, environ)))

    def ask(self, what: str, number: int, words: tuple[str, ...] = (), environ: Mapping[str, str] | None = None) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([what, number, words, {**(environ or {})}]) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def close(self) -> None:
        self._process.communicate(timeout=30)


@dataclass(frozen=True)
class Fork:
    """One of them, as far as tests ask a ``Popen`` of their own."""

    _forks: Forks
    pid: int

    def poll(self) -> int | None:
        code: int | None = json.loads(self._forks.ask("poll", self.pid))
        return code

    def wait(self) -> int:
        return int(self._forks.ask("wait", self.pid))

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
