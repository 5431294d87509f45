"""Names the adapter to be examined: ``pytest --pyargs loop.testing --adapter my.module:MyAdapter``."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from loop.testing.adapter import Trial

pytest.register_assert_rewrite("loop.testing.adapter")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds ``--adapter``."""
    parser.addoption(
        "--adapter",
        metavar="MODULE:NAME",
        help="an adapter to be examined by hakken's laws: a loop.testing.adapter.Trial, or a class with one as its "
        "attribute 'trial'",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Finds modules of the folder in which pytest was called; says once, before any test, what cannot be examined."""
    if config.getoption("--adapter"):
        here = str(config.invocation_params.dir)
        if here not in sys.path:
            sys.path.append(here)  # last, so that nothing in that folder takes the place of what is installed
        trial_of(config)


def trial_of(config: pytest.Config) -> Trial:
    """The trial that ``--adapter`` names.

    Raises:
        pytest.UsageError: It names none; the message says what is missing.
    """
    from loop.testing.adapter import Trial  # not where the option is not used: every run of pytest loads this module

    named = config.getoption("--adapter")
    if not named:
        raise pytest.UsageError("name the adapter to be examined: --adapter my.module:MyAdapter")
    module, _, name = named.partition(":")
    if not module or not name:
        raise pytest.UsageError(f"--adapter is MODULE:NAME, such as my.module:MyAdapter; got {named!r}")
    try:
        loaded = import_module(module)
    except ImportError as error:
        raise pytest.UsageError(f"--adapter {named}: {error}; run pytest where it can be imported") from None
    except (Exception, SystemExit) as error:  # whatever a module does that is run for the first time
        raise pytest.UsageError(
            f"--adapter {named}: importing {module} ends in {type(error).__name__}: {error}; "
            f"mend it until python -c 'import {module}' says nothing"
        ) from None
    found = getattr(loaded, name, None)
    if found is None:
        raise pytest.UsageError(f"--adapter {named}: {module} has no attribute {name!r}; name one that it has")
    trial = found if isinstance(found, Trial) else getattr(found, "trial", None)
    if not isinstance(trial, Trial):
        raise pytest.UsageError(
            f"--adapter {named} is no loop.testing.adapter.Trial and has none as its attribute 'trial'; "
            f"add one: what is made, one experiment that it does, one that it refuses, and how runs are counted"
        )
    return trial
