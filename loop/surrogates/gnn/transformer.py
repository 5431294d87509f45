"""A graph transformer: every atom attends to every other of its molecule, told how many bonds lie between them.

Degree enters through the features of atoms, the shortest path as a bias of each head, and a bond as a further one.

Source: Ying et al., NeurIPS 2021 (Graphormer), whose structural encodings these are, in a smaller form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from loop.surrogates.gnn.batch import Batch
from loop.surrogates.gnn.encoder import Encoder
from loop.surrogates.gnn.layers import Linear, Norm, Vector

HEADS = 4
FAR = 8  # bonds; atoms farther apart, and atoms of two parts, share one bias


@dataclass(frozen=True)
class Table:
    """Atoms of real molecules as a table of ``r`` molecules by ``w`` places, ``r`` over all members.

    Attributes:
        rows: Numbers of the atoms, shape ``(k,)``.
        places: Where each stands in the table, shape ``(k,)``.
        there: Which places are taken, shape ``(r, w)``.
        bonds: Numbers of edges between such atoms, and where each stands among pairs of places: two of ``(e,)``.
        distance: Bonds between two places, at most ``FAR``, shape ``(r, w, w)``.
    """

    rows: Tensor
    places: Tensor
    there: Tensor
    bonds: tuple[Tensor, Tensor]
    distance: Tensor


class Layer(nn.Module):
    """Attention within molecules and two matrices for each atom, both added to what there was."""

    def __init__(self, members: int, bonds: int, size: int) -> None:
        super().__init__()
        self.heads = HEADS if size % HEADS == 0 else 1
        self.before, self.between = Norm(members, size), Norm(members, size)
        self.asked, self.out = Linear(members, size, 3 * size), Linear(members, size, size)
        self.near = Vector(members, (FAR + 1) * self.heads)
        self.bond = Linear(members, bonds, self.heads)
        self.first, self.second = Linear(members, size, size), Linear(members, size, size)

    def forward(self, x: Tensor, batch: Batch, table: Table) -> Tensor:
        members, _, size = x.shape
        molecules, width = table.there.shape
        query, key, value = (
            part.reshape(molecules, width, self.heads, -1).transpose(1, 2)
            for part in self.asked(self.before(x)).chunk(3, dim=-1)
        )
        score = query @ key.transpose(-1, -2) / math.sqrt(size // self.heads) + self._bias(batch, table)
        score = score.masked_fill(~table.there[:, None, None, :], -1e4)
        found = (torch.softmax(score, dim=-1) @ value).transpose(1, 2).reshape(members, -1, size)
        x = x + self.out(found)
        added: Tensor = self.second(torch.relu(self.first(self.between(x))))
        return x + added

    def _bias(self, batch: Batch, table: Table) -> Tensor:
        """Of each head and pair of places, shape ``(r, heads, w, w)``."""
        near = self.near().view(batch.members, FAR + 1, self.heads)
        each = table.distance.view(batch.members, -1)
        bias = torch.stack([n[d] for n, d in zip(near, each, strict=True)]).reshape(-1, self.heads)
        edges, pairs = table.bonds
        bonds = self.bond(batch.edges).reshape(-1, self.heads)[edges].to(bias.dtype)
        molecules, width = table.there.shape
        return bias.index_add(0, pairs, bonds).view(molecules, width, width, self.heads).permute(0, 3, 1, 2)


class GraphTransformer(Encoder):
    """``depth`` layers, then the mean over atoms."""

    def __init__(self, members: int, atoms: int, bonds: int, size: int, depth: int = 3) -> None:
        super().__init__()
        self.size = size
        self.begin = Linear(members, atoms, size)
        self.layers = nn.ModuleList(Layer(members, bonds, size) for _ in range(depth))
        self.end = Norm(members, size)

    def forward(self, batch: Batch) -> Tensor:
        table = tabled(batch)
        molecules, width = table.there.shape
        atoms = self.begin(batch.atoms).reshape(-1, self.size)[table.rows]
        x = atoms.new_zeros(molecules * width, self.size).index_copy(0, table.places, atoms)
        x = x.view(batch.members, -1, self.size)
        for layer in self.layers:
            x = layer(x, batch, table)
        x = self.end(x).view(molecules, width, self.size) * table.there[..., None]
        mean = x.sum(1) / table.there.sum(1, keepdim=True).clamp_min(1)
        mean = mean.view(batch.members, -1, self.size)
        return torch.cat([mean, torch.zeros_like(mean[:, :1])], dim=1)  # the padding molecule


@torch.no_grad()
def tabled(batch: Batch) -> Table:
    """The table of a batch; padding molecules have no place in it."""
    each = len(batch.molecules) // batch.members  # molecules of a member, the padding one included
    owner, first = batch.molecules.owner, batch.molecules.first
    is_real = owner % each < each - 1
    sizes = batch.molecules.sizes.view(batch.members, each)[:, :-1].flatten()
    width = max(int(sizes.max()), 1) if len(sizes) else 1
    member = owner // each
    molecule = owner - member  # without those that pad
    places = molecule * width + torch.arange(len(owner), device=owner.device) - first[owner]
    there = torch.arange(width, device=owner.device) < sizes[:, None]
    edges = torch.nonzero(is_real[batch.into.owner])[:, 0]
    source, target = places[batch.out_of.owner[edges]], places[batch.into.owner[edges]]
    pairs = target * width + source % width
    linked = torch.zeros(len(sizes), width, width, device=owner.device)
    linked.view(-1)[pairs] = 1.0
    reached = torch.eye(width, device=owner.device).expand_as(linked)
    distance = torch.full(linked.shape, FAR, device=owner.device)
    distance[reached > 0] = 0
    for bonds in range(1, FAR):
        reached = ((reached + reached @ linked) > 0).to(linked.dtype)
        distance[(reached > 0) & (distance == FAR)] = bonds
    rows = torch.nonzero(is_real)[:, 0]
    return Table(rows, places[rows], there, (edges, pairs), distance)
