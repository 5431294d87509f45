"""Experiments as a laboratory is asked for them."""

from __future__ import annotations

from loop.as_written import in_order
from loop.contracts import ExperimentSpec
from loop.record import AttemptRecord
from loop.spec import CampaignSpec, parameters_of
from loop.spec.space_models import NumberSpec


def experiment_spec(spec: CampaignSpec, attempt: AttemptRecord) -> ExperimentSpec:
    """What the laboratory is asked to do."""
    written = parameters_of(spec)
    return ExperimentSpec(
        campaign=spec.campaign,
        settings={name: attempt.settings[name] for name in in_order(attempt.settings, written)},
        units={name: p.unit for name, p in spec.space.items() if isinstance(p, NumberSpec)},
        smiles={name: attempt.smiles[name] for name in in_order(attempt.smiles, written)},
        targets={name: target.unit for name, target in spec.objective.items()},
        replicate_no=attempt.replicate_no,
        place={} if attempt.place is None else attempt.place.context,
    )
