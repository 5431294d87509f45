"""Forks QCFractal's servers and managers of tests, run by QCFractal's own Python: its imports, 4 s, are made once.

Reads one JSON list a line, what to start, the file of its log and its arguments, and answers with the process's number,
which leads a group of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback

from fractal_manager import main as manage
from qcfractal import qcfractal_server_cli
from qcfractal.config import read_configuration
from qcfractal.db_socket.socket import SQLAlchemySocket
from qcportal.auth import UserInfo


def set_up(config: str, password: str, *users: str) -> None:
    """What init-db does, and user add for each ``NAME:ROLE``."""
    read = read_configuration([config])
    qcfractal_server_cli.server_init_db(read)
    known = SQLAlchemySocket(read).users
    for name, role in (user.split(":") for user in users):
        known.add(UserInfo(username=name, role=role, enabled=True), password)


def serve(config: str) -> None:
    sys.argv = ["qcfractal-server", "--config", config, "start-api"]
    qcfractal_server_cli.main()


def main() -> None:
    programs = {"set up": set_up, "server": serve, "manager": manage}
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for what was killed
    for line in sys.stdin:
        what, log, *words = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.setsid()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                opened = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
                for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), opened, opened)):
                    os.dup2(file, number)
                programs[what](*words)
                code = 0
            except SystemExit as ended:
                code = ended.code
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        print(child, flush=True)


if __name__ == "__main__":
    main()
