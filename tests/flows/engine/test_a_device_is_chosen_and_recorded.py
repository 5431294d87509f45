"""Where a campaign computes: a setting of the machine, resolved before planning and kept with the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from flows.engine import replay, tick
from flows.engine.steps.planners import devices_in, found, on_device
from flows.settings import Settings, SettingsError
from loop.spec import CampaignSpec
from loop.spec.space_models import MoleculeSpec
from loop.surrogates.gnn.ensemble import GraphEnsemble
from loop.surrogates.names import LOOKED_OVER
from loop.surrogates.registry import surrogate
from loop.testing.surrogate import SPACE
from tests.flows.engine.bench import add, cheap_planner


def spec_with(surrogate: str | list[str]) -> CampaignSpec:
    return CampaignSpec.from_resolved(
        {
            "campaign": "small",
            "space": {"acid": {"type": "component", "options": {"a": "CC(=O)O", "b": "OC=O"}}},
            "objective": {"yield": {"goal": "maximize", "unit": "%"}},
            "budget": {"experiments": 4},
            "planner": {"surrogate": surrogate},
            "laboratory": {"adapter": "manual"},
        }
    )


def asked_of(planner_spec: CampaignSpec, device: str) -> dict[str, object]:
    """What a planner on that device is told beside the spec."""
    told: dict[str, object] = {}
    on_device(lambda _, **keywords: told.update(keywords), device)(planner_spec)
    return told


def test_the_environment_names_a_device_and_a_wrong_one_is_refused():
    assert Settings.from_environment({}).device == "auto"
    assert Settings.from_environment({"HAKKEN_DEVICE": "cuda"}).device == "cuda"
    with pytest.raises(SettingsError, match="HAKKEN_DEVICE must be one of auto, cpu, cuda, got 'gpu'"):
        Settings.from_environment({"HAKKEN_DEVICE": "gpu"})


@pytest.mark.parametrize(("is_there", "device"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_what_the_machine_has(monkeypatch, is_there, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: is_there)

    assert found("auto") == device
    assert found("cpu") == "cpu"


def test_a_gpu_that_is_not_there_is_said_and_not_replaced(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(SettingsError, match=r"torch sees no GPU on this machine.*HAKKEN_TRAIN_POOL"):
        asked_of(spec_with(["tanimoto", "dmpnn"]), "cuda")


def test_only_campaigns_with_graph_networks_are_told_a_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    assert asked_of(spec_with("dmpnn"), "auto") == {"device": "cuda"}
    assert asked_of(spec_with(["tanimoto", "gin"]), "auto") == {"device": "cuda"}
    assert asked_of(spec_with("committee"), "cuda") == {}


@pytest.mark.parametrize(("molecules", "told"), [(LOOKED_OVER, {"device": "cuda"}), (LOOKED_OVER - 1, {})])
def test_a_large_library_is_looked_over_by_a_gpu(monkeypatch, molecules, told):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    stored = {"key": "k", "source": "zinc.smi", "molecules": molecules, "read": molecules}
    stored |= {"unreadable": 0, "duplicates": 0}
    library = MoleculeSpec(type="molecule", file="zinc.smi", stored=stored)
    spec = spec_with("committee")

    assert asked_of(spec.model_copy(update={"space": {"molecule": library}}), "auto") == told


def test_recipes_know_the_device_and_others_do_not_mind():
    committee = surrogate(["tanimoto", "dmpnn", "gin"], SPACE, device="cuda")

    assert [m.device for m in committee.members if isinstance(m, GraphEnsemble)] == ["cuda", "cuda"]


def test_the_model_of_a_round_says_where_it_was_trained():
    alone = {"targets": {"yield": {"device": "cuda"}}}
    among = {"targets": {"yield": {"members": {"tanimoto": {}, "dmpnn": {"device": "cpu"}}}}}

    ensemble = {"targets": {"yield": {"members": 5, "device": "cuda"}}}  # of an earlier release, on record

    assert [devices_in(m) for m in (alone, among, ensemble, {})] == ["cuda", "cpu", "cuda", ""]


def test_a_replay_names_another_device(settings: Settings, tmp_path: Path) -> None:
    def planner_on(device: str) -> Any:
        def planned(*args: Any, **keywords: Any) -> Any:
            plan = cheap_planner(*args, **keywords)
            return replace(plan, model={"targets": {"yield": {"device": device}}})

        return planned

    add(settings, tmp_path)
    tick(settings, "small", planner=planner_on("cuda"))

    other, same = (replay(settings, "small", 1, planner=planner_on(device)) for device in ("cpu", "cuda"))

    assert other.is_identical
    assert other.versions == ("device was cuda, now cpu",)
    assert same.versions == ()
