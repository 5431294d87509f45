"""What can be wrong with what a campaign file says of its noise: effects, the model of it, and that there is none."""

from __future__ import annotations

from collections.abc import Sequence

from loop.circumstances import EFFECTS
from loop.errors import did_you_mean
from loop.spec.lines import Problem
from loop.spec.models import CampaignSpec
from loop.spec.space_models import ContextSpec

LEARN_NOISE = ("committee", "gp", "gp-descriptors", "gp-mordred", "gp-given", "tanimoto")


def problem_of_exact(spec: CampaignSpec) -> Problem | None:
    """What goes against values that come out the same each time, as a key and a sentence; None where nothing does."""
    exact = [name for name, t in spec.objective.items() if t.exact]
    if exact and spec.general is not None:
        return ("objective", exact[0], "exact"), (
            "exact says that a candidate's value is known once it was measured, and a general condition is believed "
            "over the whole of its scope; leave out exact"
        )
    if not exact or len(exact) < len(spec.objective):
        return None
    all_exact = f"{', '.join(exact)} {'is' if len(exact) == 1 else 'are'} exact"
    again = "measured again a candidate gives the same number"
    if spec.planner.replicates != 1:
        return ("planner", "replicates"), (
            f"{spec.planner.replicates}, and {all_exact}: {again}; leave out replicates, or exact"
        )
    if spec.plate is not None and spec.plate.replicates:
        return ("plate", "replicates"), (
            f"{spec.plate.replicates}, and {all_exact}: {again}; leave out replicates, or exact"
        )
    if spec.plate is not None and spec.plate.controls is not None:
        return ("plate", "controls"), (
            f"{all_exact}, and control wells are there to show what shifts a plate, which nothing does; leave out "
            "controls, or exact"
        )
    if spec.noise is not None and spec.noise.effects:
        return ("noise", "effects"), (
            f"{', '.join(spec.noise.effects)}, and {all_exact}: nothing shifts what comes out the same each time; "
            "leave out effects, or exact"
        )
    for number, rule in enumerate(spec.stop):
        if rule.confirm:
            return ("stop", number, "confirm"), f"true, and {all_exact}: {again}; leave out confirm, or exact"
    return None


def problem_of_noise(spec: CampaignSpec) -> tuple[str, str]:
    """The key under ``noise`` that cannot stand, and a sentence; two empty texts where all can."""
    noise = spec.noise
    if noise is None:
        return "", ""
    declared = [name for name, p in spec.space.items() if isinstance(p, ContextSpec)]
    known = list(dict.fromkeys((*EFFECTS, *declared)))
    for name in noise.effects:
        if name in known:
            continue
        if name in spec.space:
            return "effects", f"{name!r} is chosen, so the surface has it already; leave it out"
        hint = did_you_mean(name, known)
        rule = f"effect {name!r} is not recorded with results{hint}; use one of {', '.join(known)}"
        return "effects", f"{rule}, or declare {name!r} in the space with type: context"
    if twice := [n for n in noise.effects if noise.effects.count(n) > 1]:
        return "effects", f"effect {twice[0]!r} is given twice; keep one"
    members: Sequence[str] = (
        [spec.planner.surrogate] if isinstance(spec.planner.surrogate, str) else spec.planner.surrogate
    )
    if noise.model == "learnt" and not set(members) & set(LEARN_NOISE):
        rule = f"surrogate {members[0]!r} takes the noise to be the same everywhere"
        return "model", f"{rule}; use model: constant, or a surrogate among {', '.join(LEARN_NOISE)}"
    return "", ""
