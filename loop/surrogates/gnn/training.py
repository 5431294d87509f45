"""Training: every member of an ensemble at once, each on rows of its own, in an order of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from loop.progress import progress
from loop.surrogates.censoring import truncated
from loop.surrogates.gnn.batch import Batch, GraphStore, shared, together
from loop.surrogates.gnn.inputs import Inputs, Rows
from loop.surrogates.gnn.layers import initialise
from loop.surrogates.gnn.network import MakeEncoder, Network, NetworkRows

SCATTER = 0.3  # deviation of a measurement about the network where it is known by limits only, values standardised
FURTHEST = 3.0  # beyond a limit, values standardised, where all are open limits: Adam goes on where a pull fades out
CHUNK = 512  # molecules predicted at once


@dataclass(frozen=True)
class Settings:
    """How networks are trained; the same for every data set. Evidence: docs/decisions/0015 and 0059."""

    width: int = 192
    epochs: int = 30
    least_steps: int = 300  # few data see more epochs
    batch: int = 50
    share: int = 4  # a batch holds at most one so-many-th of the rows: few data are learnt in small batches
    rate: float = 3e-3  # highest learning rate of Adam; it rises to it and falls to a tenth
    warm: float = 0.1  # share of the steps in which the rate rises
    decay: float = 0.0  # weight decay
    more_epochs: int = 8  # on all rows, once the held-out values are known
    more_steps: int = 40
    more_rate: float = 1e-3


@dataclass(frozen=True)
class Labels:
    """Values of ``n`` rows for each of ``m`` targets, standardised; shapes ``(n, m)``.

    ``weights`` are how much each value counts: 0 where there is none.
    """

    y: Tensor
    low: Tensor
    high: Tensor
    weights: Tensor

    @property
    def is_censored(self) -> Tensor:
        return self.low < self.high

    @property
    def reach(self) -> Tensor:
        """How far beyond a limit that is open on its other side a value is taken to lie at most, by target: ``(m,)``.

        However far where some value is known on both sides.
        """
        is_known = torch.isfinite(self.low) & torch.isfinite(self.high) & (self.weights > 0)
        return torch.where(is_known.any(0), torch.inf, FURTHEST)


@dataclass(frozen=True)
class Trained:
    """A trained network, with what it needs to be asked."""

    network: Network
    inputs: Inputs
    device: torch.device

    @torch.no_grad()
    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Last hidden layer and values at ``x``, ``(n, d)``: ``(members, n, width)`` and ``(members, n, targets)``."""
        hidden, values = [], []
        members = self.network.out.weight.shape[0]
        for part in torch.split(x, CHUNK):
            rows = self.inputs.rows(part)
            store = GraphStore(self.inputs.graphs(rows), self.device)
            batch = store.batch(shared(np.arange(len(rows.smiles)), members))
            asked = _everyone(rows, members, self.device)
            with _precision(self.device):
                phi = self.network.features(batch, asked)
                value = self.network.out(phi)
            hidden.append(phi.double().cpu())
            values.append(value.double().cpu())
        if not hidden:
            _, width, targets = self.network.out.weight.shape
            empty = torch.zeros(members, 0, 1, dtype=torch.float64)
            return empty.expand(-1, -1, width), empty.expand(-1, -1, targets)
        return torch.cat(hidden, 1), torch.cat(values, 1)


class Training:
    """Networks under training, one for each seed. What a member learns does not depend on the others."""

    def __init__(
        self,
        make: MakeEncoder,
        settings: Settings,
        inputs: Inputs,
        x: Tensor,
        labels: Labels,
        seeds: Sequence[int],
        device: torch.device,
    ) -> None:
        """Networks as yet untrained.

        Args:
            make: Makes the encoder.
            settings: How to train.
            inputs: How candidates become inputs.
            x: Coordinates, shape ``(n, d)``.
            labels: Their values.
            seeds: For each member, of its weights and of the order of its rows.
            device: Where to compute.
        """
        self.settings, self.labels, self.seeds, self.device = settings, labels, tuple(seeds), device
        self._rows = inputs.rows(x)
        self._store = GraphStore(inputs.graphs(self._rows), device)
        members, width = len(self.seeds), settings.width
        encoder = make(members, self._store.atoms.shape[1], self._store.edges.shape[1], width)
        slots, numbers, targets = len(inputs.slots), self._rows.numbers.shape[1], labels.y.shape[1]
        network = Network(encoder, members, slots, numbers, width, targets)
        initialise(network, self.seeds)
        self.trained = Trained(network.to(device), inputs, device)

    def run(self, seen: Sequence[Tensor], epochs: float, *, least: int, rate: float) -> None:
        """Train each member on the rows that it sees, at least so many steps, with a highest learning rate."""
        network, longest = self.trained.network, max(map(len, seen))
        size = min(self.settings.batch, math.ceil(longest / self.settings.share))
        steps = max(least, math.ceil(epochs * longest / size))
        streams = [_stream(part, size, seed) for part, seed in zip(seen, self.seeds, strict=True)]
        optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=self.settings.decay, fused=True)
        for step in range(steps):
            progress("training networks", step / steps)
            chosen = torch.stack([next(stream) for stream in streams])
            batch, asked = _taken(self._store, self._rows, chosen, self.device)
            for group in optimiser.param_groups:
                group["lr"] = rate * _rate((step + 0.5) / steps, self.settings.warm)
            optimiser.zero_grad()
            with _precision(self.device):
                values = network(batch, asked)
            loss = _loss(values.float(), self.labels, chosen, self.device)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        progress("training networks", 1.0)


def _loss(values: Tensor, labels: Labels, chosen: Tensor, device: torch.device) -> Tensor:
    """Weighted mean squares, summed over targets and members, so that each has the gradient it would have alone.

    A value that is not there pulls nowhere. A censored one pulls towards what is expected of it between its limits:
    Tobin's likelihood has that gradient.
    """
    wanted = labels.y[chosen]
    censored = labels.is_censored[chosen]
    if bool(censored.any()):
        now = values.detach().double().cpu()
        between = expected(now, torch.full_like(now, SCATTER**2), labels.low[chosen], labels.high[chosen], labels.reach)
        wanted = torch.where(censored, between, wanted)
    weights = labels.weights[chosen].float().to(device)
    squares = (values - wanted.float().to(device)).square()  # (members, b, targets)
    return (weights * squares).mean(1).sum()


def expected(value: Tensor, variance: Tensor, low: Tensor, high: Tensor, reach: Tensor) -> Tensor:
    """What is expected between limits, infinite where a side is open, where a network says ``value``: any one shape.

    No further than ``reach`` beyond a limit that is open on its other side.
    """
    between = truncated(value, variance, low, high).mean
    lowest = torch.where(torch.isinf(low), high - reach, low)
    highest = torch.where(torch.isinf(high), low + reach, high)
    return between.maximum(lowest).minimum(highest)


def _taken(store: GraphStore, rows: Rows, chosen: Tensor, device: torch.device) -> tuple[Batch, NetworkRows]:
    """A batch of the rows ``chosen``, ``(members, b)``."""
    members = len(chosen)
    molecules = rows.molecules[chosen.numpy()]  # (members, b, slots, k)
    parts, numbers = zip(*(np.unique(m, return_inverse=True) for m in molecules), strict=True)
    which = together(parts)
    places = np.stack([n.reshape(molecules.shape[1:]) for n in numbers])
    places += (np.arange(members) * (which.shape[1] + 1))[:, None, None, None]
    asked = NetworkRows(
        torch.from_numpy(places).to(device), rows.shares[chosen].to(device), rows.numbers[chosen].to(device)
    )
    return store.batch(which), asked


def _everyone(rows: Rows, members: int, device: torch.device) -> NetworkRows:
    """All rows for every member, their molecules being the batch."""
    places = rows.molecules[None] + (np.arange(members) * (len(rows.smiles) + 1))[:, None, None, None]
    shares, numbers = (t.expand(members, *t.shape).to(device) for t in (rows.shares, rows.numbers))
    return NetworkRows(torch.from_numpy(places).to(device), shares, numbers)


def _stream(rows: Tensor, size: int, seed: int) -> Iterator[Tensor]:
    """Batches of rows for ever: one permutation after another."""
    generator = torch.Generator().manual_seed(seed)
    waiting = rows[:0]
    while True:
        while len(waiting) < size:
            waiting = torch.cat([waiting, rows[torch.randperm(len(rows), generator=generator)]])
        yield waiting[:size]
        waiting = waiting[size:]


def _rate(share: float, warm: float) -> float:
    """The learning rate as a share of its highest: a rise, then a fall to a tenth along an exponential."""
    if share < warm:
        return 0.1 + 0.9 * share / warm
    return float(0.1 ** ((share - warm) / (1 - warm)))


def is_mixed(device: torch.device) -> bool:
    """Whether products are computed in bfloat16: on a GPU; weights and sums stay in float32."""
    return device.type == "cuda"


def _precision(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=is_mixed(device))
