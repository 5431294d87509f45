"""Graph networks of several targets: learnt together, each from its own values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from campaigns import ALCOHOLS, measured, observe, reaction_spec
from networks import CPU, SMALL, alkanols
from rdkit import Chem

from loop.belief import learn
from loop.errors import FitError
from loop.history import History
from loop.planner import plan
from loop.space import Component, Space
from loop.spec import build_objective, build_space
from loop.surrogates.committee import Committee
from loop.surrogates.gnn.architectures import ARCHITECTURES
from loop.surrogates.gnn.ensemble import GraphEnsemble, _stacked
from loop.surrogates.gnn.inputs import inputs
from loop.surrogates.gnn.training import Labels, Training
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.representation import Representation
from loop.training import regression_table


def two_targets(n: int = 130):
    """A library, the sizes of its molecules for 100 of them, and twice the sizes for 18, five of which are in both."""
    smiles = alkanols(n)
    space = Space((Component("molecule", smiles, smiles, is_library=True),))
    size = torch.tensor([Chem.MolFromSmiles(s).GetNumHeavyAtoms() for s in smiles], dtype=torch.float64)
    x = torch.arange(n, dtype=torch.float64)[:, None]

    def part(rows, y):
        return TrainingSet(x[rows], y[rows], torch.full((len(rows),), torch.nan, dtype=torch.float64))

    many, few = torch.arange(95), torch.arange(90, 108)
    return space, part(many, size), part(few, 2.0 * size - 5.0), x[108:], size[108:]


def test_several_targets_are_learnt_together_each_from_its_own_values():
    space, many, few, new, size = two_targets()
    recipe = GraphEnsemble("graphs", "dmpnn", settings=SMALL, shares=True)

    first, second = recipe.fit_together(space, [many, few], seed=0)

    def error(fitted, truth):
        return float((fitted.moments(new)[0] - truth).square().mean().sqrt())

    assert error(first, size) < 0.5 * float(size.std())
    assert error(second, 2.0 * size - 5.0) < 0.75 * float((2.0 * size).std())  # of 18 values
    assert (len(first.held_out()), len(second.held_out())) == (95, 18)
    assert second.summary()["targets_together"] == 2
    # each row of a training set is told of in its own place
    assert float(torch.corrcoef(torch.stack([second.left_out()[0], few.y]))[0, 1]) > 0.6


def test_a_value_that_is_missing_pulls_nowhere():
    smiles = alkanols(20)
    space = Space((Component("molecule", smiles, smiles, is_library=True),))
    x = torch.arange(20, dtype=torch.float64)[:, None]
    known = torch.stack([torch.ones(20), (torch.arange(20) % 3 == 0).float()], dim=1).double()
    y = torch.stack([torch.sin(x[:, 0]), torch.cos(x[:, 0])], dim=1)

    def values(filled):
        labels = Labels(*(torch.where(known > 0, v, filled) for v in (y, y, y)), known)
        training = Training(ARCHITECTURES["dmpnn"], SMALL, inputs(space), x, labels, [1, 2], CPU)
        training.run([torch.arange(20)] * 2, 1, least=10, rate=1e-3)
        return training.trained.features(x)[1]

    assert torch.equal(values(0.0), values(1e6))


def test_every_member_sees_values_of_every_target():
    x = torch.arange(40, dtype=torch.float64)[:, None]
    nothing = torch.full((40,), torch.nan, dtype=torch.float64)
    many, few = (TrainingSet(x[:n], x[:n, 0], nothing[:n]) for n in (40, 6))
    rows, targets = _stacked([many, few])

    for seed in range(20):
        folds = GraphEnsemble("graphs", "dmpnn")._folds(rows, targets, seed)
        assert len(set(folds[targets[1].rows].tolist())) == 5

    _, short = _stacked([many, TrainingSet(x[:4], x[:4, 0], nothing[:4])])
    with pytest.raises(FitError, match="there are 4; measure others first"):
        GraphEnsemble("graphs", "dmpnn")._folds(rows, short, seed=0)


def test_replicates_of_several_targets_stand_side_by_side():
    x = torch.tensor([[1.0], [0.0], [1.0]], dtype=torch.float64)
    first = TrainingSet(x, torch.tensor([5.0, 6.0, 4.0]).double(), torch.full((3,), torch.nan).double())
    second = TrainingSet(x[:1], torch.tensor([9.0]).double(), torch.full((1,), torch.nan).double())

    rows, (one, other) = _stacked([first, second])

    assert rows[:, 0].tolist() == [0.0, 1.0, 1.0]
    assert [first.y[i].item() for i in one.order] == [6.0, 4.0, 5.0]
    assert (one.rows.tolist(), other.rows.tolist()) == ([0, 1, 2], [1])


def test_a_committee_fits_what_is_shared_once_and_weighs_for_each_target():
    space, many, few, _, _ = two_targets()
    shared = GraphEnsemble("graphs", "dmpnn", settings=replace(SMALL, least_steps=20), shares=True)
    recipe = Committee("committee", (GaussianProcess("tanimoto", Representation.COUNTS), shared))

    first, second = recipe.fit_each(space, [many, few], [0, 1])

    assert [m.name for m in first.members] == [m.name for m in second.members] == ["tanimoto", "graphs"]
    assert first.members[1].trained is second.members[1].trained
    assert first.weights != second.weights
    short = recipe.fit_each(space, [many, few.rows(torch.arange(3))], [0, 1])
    assert [m.name for m in short[0].members] == ["tanimoto"]
    assert "graphs" in str(short[0].missing[0])


def test_a_campaign_of_two_targets_trains_one_encoder(monkeypatch):
    """One of six results has no purity; both models stand on the same networks, and a batch is planned from them."""
    small = GraphEnsemble("dmpnn-shared", "dmpnn", settings=replace(SMALL, least_steps=10), shares=True)
    monkeypatch.setattr("loop.belief.surrogate", lambda *_, **__: small)
    goals = {n: {"goal": "maximize", "unit": "%", "low": 0, "high": 100} for n in ("yield", "purity")}
    spec = reaction_spec(goals, surrogate="dmpnn-shared", initial={"experiments": 6}, batch=2)
    settings = [
        {"alcohol": alcohol, "base": base, "temperature": 40}
        for alcohol, base in zip((*ALCOHOLS, "methanol"), ("weak",) * 5 + ("strong",), strict=True)
    ]
    seen = [
        observe(spec, s, measured(**({"yield": 10.0 * i} | ({} if i == 5 else {"purity": 90.0 - i}))), f"o{i}")
        for i, s in enumerate(settings)
    ]

    planned = plan(spec, History(tuple(seen)), seed=0, experiments=2)

    assert len(planned.proposals) == 2
    told = planned.model["targets"]
    assert [told[n]["targets_together"] for n in goals] == [2, 2]
    assert {p.target for p in planned.proposals[0].predictions} == {"yield", "purity"}


def test_a_campaign_of_two_targets_with_classes_trains_one_encoder(monkeypatch):
    small = GraphEnsemble("dmpnn-shared", "dmpnn", settings=replace(SMALL, least_steps=10), shares=True)
    monkeypatch.setattr("loop.belief.surrogate", lambda *_, **__: small)
    words = {"goal": "maximize", "classes": ["no", "yes"]}
    spec = reaction_spec({"soluble": words, "stable": words}, surrogate="dmpnn-shared", initial={"experiments": 6})
    settings = [
        {"alcohol": alcohol, "base": base, "temperature": 40}
        for alcohol, base in zip((*ALCOHOLS, "methanol"), ("weak",) * 5 + ("strong",), strict=True)
    ]
    seen = [
        observe(spec, s, measured(soluble=float(i % 2), stable=float(i < 3)), f"o{i}") for i, s in enumerate(settings)
    ]
    objective, space = build_objective(spec), build_space(spec)
    history = History(tuple(seen))

    belief = learn(spec, space, objective, history, regression_table(space, objective, history)[0], seed=0)

    soluble, stable = belief.models
    assert soluble.latent.trained is stable.latent.trained
    assert soluble.latent.summary()["targets_together"] == 2
    x = torch.from_numpy(np.stack([space.coordinates(s) for s in settings]))
    for model in belief.models:
        chance, _ = model.moments(x)
        assert bool(((chance > 0) & (chance < 1)).all())
