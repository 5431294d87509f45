"""Names of surrogates and what they are, without loading torch (for the command line and messages)."""

from __future__ import annotations

from typing import Final

SURROGATES: Final[dict[str, str]] = {
    "committee": "an evidence-weighted mixture of members that see the candidates differently (the default)",
    "gp": "Gaussian process on one-hot options, chemistry prior",
    "gp-descriptors": "Gaussian process on RDKit descriptors, none that follows another, chemistry prior",
    "gp-mordred": "Gaussian process on Mordred descriptors that are hardly correlated, chemistry prior",
    "gp-given": "Gaussian process on descriptors that the campaign file gives, Mordred's where it gives none",
    "tanimoto": "Gaussian process on count fingerprints (count Tanimoto distance)",
    "fingerprints": "Gaussian process on the mean of Morgan, feature and atom-pair count Tanimoto distances",
    "ard": "Gaussian process with one lengthscale for each input; for spaces in which numbers decide",
    "trees": "extremely randomised trees on count fingerprints, the classical baseline",
    "dmpnn": "ensemble of directed message-passing networks on molecular graphs, Bayesian last layer",
    "dmpnn-shared": "the same networks, with one encoder for all targets of a campaign",
    "dmpnn-gp": "the same networks, with a Gaussian process on what they learnt",
    "attentive-fp": "ensemble of AttentiveFP networks: attention among atoms, then of the molecule on them",
    "gat": "ensemble of graph attention networks",
    "gin": "ensemble of graph isomorphism networks",
    "graph-transformer": "ensemble of graph transformers: every atom attends to all others, by distance in bonds",
    "mpnn": "ensemble of message-passing networks with an edge network and Set2Set",
    "neural-fingerprint": "ensemble of neural graph fingerprints",
    "random": "no model: every batch at random, the baseline to beat",
}

_DMPNN: Final = frozenset({"dmpnn", "dmpnn-shared", "dmpnn-gp"})
GRAPHS: Final = _DMPNN | {"attentive-fp", "gat", "gin", "graph-transformer", "mpnn", "neural-fingerprint"}
# graph networks need a parameter with a structure
GRADIENT_FREE: Final = frozenset({"trees"}) | GRAPHS  # cannot be climbed in continuous spaces

LOOKED_OVER: Final = 100_000  # molecules of a stored library from which processes look over it on a GPU, where one is
