"""What the Prefect flows share: how a task with an effect is declared, and which project a flow works on."""

from __future__ import annotations

import os
from typing import Any, Final

from flows.settings import Settings, prepare_prefect

prepare_prefect(Settings.from_environment())

from prefect.cache_policies import NO_CACHE  # noqa: E402 - Prefect reads its environment when it is imported

# The default cache would skip an identical replicate; retries of the outside world live in the attempt table.
EFFECT: Final[dict[str, Any]] = {"cache_policy": NO_CACHE, "persist_result": False, "retries": 0}


def settings_in(home: str) -> Settings:
    """Settings from the environment, for the project in ``home`` where it is given."""
    return Settings.from_environment({**os.environ, "HAKKEN_HOME": home} if home else None)
