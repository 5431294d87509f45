"""A process that forks a ``hakken`` for each request, so that what it imports is imported once and not for every kill.

Reads one JSON object a line: ``words`` of the command, and ``environ``. The child says its number on a line, and then
what the command says; once it has ended, its exit status follows, negative for a signal.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import traceback

from flows.cli import main as hakken


def main() -> None:
    for name in ("flows.service.application", "flows.service.serving", "loop.planner", "uvicorn"):
        importlib.import_module(name)
    gc.freeze()  # a child that looks through it for garbage copies it all
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(**json.loads(line))
        print(f"ended: {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}", flush=True)


def _become(words: list[str], environ: dict[str, str]) -> None:
    code = 1
    try:
        print(os.getpid(), flush=True)
        os.environ.update(environ)
        sys.argv = ["hakken", *words]
        hakken()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
