"""The suite for anybody's adapter, as it is run from the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def examine(*words: str) -> tuple[int, str]:
    """Exit status, and what was said."""
    command = [sys.executable, "-m", "pytest", "--pyargs", "loop.testing", "-p", "loop.testing.plugin", "-q", *words]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    quiet = ["-p", "no:cacheprovider", "--no-header"]
    done = subprocess.run([*command, *quiet], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
