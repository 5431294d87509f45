"""The package chemprop, trained in its own environment on molecules that are handed over as JSON.

What is asked and answered is as ``peers.chemprop`` says, which runs there.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peers import PeerError, PeerMissing, home


def trained(request: Mapping[str, Any]) -> dict[str, Any]:
    """What its networks, trained as ``request`` says, predict.

    Raises:
        PeerMissing: Its environment is not there.
        PeerError: It failed.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(
        [str(interpreter()), "-P", "-m", "peers.chemprop"], input=json.dumps(request), env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise PeerError(f"chemprop could not learn: {done.stderr[-1500:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def interpreter() -> Path:
    """The interpreter of chemprop's environment. Raises ``PeerMissing``."""
    python = home() / "chemprop" / "bin" / "python"
    if not python.exists():
        raise PeerMissing(f"the environment of chemprop is not in {home()}; create it with 'make peers'")
    return python
