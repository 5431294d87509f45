"""Geometry optimisation by geomeTRIC with whatever gives energies and gradients.

Source: Wang and Song, J. Chem. Phys. 144 (2016) 214108.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy.spatial.transform import Rotation

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

    Note [One orientation]: energies on a grid differ a little as a molecule turns, by 1e-6 hartree, and an optimiser
    that follows them turns it for dozens of steps. So each geometry is turned as the first lies, and what would turn it
    is taken from the gradient.

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
        EvaluationError, NotImplementedError: Whatever ``surface`` raises of these.
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
            turn, positions = as_it_lay(coords.reshape(-1, 3) * BOHR, geometry.positions)
            energy, gradient = surface(geometry.moved(positions))
            still = without_turning(np.asarray(gradient, dtype=float), positions)
            return {"energy": energy, "gradient": turn.inv().apply(still).ravel()}

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
        except (EvaluationError, NotImplementedError):
            raise
        except (RuntimeError, ValueError, np.linalg.LinAlgError) as error:
            raise GeometryNotConverged(f"geomeTRIC gave up: {type(error).__name__}: {error}") from None
    return geometry.moved(as_it_lay(found.xyzs[-1], geometry.positions)[1]), OurEngine.calls


def as_it_lay(positions: Any, reference: Any) -> tuple[Rotation, Any]:
    """The turn that brings positions nearest to a reference, and the positions after it, each ``(n_atoms, 3)``.

    Source: Kabsch, Acta Cryst. A 32 (1976) 922.
    """
    there = np.asarray(reference, dtype=float)
    here = np.asarray(positions, dtype=float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a straight molecule may be turned about itself
        turn, _ = Rotation.align_vectors(there - there.mean(axis=0), here - here.mean(axis=0))
    return turn, turn.apply(here - here.mean(axis=0)) + there.mean(axis=0)


def without_turning(gradient: Any, positions: Any) -> Any:
    """A gradient less what moves or turns the whole, both of shape ``(n_atoms, 3)``."""
    centred = positions - positions.mean(axis=0)
    moves = [np.tile(axis, len(centred)) for axis in np.eye(3)]
    turns = [np.cross(axis, centred).ravel() for axis in np.eye(3)]
    rigid = np.array([*moves, *turns]).T
    part, *_ = np.linalg.lstsq(rigid, gradient.ravel(), rcond=1e-6)  # of a straight molecule one turn is none
    return gradient - (rigid @ part).reshape(gradient.shape)
