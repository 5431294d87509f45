"""Geometry optimisation by geomeTRIC with whatever gives energies and gradients.

Source: Wang and Song, J. Chem. Phys. 144 (2016) 214108.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from adapters.compute.constants import BOHR
from adapters.compute.geometry import Geometry
from adapters.errors import EvaluationError, GeometryNotConverged

# Energy in hartree and gradient in hartree/bohr, shape (n_atoms, 3), at a geometry.
Surface = Callable[[Geometry], tuple[float, Any]]

CRITERIA: Final = ("GAU_LOOSE", "GAU", "GAU_TIGHT", "GAU_VERYTIGHT")  # geomeTRIC's names for Gaussian's sets


def optimise(
    geometry: Geometry,
    surface: Surface,
    *,
    steps: int = 100,
    criteria: str = "GAU",
    is_saddle: bool = False,
    hessian: Any = None,
) -> tuple[Geometry, int]:
    """The nearest minimum (a saddle point where asked for), and how many energies it took.

    Args:
        geometry: Where to start; one atom is given back as it is.
        surface: Energies and gradients.
        steps: Most steps.
        criteria: Convergence, one of ``CRITERIA``.
        is_saddle: Follow the lowest mode up, all others down.
        hessian: At the start, in hartree/bohr^2, shape ``(3 n_atoms, 3 n_atoms)``; guessed where not given, and for a
            saddle point found by differences of gradients.

    Raises:
        GeometryNotConverged: Not within ``steps``, or the optimiser gave up.
        EvaluationError: Whatever ``surface`` raises.
    """
    if len(geometry.numbers) == 1:
        return geometry, 0
    from geometric.engine import Engine
    from geometric.errors import GeomOptNotConvergedError
    from geometric.internal import DelocalizedInternalCoordinates
    from geometric.molecule import Molecule
    from geometric.nifty import ang2bohr
    from geometric.optimize import Optimize, OptParams

    logging.getLogger("geometric.nifty").setLevel(logging.ERROR)  # which all of its modules share
    start = Molecule()
    start.elem, start.xyzs = list(geometry.symbols), [np.array(geometry.positions, dtype=float)]

    class OurEngine(Engine):  # type: ignore[misc]  # geomeTRIC has no type information
        calls = 0

        def calc_new(self, coords: Any, dirname: str) -> dict[str, Any]:
            OurEngine.calls += 1
            energy, gradient = surface(geometry.moved(coords.reshape(-1, 3) * BOHR))
            return {"energy": energy, "gradient": np.asarray(gradient, dtype=float).ravel()}

    with tempfile.TemporaryDirectory() as folder:
        more: dict[str, Any] = {}
        if hessian is not None:
            np.savetxt(f"{folder}/hessian.txt", hessian)
            more["hessian"] = f"file:{folder}/hessian.txt"
        more["xyzout"] = f"{folder}/steps.xyz"
        parameters = OptParams(maxiter=steps, convergence_set=criteria, transition=is_saddle, **more)
        internal = DelocalizedInternalCoordinates(start, build=True, connect=False, addcart=False)
        try:
            found = Optimize(start.xyzs[0].ravel() * ang2bohr, start, internal, OurEngine(start), folder, parameters)
        except GeomOptNotConvergedError:
            said = f"the geometry was not converged in {steps} steps; allow more 'steps'"
            raise GeometryNotConverged(said, details={"steps": steps}) from None
        except EvaluationError:
            raise
        except (RuntimeError, ValueError, np.linalg.LinAlgError) as error:
            raise GeometryNotConverged(f"geomeTRIC gave up: {type(error).__name__}: {error}") from None
    return geometry.moved(np.asarray(found.xyzs[-1])), OurEngine.calls
