"""Planners: what makes a batch of a history, the one that is used where none is given, and where it computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from flows.settings import SettingsError
from loop.record import Json, members_told
from loop.spec.space_models import MoleculeSpec
from loop.surrogates.names import GRAPHS, LOOKED_OVER

if TYPE_CHECKING:
    from loop.planner import Plan
    from loop.spec import CampaignSpec

Planner: TypeAlias = "Callable[..., Plan]"


def default_planner(*args: object, **keywords: object) -> Plan:
    """``loop.planner.plan``, imported when it is first needed."""
    from loop.planner import plan  # brings torch: seconds, only where a batch is planned

    return plan(*args, **keywords)  # type: ignore[arg-type]  # hands on whatever a planner takes


def on_device(planner: Planner, device: str) -> Planner:
    """The planner, told to compute on ``device`` (one of ``settings.DEVICES``) where a spec has work for a GPU."""

    def planned(spec: CampaignSpec, *args: object, **keywords: object) -> Plan:
        if not has_work(spec):
            return planner(spec, *args, **keywords)
        return planner(spec, *args, device=found(device), **keywords)

    return planned


def has_work(spec: CampaignSpec) -> bool:
    """Whether a GPU would help: graph networks to train, or a large library to look over."""
    named = spec.planner.surrogate
    if GRAPHS & set([named] if isinstance(named, str) else named):
        return True
    sizes = (p.stored.molecules for p in spec.space.values() if isinstance(p, MoleculeSpec) and p.stored is not None)
    return named != "random" and max(sizes, default=0) >= LOOKED_OVER


def found(device: str) -> str:
    """``cpu`` or ``cuda``: what ``device`` means on this machine.

    Raises:
        SettingsError: A GPU is asked for, and torch sees none.
    """
    if device == "cpu":
        return device
    import torch

    is_there = torch.cuda.is_available()
    if device == "cuda" and not is_there:
        raise SettingsError(
            "HAKKEN_DEVICE is cuda, and torch sees no GPU on this machine; set it to auto or cpu here, or let a worker "
            "that has one do the training (HAKKEN_TRAIN_POOL)"
        )
    return "cuda" if is_there else "cpu"


def devices_in(model: Json) -> str:
    """Where a round computed, as its model on record says; "" where nothing in it asks for a device."""
    targets = model.get("targets", {}).values()
    parts = [part for t in targets for part in (t, *members_told(t).values())]
    return ", ".join(sorted({part["device"] for part in parts if "device" in part}))
