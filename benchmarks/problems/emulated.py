"""Problems that are computed: an emulated reaction by its kinetics, and synthetic ones; all of the space is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problems.problem import Problem, Settings, bare_spec


def snar(_data: Path) -> Problem:
    """SNAr of 2,4-difluoronitrobenzene with pyrrolidine in flow: space-time yield and E-factor, by its kinetics."""
    space = {
        "residence_time": {"type": "number", "low": 0.5, "high": 2.0},
        "equivalents": {"type": "number", "low": 1.0, "high": 5.0},
        "concentration": {"type": "number", "low": 0.1, "high": 0.5, "unit": "mol/L"},
        "temperature": {"type": "number", "low": 30.0, "high": 120.0, "unit": "degC"},
    }
    objective = {"space_time_yield": {"goal": "maximize", "low": 0}, "e_factor": {"goal": "minimize", "low": 0}}
    return Problem("snar", bare_spec("snar", space, objective), function=snar_values, reference=(0.0, 100.0))


def snar_values(settings: Settings) -> NDArray[np.float64]:
    """Space-time yield (kg per m3 and h) of the ortho product, and kg of waste per kg of it: shape ``(2,)``.

    Rate constants at 90 degC and activation energies of the four steps: Hone, Holmes, Akien, Bourne and Muller,
    React. Chem. Eng. 2 (2017) 103. The waste counts ethanol as the solvent (0.789 kg/L), as Schweidtmann et al.,
    Chem. Eng. J. 352 (2018) 277, and the emulator of Summit do.
    """
    from scipy.integrate import solve_ivp  # 1 s: only where it is needed

    minutes, start = settings["residence_time"], settings["concentration"]
    kelvin = settings["temperature"] + 273.15
    reference = np.array([57.9, 2.70, 0.865, 1.63]) * 0.6  # from 10^-2 L/mol/s to L/mol/min
    energy = np.array([33.3, 35.3, 38.9, 44.8])  # kJ/mol
    a, b, c, d = reference * np.exp(-energy / 8.314e-3 * (1 / kelvin - 1 / 363.15))

    def rates(_: float, x: NDArray[np.float64]) -> list[float]:
        halide, amine, ortho, para, _both = x
        return [
            -(a + b) * halide * amine,
            -(a + b) * halide * amine - c * amine * ortho - d * amine * para,
            a * halide * amine - c * amine * ortho,
            b * halide * amine - d * amine * para,
            c * amine * ortho + d * amine * para,
        ]

    solved = solve_ivp(
        rates, (0, minutes), [start, settings["equivalents"] * start, 0, 0, 0], method="LSODA", rtol=1e-8, atol=1e-10
    )
    end = np.maximum(solved.y[:, -1], 0.0)
    weights = np.array([159.09, 71.12, 210.21, 210.21, 261.33])  # g/mol; the amine is pyrrolidine
    product = weights[2] * end[2]  # g/L
    waste = 789.0 + float(weights @ end) - product
    return np.array([60.0 / minutes * product, min(waste / max(product, 1e-9), 1000.0)])


def branin_currin(_data: Path) -> Problem:
    """Two targets over a square of which a disc is left out; the constraint is measured: BoTorch's problem.

    Source: Daulton, Balandat and Bakshy, NeurIPS 2020.
    """
    return _synthetic("branin_currin", "ConstrainedBraninCurrin", (80.0, 12.0))


def c2dtlz2(_data: Path) -> Problem:
    """Two targets over four numbers, whose front is cut into pieces by a measured constraint: BoTorch's problem.

    Source: Deb, Thiele, Laumanns and Zitzler 2005; the constraint of Jain and Deb, IEEE T. Evol. Comput. 18 (2014) 602.
    """
    return _synthetic("c2dtlz2", "C2DTLZ2", (1.1, 1.1), dim=4, num_objectives=2)


def _synthetic(name: str, kind: str, reference: tuple[float, ...], **options: Any) -> Problem:
    """A constrained problem of BoTorch, without noise: targets f1, f2 to minimise, slack to keep at or above zero."""
    import botorch.test_functions.multi_objective as functions
    import torch

    made = getattr(functions, kind)(**options)
    space = {
        f"x{i}": {"type": "number", "low": float(low), "high": float(high)}
        for i, (low, high) in enumerate(made._bounds)
    }
    objective = {
        "f1": {"goal": "minimize"},
        "f2": {"goal": "minimize"},
        "slack": {"goal": "keep", "at_least": 0.0},
    }

    def values(settings: Settings) -> NDArray[np.float64]:
        x = torch.tensor([[settings[n] for n in space]], dtype=torch.float64)
        return np.concatenate([made.evaluate_true(x)[0].numpy(), made.evaluate_slack(x)[0].numpy()])

    return Problem(
        name, bare_spec(name, space, objective), function=values, reference=(*reference, 0.0), experiments=30
    )
