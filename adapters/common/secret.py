"""Secrets: never in a campaign file, which says by ``$NAME`` in which environment variable one is found."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from loop.errors import AdapterUnavailable

_REFERENCE: Final = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")


def misplaced(options: Mapping[str, object], example: str) -> list[str]:
    """What to say of options that should name an environment variable and do not; what they hold is not repeated.

    ``options`` are those that refer to secrets, None where one is not given; ``example`` is a reference as it may be.
    """
    return [
        f"option {name!r} must name an environment variable, such as {example}; a secret itself never stands in a "
        "campaign file, which is kept on record"
        for name, value in options.items()
        if value is not None and not (isinstance(value, str) and _REFERENCE.fullmatch(value))
    ]


def secret(reference: str) -> str:
    """The secret that ``$NAME`` refers to.

    Raises:
        AdapterUnavailable: The environment does not have it.
    """
    name = reference.removeprefix("$")
    value = os.environ.get(name, "").strip()
    if not value:
        raise AdapterUnavailable(f"the environment variable {name} is not set; set it to the laboratory's secret")
    if not value.isascii() or not value.isprintable():
        raise AdapterUnavailable(f"the environment variable {name} must hold printable ASCII on one line; mend it")
    return value
