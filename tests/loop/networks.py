"""Graph networks small enough to be trained in a test, and molecules for them."""

from __future__ import annotations

import numpy as np
import torch
from rdkit import Chem

from loop.surrogates.gnn.training import Labels, Settings

SMALL = Settings(width=24, epochs=5, least_steps=80, batch=16, rate=5e-3, more_epochs=2, more_steps=15)
CPU = torch.device("cpu")


def alkanols(n: int) -> tuple[str, ...]:
    """Different chains with branches and an oxygen somewhere."""
    rng, found = np.random.default_rng(0), {}
    while len(found) < n:
        atoms = rng.choice(["C", "C", "C", "C(C)", "O", "N", "C(F)", "c1ccccc1"], size=rng.integers(2, 9))
        molecule = Chem.MolFromSmiles("C" + "".join(atoms) + "C")
        found.setdefault(Chem.MolToSmiles(molecule), None)
    return tuple(found)


def labels(y: torch.Tensor) -> Labels:
    return Labels(*(v[:, None] for v in (y, y, y, torch.ones_like(y))))
