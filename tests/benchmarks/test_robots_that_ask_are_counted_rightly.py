"""benchmarks/asking.py: what it counts is what went wrong, and a campaign of few experiments comes through it whole."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from asking import wrong

ROOT = Path(__file__).parents[2]


def test_what_ran_twice_and_what_is_missing_is_counted() -> None:
    assert wrong(Counter("abc"), Counter("abc")) == (0, 0)
    assert wrong(Counter("abcc"), Counter("abc")) == (1, 0)
    assert wrong(Counter("abc"), Counter("ab")) == (0, 1)
    assert wrong(Counter("abc"), Counter("aabc")) == (0, 1)


def test_robots_come_through_a_killed_service() -> None:
    words = ["benchmarks/asking.py", "--robots", "2", "--experiments", "10", "--kills", "1"]

    said = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=300)

    assert said.returncode == 0, said.stdout + said.stderr
    assert "10 experiments by 2 robots" in said.stdout
    assert "1 kills of the service" in said.stdout
    assert "the audit chain is intact" in said.stdout
