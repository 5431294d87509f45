"""What tests of killed engines share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.engine.zygote import Zygote


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """A process that forks engines, for all tests that ask for it: to start one takes as long as several campaigns."""
    process = Zygote()
    yield process
    process.close()
