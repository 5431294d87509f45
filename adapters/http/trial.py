"""Anybody's laboratory under the laws: ``pytest --pyargs loop.testing --adapter adapters.http.trial:trial``.

The environment variable ``HAKKEN_TRIAL`` names a YAML file: ``serve``, a command that starts the laboratory with
``{folder}`` (empty at first; whatever it remembers lies there) and ``{port}``; ``experiment``, one that it does, with
``settings``, ``units``, ``smiles`` and ``targets``; ``refused``, what to replace in it so that the laboratory cannot do
it; and ``laboratory``, the options of a campaign file without ``adapter`` and ``url``.
"""

from __future__ import annotations

import atexit
import json
import os
import shlex
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from adapters.common.folder import handle_of
from adapters.http.options import build
from loop.contracts import Adapter, AdapterContext, AttemptKey, ExperimentSpec
from loop.testing.adapter import Trial

_PATIENCE: Final = 60.0  # seconds that a laboratory may take to come up
_open: Final = build_opener(ProxyHandler({})).open  # the judge asks by itself, not through what it judges


@dataclass
class Served:
    """A laboratory that runs in a process of its own, on a folder of its own."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def served(command: str, folder: Path, environ: Mapping[str, str] | None = None, port: int | None = None) -> Served:
    """Start the laboratory and wait until it answers.

    Raises:
        RuntimeError: It ended, or did not answer within a minute.
    """
    port = port or _free_port()
    words = [word.format(folder=folder, port=port) for word in shlex.split(command)]
    folder.mkdir(parents=True, exist_ok=True)
    found = Served(subprocess.Popen(words, env={**os.environ, **(environ or {})}, stdout=subprocess.DEVNULL), port)
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if found.process.poll() is not None:
            raise RuntimeError(f"{shlex.join(words)} ended with {found.process.returncode}; run it to see why")
        try:
            _open(f"{found.url}/laboratory", timeout=5).close()
        except HTTPError as error:
            error.close()
            return found  # it wants a token, perhaps: it answers
        except (URLError, OSError):
            time.sleep(0.02)
        else:
            return found
    found.stop()
    raise RuntimeError(f"{shlex.join(words)} did not answer at {found.url}/laboratory within {_PATIENCE:g} s")


def trial_of(said: Mapping[str, Any]) -> Trial:
    """The trial that a file describes."""
    running: dict[Path, Served] = {}

    def stop() -> None:
        while running:
            running.popitem()[1].stop()

    def at(folder: Path) -> Served:
        if folder not in running:
            stop()  # the test that wanted the last one is over
            running[folder] = served(said["serve"], folder / "server")
        return running[folder]

    def make(folder: Path) -> Adapter:
        context = AdapterContext(str(folder / "adapter"), str(Path.cwd()), "trial", experiment.targets)
        return build({**said.get("laboratory", {}), "url": at(folder).url}, context)

    def count_runs(folder: Path, key: AttemptKey) -> int:
        """The laboratory's own count, in ``runs`` of an experiment's document."""
        try:
            with _open(f"{at(folder).url}/experiments/{handle_of(key)}", timeout=30) as reply:
                return int(json.load(reply)["runs"])
        except HTTPError as error:
            error.close()
            return 0  # it never came

    parts = {name: said["experiment"].get(name, {}) for name in ("settings", "units", "smiles", "targets")}
    experiment = ExperimentSpec("trial", **parts)
    atexit.register(stop)
    return Trial(make, experiment, replace(experiment, **said["refused"]), count_runs, shuffles=10)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def __getattr__(name: str) -> Trial:
    """``trial``, read when it is asked for."""
    if name != "trial":
        raise AttributeError(name)
    import yaml

    path = os.environ.get("HAKKEN_TRIAL", "")
    if not path:
        raise AttributeError("set HAKKEN_TRIAL to a YAML file with serve, experiment, refused and laboratory")
    try:
        said = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        return trial_of(said)
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise AttributeError(f"HAKKEN_TRIAL={path} is no trial ({type(error).__name__}: {error}); mend it") from None
