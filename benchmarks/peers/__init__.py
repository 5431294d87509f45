"""Other planners, each in an environment of its own, asked by JSON lines.

    with peer("baybe") as other:                       # one worker process, alive until the block ends
        batch = other.propose(problem.question, observations, q=5, seed=7)
        batch.settings, batch.seconds                  # five settings; fit and choice, without starting and preparing
        other.recommend(problem.question, observations, seed=7).settings[0]   # what it holds to be best

A question is plain JSON: ``{"spec": a resolved campaign spec, "candidates": [settings, ...] or None for all of the
space, "repeats": whether a candidate may come again}``. An observation is ``{"settings": {...}, "values": {target:
number}, "failed": false}``; a failed one has no values.

``make peers`` creates the environments in ``.peers``; ``HAKKEN_PEERS`` names another folder that holds them.
This package needs nothing but the standard library, since the workers import it in their own environments.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

Settings = dict[str, Any]
Question = Mapping[str, Any]
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"baybe": "baybe", "ax": "ax-platform", "bofire": "bofire"}  # peer: the package whose version counts
VARIANTS = ("baybe-rdkit", "baybe-one-hot")  # the peer before the hyphen, set otherwise than it recommends


class PeerError(Exception):
    """A peer could not answer; the message says which, to what, and what to do."""


class PeerMissing(PeerError):
    """The peer's environment is not there: create it (``make peers``)."""


class Unsupported(PeerError):
    """The peer has no way to state this problem, by its own documentation."""


@dataclass(frozen=True)
class Answer:
    """Settings, and the seconds that fitting and choosing took (never those of starting and preparing).

    ``cpu`` is the processor time in ``seconds``, which a busy machine does not lengthen.
    """

    settings: list[Settings]
    seconds: float
    cpu: float = 0.0


def home() -> Path:
    """The folder with the environments: ``HAKKEN_PEERS``, or ``.peers`` in the repository."""
    return Path(os.environ.get("HAKKEN_PEERS") or ROOT / ".peers")


def key_of(document: Any) -> str:
    """The same short name for the same JSON."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def peer(name: str) -> Peer:
    """The peer of this name, or a variant of one; nothing is started before it is asked."""
    if name not in (*PACKAGES, *VARIANTS):
        raise PeerError(f"no peer is called {name!r}; there are {', '.join((*PACKAGES, *VARIANTS))}")
    return Peer(name, [str(home() / module_of(name) / "bin" / "python"), "-P", "-m", "peers.worker", name])


def module_of(name: str) -> str:
    """The peer of a variant: its environment, and its module here."""
    return name.partition("-")[0]


class Peer:
    """One worker process and the way to talk to it. Close it, or use it in a ``with`` block."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self._command = list(command)
        self._process: subprocess.Popen[str] | None = None
        self._log = None
        self._told: set[str] = set()

    @property
    def available(self) -> bool:
        """Whether its environment is there."""
        return Path(self._command[0]).exists()

    @property
    def remedy(self) -> str:
        """What to do where it is not available."""
        return (
            f"the environment of peer {module_of(self.name)!r} is not in {home()}; create it with 'make peers' "
            f"(about 2 GB each), or let HAKKEN_PEERS name the folder that holds it"
        )

    @cached_property
    def version(self) -> str:
        """Version of the peer's package, read from its environment without importing it."""
        if not self.available:
            raise PeerMissing(self.remedy)
        code = f"from importlib.metadata import version; print(version({PACKAGES[module_of(self.name)]!r}))"
        done = subprocess.run([self._command[0], "-I", "-c", code], capture_output=True, text=True, check=False)
        if done.returncode:
            raise PeerMissing(f"peer {self.name!r} is not installed completely; run 'make peers' again: {done.stderr}")
        return done.stdout.strip()

    def propose(self, question: Question, observations: Sequence[Mapping[str, Any]], q: int, seed: int) -> Answer:
        """The next ``q`` settings that the peer would try."""
        return self._ask("propose", question, observations, q=q, seed=seed)

    def recommend(self, question: Question, observations: Sequence[Mapping[str, Any]], seed: int) -> Answer:
        """The tried settings that the peer's own surrogate holds to be best, as a list of one."""
        return self._ask("recommend", question, observations, q=1, seed=seed)

    def close(self) -> None:
        """End the worker."""
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            self._process.stdout.close()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None
        self._told.clear()

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, what: str, question: Question, observations: Sequence[Mapping[str, Any]], **more: Any) -> Answer:
        key = key_of(question)
        if key not in self._told:  # a question may hold thousands of candidates: said once
            self._exchange({"do": "hear", "key": key, "question": question})
            self._told.add(key)
        reply = self._exchange({"do": what, "key": key, "observations": list(observations), **more})
        return Answer(reply["settings"], reply["seconds"], reply["cpu"])

    def _exchange(self, request: Mapping[str, Any]) -> dict[str, Any]:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            said = self._last_words()
            self.close()
            raise PeerError(f"the worker of peer {self.name!r} ended during {request['do']!r}; its last words: {said}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            kind = Unsupported if reply.get("unsupported") else PeerError
            raise kind(f"peer {self.name!r} could not {request['do']}: {reply['error']}")
        return reply

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            if not self.available:
                raise PeerMissing(self.remedy)
            environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "BAYBE_"))}
            environment |= {
                "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
                "PYTHONHASHSEED": "0",
                "OMP_NUM_THREADS": "1",
                "OMP_WAIT_POLICY": "passive",
            }
            self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the worker
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                env=environment,
            )
        return self._process

    def _last_words(self) -> str:
        if self._log is None:
            return "none"
        self._log.seek(0)
        return self._log.read()[-1500:].strip() or "none"
