"""Products are seen by models as whole molecules, and screened by their reagents, as independent sums say."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from loop.acquisition import screening, streaming
from loop.history import History, Observation
from loop.molecules.products import product_fingerprints
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.space import ProductPool, Space
from loop.spec import CampaignSpec, build_space
from loop.surrogates import gp, inducing, learnt
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.inducing import drawn, induced, told_all
from loop.surrogates.metric import metric
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.representation import Representation

AMIDE = "[C:1](=[O:2])[OH].[NX3;H2:3]>>[C:1](=[O:2])[N:3]"
ACIDS = {f"a{i}": f"{'C' * (i % 4 + 1)}{'OCNF'[i // 4]}CCC(=O)O" for i in range(12)}
AMINES = {f"n{i}": f"N{'C' * (i % 5 + 1)}{'c1ccccc1' if i > 4 else 'C(F)F'}" for i in range(10)}


def campaign(**planner: object) -> CampaignSpec:
    reagents = {"acid": {"options": ACIDS}, "amine": {"options": AMINES}}
    return CampaignSpec.from_resolved(
        {
            "campaign": "amides",
            "space": {"molecule": {"type": "products", "reaction": AMIDE, "reagents": reagents}},
            "objective": {"y": {"goal": "maximize"}},
            "planner": {"batch": 4, "initial": {"experiments": 8}, **planner},
            "budget": {"experiments": 60},
            "laboratory": {"adapter": "emulator"},
        }
    )


def structure(space: Space, x: np.ndarray) -> str:
    return space.smiles(space.settings(x))["molecule"]


def test_similarity_is_that_of_the_made_molecules() -> None:
    space = build_space(campaign())
    x = ProductPool(space).take(np.arange(0, 120, 7))
    known = product_fingerprints(AMIDE, (tuple(ACIDS.values()), tuple(AMINES.values())), ("morgan",))
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2)
    made = [generator.GetSparseCountFingerprint(Chem.MolFromSmiles(structure(space, row))) for row in x]

    found = known.similarity(x.astype(np.int64), x.astype(np.int64))

    expected = [[DataStructs.TanimotoSimilarity(a, b) for b in made] for a in made]
    assert np.allclose(found, expected, atol=1e-6)  # sums are kept in single precision


def test_the_distance_is_one_of_the_product_and_not_of_each_reagent() -> None:
    space = build_space(campaign())
    x = torch.from_numpy(ProductPool(space).take(np.arange(120)))

    for kind in (Representation.COUNTS, Representation.SEVERAL):
        whole = metric(space, kind).squared(x, x)
        assert 1.8 < float(whole.sum()) / (120 * 119) < 2.2  # two products at random, as two options
        assert torch.equal(whole, whole.T)
        assert float(whole.diagonal().abs().max()) < 1e-6
    assert len(metric(space, Representation.DESCRIPTORS).parts) == 2


def test_screening_ranks_as_the_whole_process_does() -> None:
    rng = np.random.default_rng(0)
    sizes = (5, 6, 4)
    kernels = []
    for n in sizes:
        root = rng.standard_normal((n, n))
        kernels.append(0.5 * np.eye(n) + 0.5 * np.corrcoef(root) ** 2)
    every = np.array(list(itertools.product(*map(range, sizes))))
    tried = every[rng.choice(len(every), 40, replace=False)]
    value = rng.standard_normal(40)

    looked_up = [(len(k), lambda a, b, k=k: k[np.ix_(a, b)]) for k in kernels]
    found = screening.promising(looked_up, tried, value, 15, rng)

    def prior(a: np.ndarray, b: np.ndarray) -> float:
        k = [kernel[i, j] for kernel, i, j in zip(kernels, a, b, strict=True)]
        return 1.0 + sum(k) + screening.PAIRS * (k[0] * k[1] + k[0] * k[2] + k[1] * k[2])

    covariance = np.array([[prior(a, b) for b in tried] for a in tried]) + screening.NOISE * np.eye(40)
    mean = np.array([[prior(a, b) for b in tried] for a in every]) @ np.linalg.solve(covariance, value)
    assert found.tolist() == every[np.argsort(-mean, kind="stable")[:15]].tolist()


def test_of_more_products_than_can_be_ranked_the_reagents_that_promise_most_are_ranked(monkeypatch) -> None:
    monkeypatch.setattr(screening, "RANKED", 24)
    alone = [np.arange(12.0), np.arange(8.0)[::-1]]
    lucky = np.zeros((12, 8))
    lucky[0, 7] = 50.0  # two reagents that are worth most together

    first, second = screening._shortened(alone, {(0, 1): lucky})

    assert len(first) * len(second) <= 24
    assert first.tolist() == [0, 7, 8, 9, 10, 11]
    assert second.tolist() == [0, 1, 2, 7]


def test_a_large_space_is_searched_among_what_was_screened(monkeypatch) -> None:
    monkeypatch.setattr(streaming, "POOL_LIMIT", 50)  # 120 products count as many
    monkeypatch.setattr(screening, "KEPT", 40)
    monkeypatch.setattr(screening, "AT_RANDOM", 10)
    spec = campaign(surrogate="tanimoto", acquisition="top")
    space = build_space(spec)
    pool = ProductPool(space)
    everything = pool.take(np.arange(120))
    known = product_fingerprints(AMIDE, (tuple(ACIDS.values()), tuple(AMINES.values())), ("morgan",))
    likeness = known.similarity(everything.astype(np.int64), np.array([[7, 3]]))[:, 0]
    value = dict(zip(map(tuple, everything), likeness.tolist(), strict=True))
    tried = list(pool.take(np.random.default_rng(0).choice(120, 16, replace=False)))

    for turn in range(6):
        seen = [
            Observation(str(i), x, Measured((Measurement("y", v, "", v),)))
            for i, x in enumerate(tried)
            for v in [float(value[tuple(x)])]
        ]
        made = plan(spec, History(tuple(seen)), pool, seed=turn, experiments=4)
        tried += [space.coordinates(p.candidate.settings) for p in made.proposals]

    assert any("candidates, chosen by their reagents" in note for note in made.notes)
    assert len({tuple(x) for x in tried}) == 40
    best = sorted(value, key=lambda x: -value[x])[:10]
    assert sum(b in {tuple(x) for x in tried} for b in best) >= 8  # of 24 choices; at random two


def test_what_was_screened_for_other_values_is_not_heard(monkeypatch) -> None:
    monkeypatch.setattr(streaming, "POOL_LIMIT", 50)
    monkeypatch.setattr(streaming, "CLIMBS", 0)  # nothing but what was screened
    monkeypatch.setattr(screening, "KEPT", 12)
    monkeypatch.setattr(screening, "AT_RANDOM", 2)
    spec = campaign(surrogate="tanimoto", acquisition="top")
    used, fresh = ProductPool(build_space(spec)), ProductPool(build_space(spec))
    tried = used.take(np.random.default_rng(0).choice(120, 16, replace=False))

    def chosen(pool: ProductPool, sign: float) -> list[dict[str, object]]:
        values = sign * tried[:, 0]
        seen = [Observation(str(i), x, Measured((Measurement("y", v, "", v),))) for i, (x, v) in
                enumerate(zip(tried, values.tolist(), strict=True))]  # fmt: skip
        made = plan(spec, History(tuple(seen)), pool, seed=0, experiments=4)
        return [dict(p.candidate.settings) for p in made.proposals]

    first, second = chosen(used, 1.0), chosen(used, -1.0)  # as many results, the same seed, the same pool

    assert second == chosen(fresh, -1.0)
    assert second != first


def measured(n: int) -> tuple[Space, TrainingSet]:
    """``n`` of 120 products and values that reagents decide, with some noise."""
    space = build_space(campaign())
    rng = np.random.default_rng(3)
    x = torch.from_numpy(ProductPool(space).take(rng.choice(120, n, replace=False)))
    y = torch.sin(x[:, 0]) + 0.3 * x[:, 1] + 0.1 * torch.from_numpy(rng.standard_normal(n))
    return space, TrainingSet(x, y, torch.full_like(y, torch.nan))


PROCESS = GaussianProcess("t", Representation.COUNTS)


@pytest.mark.parametrize("way", ["exact", "induced"])
def test_rows_that_stand_for_all_of_themselves_change_nothing(way: str) -> None:
    space, data = measured(60)
    exact = PROCESS.fit(space, data, seed=0)

    wide = told_all(exact, data, 0) if way == "exact" else induced(exact, data, torch.arange(60))

    others = torch.from_numpy(ProductPool(space).take(np.arange(120)))
    far = 1e-8 if way == "exact" else 2e-3  # the jitter of inducing rows
    for mine, theirs in zip(wide.moments(others), exact.moments(others), strict=True):
        assert torch.allclose(mine, theirs, atol=far)
    assert torch.allclose(wide.held_out(), exact.held_out(), atol=10 * far)


def test_of_rows_that_stand_for_all_replicates_are_left_out_together() -> None:
    space, data = measured(40)
    again = torch.cat([torch.arange(40), torch.tensor([3, 3, 17, 30])])
    noise = torch.randn(44, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    data = replace(data.rows(again), y=data.y[again] + noise)
    part = PROCESS.fit(space, data, seed=0)
    rows = torch.tensor([0, 3, 8, 17, 21, 33])

    _, residual, variance = induced(part, data, rows).left_out_values()

    # densely, by hand
    z, y = torch.unique(data.x[rows], dim=0), (data.y - part.shift) / part.scale
    inner = part.kernel(z, z) + inducing.JITTER * part.prior_variance * torch.eye(len(z))
    across = part.kernel(z, data.x)
    shared = across.T @ torch.linalg.solve(inner, across)
    whole = shared + torch.diag(part.prior_variance - shared.diagonal() + part.noise_variance)
    for i in range(len(y)):
        others = ~(data.x == data.x[i]).all(1)
        weights = torch.linalg.solve(whole[others][:, others], shared[others, i])
        assert float(residual[i]) == pytest.approx(float(y[i] - weights @ y[others]), abs=1e-6)
        assert float(variance[i]) == pytest.approx(float(whole[i, i] - weights @ shared[others, i]), abs=1e-6)


def test_of_many_rows_a_part_decides_the_hyper_parameters_and_all_are_told(monkeypatch) -> None:
    space, data = measured(100)
    monkeypatch.setattr(inducing, "PART", 40)
    part = PROCESS.fit(space, data.rows(drawn(100, 40, 0)), seed=0)
    monkeypatch.setattr(gp, "MANY", 60)

    fitted = PROCESS.fit(space, data, seed=0)

    told = fitted.summary()
    assert (told["rows"], told["rows_of_hyper_parameters"]) == (100, 40)
    assert [told[key] for key in HYPER] == [part.summary()[key] for key in HYPER]
    # in closed form, by hand
    covariance = part.kernel(data.x, data.x) + part.noise_variance * torch.eye(100)
    others = torch.from_numpy(ProductPool(space).take(np.arange(120)))
    expected = part.kernel(others, data.x) @ torch.linalg.solve(covariance, (data.y - part.shift) / part.scale)
    torch.testing.assert_close(fitted.moments(others)[0], expected * part.scale + part.shift)


HYPER = ("lengthscale", "output_scale", "noise_variance")


def test_of_more_rows_than_can_be_exact_some_stand_for_all(monkeypatch) -> None:
    monkeypatch.setattr(gp, "MANY", 60)
    for name, size in (("PART", 40), ("EXACT", 50), ("SKIMMING", 30), ("CHUNK", 32)):
        monkeypatch.setattr(inducing, name, size)
    monkeypatch.setattr("loop.surrogates.exact.SKIMMED", 1)
    space = build_space(campaign())
    x = torch.from_numpy(ProductPool(space).take(np.arange(120)))
    y = torch.sin(x[:, 0] / 3) + 0.3 * x[:, 1]
    data = TrainingSet(x, y, torch.full_like(y, torch.nan))

    fitted = PROCESS.fit(space, data, seed=0)

    assert (fitted.summary()["rows"], fitted.summary()["inducing_rows"]) == (120, 50)
    assert fitted.held_out().shape == (120,)
    mean, sd = fitted.moments(x)
    assert float((mean - y).std()) < 0.35 * float(y.std())
    assert bool((sd > 0).all())
    quick_mean, quick_sd = fitted.skimmed(x)
    torch.testing.assert_close(quick_mean, mean, rtol=1e-4, atol=1e-4)
    fewer = induced(fitted, data, drawn(120, 30, 0))
    torch.testing.assert_close(quick_sd, fewer.moments(x)[1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("what", ["limits", "effects", "noise"])
def test_what_has_no_closed_form_takes_the_lengthscale_of_a_part(monkeypatch, what: str) -> None:
    space, data = measured(100)
    monkeypatch.setattr(inducing, "PART", 40)
    process = replace(PROCESS, learns_noise=what == "noise")
    if what == "limits":
        high = torch.where(data.y < data.y.quantile(0.1), data.y.quantile(0.1), torch.inf)
        low = torch.where(torch.isfinite(high), -torch.inf, torch.nan)
        data = replace(data, low=low, high=torch.where(torch.isfinite(high), high, torch.nan))
    if what == "effects":
        data = replace(data, effects={"plate": tuple("AB"[i % 2] for i in range(100))})
    part = process.fit(space, data.rows(drawn(100, 40, 0)), seed=0)
    grids: list[int] = []
    for name in ("most_probable", "decomposed"):
        plain = getattr(learnt, name)
        counted = lambda c, *rest, plain=plain: grids.append(len(c)) or plain(c, *rest)  # noqa: E731
        monkeypatch.setattr(learnt, name, counted)
    monkeypatch.setattr(gp, "MANY", 60)

    fitted = process.fit(space, data, seed=0)

    assert fitted.summary()["lengthscale"] == part.summary()["lengthscale"]
    assert len(fitted.x) == 100
    assert grids[0] > 1 == grids[-1]  # the part tries every lengthscale, all rows its own
