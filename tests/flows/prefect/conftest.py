"""Fixtures of the tests of Prefect flows."""

from __future__ import annotations

import os
import tempfile

# Prefect reads its settings when it is first imported, and must not use a developer's own profile or server.
os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="hakken-prefect-")
os.environ.pop("PREFECT_API_URL", None)
