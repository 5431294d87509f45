"""Names of surrogates and what they are, without loading torch (for the command line and messages)."""

from __future__ import annotations

from typing import Final

SURROGATES: Final[dict[str, str]] = {
    "committee": "an evidence-weighted mixture of members that see the candidates differently (the default)",
    "gp": "Gaussian process on one-hot options, chemistry prior",
    "gp-descriptors": "Gaussian process on decorrelated RDKit descriptors, chemistry prior",
    "gp-mordred": "Gaussian process on decorrelated Mordred descriptors, chemistry prior",
    "tanimoto": "Gaussian process on count fingerprints (count Tanimoto distance)",
    "ard": "Gaussian process with one lengthscale for each input; for spaces in which numbers decide",
    "trees": "extremely randomised trees on count fingerprints, the classical baseline",
    "random": "no model: every batch at random, the baseline to beat",
}

GRADIENT_FREE: Final = frozenset({"trees"})  # cannot be climbed in continuous spaces
