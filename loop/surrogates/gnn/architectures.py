"""The table of architectures: a name, and how to make its encoder. A new one is one module and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from loop.surrogates.gnn.attentive import AttentiveFingerprint
from loop.surrogates.gnn.dmpnn import DirectedMessages
from loop.surrogates.gnn.fingerprint import NeuralFingerprint
from loop.surrogates.gnn.gat import GraphAttention
from loop.surrogates.gnn.gin import GraphIsomorphism
from loop.surrogates.gnn.mpnn import EdgeMessages
from loop.surrogates.gnn.network import MakeEncoder
from loop.surrogates.gnn.transformer import GraphTransformer

ARCHITECTURES: Final[Mapping[str, MakeEncoder]] = {
    "dmpnn": DirectedMessages,
    "neural-fingerprint": NeuralFingerprint,
    "mpnn": EdgeMessages,
    "gat": GraphAttention,
    "gin": GraphIsomorphism,
    "attentive-fp": AttentiveFingerprint,
    "graph-transformer": GraphTransformer,
}
