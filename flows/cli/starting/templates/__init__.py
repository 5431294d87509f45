"""Campaign files to start from. Each can be run as it is."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from loop.errors import UnknownName

TEMPLATES: Final = {
    "reaction": "conditions of a reaction: substances and numbers; a simulated laboratory",
    "molecules": "which molecule of a library; GFN2-xTB on this machine",
    "continuous": "a process with real-valued settings and a constraint; a simulated laboratory",
    "manual": "conditions of a reaction, run by a person who fills in worksheets",
}


def template_text(name: str, campaign: str) -> str:
    """The template's YAML text with the campaign's name in place. Raises ``UnknownName``."""
    if name not in TEMPLATES:
        raise UnknownName("template", name, TEMPLATES)
    text = files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return text.replace("campaign: NAME", f"campaign: {campaign}", 1)
