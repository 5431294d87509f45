"""Opentrons' simulator with its imports, which take half of each run, done once: a process of it forks for each run.

The program that stands in for ``opentrons_simulate`` hands its arguments and its streams over and ends as the run does.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

_SERVER = """\
import json, os, socket, sys
from opentrons.simulate import main

asked = socket.socket(fileno=int(sys.argv[1]))
asked.listen()
sys.stdin.close()
print("ready", flush=True)
while True:
    caller, _ = asked.accept()
    said, streams, _, _ = socket.recv_fds(caller, 1 << 16, 2)
    if said == b"end":
        break
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for stream, number in zip(streams, (1, 2)):
                os.dup2(stream, number)
            folder, sys.argv = json.loads(said)
            os.chdir(folder)
            try:
                code = main()
            except SystemExit as end:
                code = end.code
            except BaseException:
                import traceback

                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code if isinstance(code, int) else bool(code))
    for stream in streams:
        os.close(stream)
    caller.sendall(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
    caller.close()
"""
_PROGRAM = """\
#!{python} -IS
import json, os, socket, sys

caller = socket.socket(socket.AF_UNIX)
caller.connect({address!r})
said = json.dumps([os.getcwd(), sys.argv]).encode()
socket.send_fds(caller, [said], [1, 2])
code = int(caller.recv(16))
sys.exit(code if code >= 0 else 128 - code)
"""


class Simulator:
    """The program, and the process behind it."""

    def __init__(self, real: Path) -> None:
        self._folder = TemporaryDirectory(prefix="hakken-simulator-")
        self._address = os.path.join(self._folder.name, "asked")
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
        with socket.socket(socket.AF_UNIX) as asked:
            asked.bind(self._address)
            self._process = subprocess.Popen(
                [str(real.with_name("python")), "-P", "-c", _SERVER, str(asked.fileno())],
                env={**environ, "OT_API_CONFIG_DIR": self._folder.name},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                pass_fds=[asked.fileno()],
            )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.program = Path(self._folder.name) / "opentrons_simulate"
        self.program.write_text(_PROGRAM.format(python=sys.executable, address=self._address))
        self.program.chmod(0o755)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(self._address)
            caller.sendall(b"end")
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._folder.cleanup()
