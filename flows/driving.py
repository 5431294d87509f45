"""What the Prefect flows share: how a task with an effect is declared, and which project a flow works on."""

from __future__ import annotations

import os
from typing import Any, Final

from flows.settings import Settings, prepare_prefect

prepare_prefect()

from prefect.cache_policies import NO_CACHE  # noqa: E402 - Prefect reads its environment when it is imported

# The default cache would skip an identical replicate; retries of the outside world live in the attempt table.
EFFECT: Final[dict[str, Any]] = {"cache_policy": NO_CACHE, "persist_result": False, "retries": 0}


def no_server(url: str | None, error: Exception) -> str:
    """What is said where no Prefect server answers at ``url``, up to what else may be done."""
    ending = "" if str(url).rstrip("/").endswith("/api") else " (it ends in /api, as in http://127.0.0.1:4200/api)"
    way_out = f"start it (prefect server start), mend PREFECT_API_URL{ending}"
    return f"no Prefect server answers at {url} ({error}); {way_out}"


def settings_in(home: str) -> Settings:
    """Settings from the environment, for the project in ``home`` where it is given."""
    return Settings.from_environment({**os.environ, "HAKKEN_HOME": home} if home else None)
