"""Devices for a day in fast motion: each does its work piece by piece, when it is told to, and may die at any step.

What a device knows on disk outlives its death. What really ran is counted by the device itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # devices are those of the tests
