"""What declared capabilities exclude, as problems with a remedy; the first half of every ``validate``."""

from __future__ import annotations

from loop.contracts import Capabilities, ExperimentSpec, Problem
from loop.errors import did_you_mean


def excluded(spec: ExperimentSpec, capabilities: Capabilities) -> list[Problem]:
    """Every target that is not measured and every parameter that cannot be set."""
    problems = []
    if capabilities.properties is not None:
        known = sorted(capabilities.properties)
        problems += [
            Problem(
                f"target {target!r}",
                f"this laboratory measures {', '.join(known)}{did_you_mean(target, known)}",
                "choose one of these or another laboratory",
            )
            for target in spec.targets
            if target not in capabilities.properties
        ]
    if capabilities.parameters is not None:
        known = sorted(capabilities.parameters)
        problems += [
            Problem(
                f"parameter {parameter!r}",
                f"this laboratory sets {', '.join(known)}{did_you_mean(parameter, known)}",
                "rename the parameter, or take it out of the space",
            )
            for parameter in spec.settings
            if parameter not in capabilities.parameters
        ]
    return problems
