"""The manual laboratory, and an attempt on its worksheet."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.manual.laboratory import Manual
from adapters.manual.options import build
from loop.contracts import Handle
from loop.testing.adapter import KEY
from tests.adapters.helpers import EXPERIMENT, context


@pytest.fixture
def manual(tmp_path: Path) -> Manual:
    return build({}, context(tmp_path))


@pytest.fixture
def handle(manual: Manual) -> Handle:
    handle = manual.prepare(EXPERIMENT, KEY)
    manual.start(handle, KEY)
    return handle
