"""The table of architectures: a name, and how to make its encoder. A new one is one module and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from loop.surrogates.gnn.dmpnn import DirectedMessages
from loop.surrogates.gnn.network import MakeEncoder

ARCHITECTURES: Final[Mapping[str, MakeEncoder]] = {
    "dmpnn": DirectedMessages,
}
