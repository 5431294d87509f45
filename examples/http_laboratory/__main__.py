"""``python -m examples.http_laboratory``: a laboratory on this machine, on a simulated bench.

The environment says what is secret: ``LAB_TOKEN`` (every request must bring it) and ``LAB_KEY`` (signs messages).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import uvicorn

from .bench import Bench
from .server import application
from .store import Store


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.http_laboratory", description="A simulated laboratory.")
    parser.add_argument("--folder", type=Path, default=Path("runs/http_laboratory"), help="where it remembers")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--seconds", type=float, default=0.2, help="that each experiment takes")
    parser.add_argument("--key-id", default="k1", help="name of the key in LAB_KEY")
    parser.add_argument("--notify", action="append", default=[], help="messages may go to addresses that begin so")
    given = parser.parse_args()
    secret = os.environ.get("LAB_KEY", "")
    if given.notify and not secret:
        parser.error("--notify sends signed messages: set LAB_KEY to the key that signs them")
    app = application(
        Store(given.folder),
        Bench(given.folder, given.seconds),
        token=os.environ.get("LAB_TOKEN", ""),
        key_id=given.key_id,
        secret=secret,
        allowed=tuple(given.notify),
    )
    print(f"a simulated laboratory at http://127.0.0.1:{given.port}, which remembers in {given.folder}", flush=True)
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
