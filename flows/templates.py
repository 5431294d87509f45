"""Pages' templates: compiled once in a process, strict about what they lack, safe against what people write."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def templates_of(folder: Path, **filters: Callable[..., Any]) -> Environment:
    """The templates in ``folder``, with these filters. Keep it: what is compiled is compiled anew in another."""
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,  # names, reasons and messages come from people and machines
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    return environment


def hash_of(script: str) -> str:
    """Of a page's own script, by which its policy lets a browser run that one and no other."""
    return b64encode(sha256(script.encode()).digest()).decode()
