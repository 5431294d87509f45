"""One peer's side of the conversation: requests as JSON lines on stdin, one JSON line for each on stdout.

Run as ``python -P -m peers.worker NAME`` in the peer's environment; ``peers.Peer`` does.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TextIO

from peers import VARIANTS, Unsupported, module_of
from peers.question import Question

COMPILING = 300.0  # seconds after which nobody is compiling any more; it takes about a minute on a busy core


class Planner(Protocol):
    """A peer, made ready for one question (``planner(question)`` in each peer's module, and of which variant)."""

    def propose(self, observations: list[dict[str, Any]], q: int, seed: int) -> list[dict[str, Any]]: ...

    def recommend(self, observations: list[dict[str, Any]], seed: int) -> dict[str, Any]: ...


def answer(planners: dict[str, Planner], make: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    """The reply to one request. Nothing is raised: a fault is a reply too."""
    try:
        if request["do"] == "hear":
            planners[request["key"]] = make(Question.read(request["question"]))
            return {"heard": request["key"]}
        planner = planners[request["key"]]
        start, used = time.perf_counter(), time.process_time()
        if request["do"] == "propose":
            settings = planner.propose(request["observations"], request["q"], request["seed"])
        else:
            settings = [planner.recommend(request["observations"], request["seed"])]
        return {
            "settings": settings, "seconds": time.perf_counter() - start, "cpu": time.process_time() - used
        }  # fmt: skip
    except Unsupported as error:
        return {"error": str(error), "unsupported": True}
    except Exception as error:  # the client decides what it means
        traceback.print_exc(file=sys.stderr)
        return {"error": f"{type(error).__name__}: {error}"}


def serve(name: str, requests: TextIO, replies: TextIO) -> None:
    """Answer until stdin ends."""
    make = importlib.import_module(f"peers.{module_of(name)}").planner
    if name in VARIANTS:
        make = functools.partial(make, variant=name)
    planners: dict[str, Planner] = {}
    for line in requests:
        replies.write(json.dumps(answer(planners, make, json.loads(line))) + "\n")
        replies.flush()


def own_extensions() -> None:
    """Let BoTorch compile its kernels in the peer's environment, and not wait for a compiler that was killed.

    PyTorch guards the folder by a file that only its writer removes: a process killed there stops all others for ever.
    """
    folder = Path(os.environ.setdefault("TORCH_EXTENSIONS_DIR", os.path.join(sys.prefix, "torch_extensions")))
    for lock in folder.glob("**/lock"):
        with contextlib.suppress(FileNotFoundError):  # its writer may just have ended
            if time.time() - lock.stat().st_mtime > COMPILING:
                lock.unlink()


def main() -> None:
    """Keep stdout for replies only, and this folder's modules out of the way of the peer's own imports."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:] = [p for p in sys.path if os.path.abspath(p) != here]  # ``peers`` itself is loaded already
    own_extensions()
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(sys.argv[1], sys.stdin, replies)


if __name__ == "__main__":
    main()
