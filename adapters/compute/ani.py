"""ANI-1x as an ASE calculator: a network potential for molecules of H, C, N and O, with its weights in its wheel.

Eight networks trained on wB97X/6-31G(d); the energy is their mean. torchani 2.2 brings the weights of ANI-1x whole and
those of its other models in part, and its own loader fetches what is lacking; so they are read here, and nothing is
fetched.

Sources: Smith et al., J. Chem. Phys. 148 (2018) 241733 (ANI-1x); Gao et al., J. Chem. Inf. Model. 60 (2020) 3408
(TorchANI).
"""

from __future__ import annotations

import sys
import warnings
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from adapters.errors import SettingUnknown

ELEMENTS: Final = ("H", "C", "N", "O")
NETWORKS: Final = 8
_PARAMETERS: Final = "rHCNO-5.2R_16-3.5A_a4-8.params"


def ani_1x(networks: int = NETWORKS) -> Any:
    """The calculator: energies in eV, forces in eV/angstrom, of neutral closed-shell molecules.

    Args:
        networks: How many of the eight take part, from the first.

    Raises:
        SettingUnknown: There are not so many.
    """
    if not 1 <= networks <= NETWORKS:
        raise SettingUnknown(f"ANI-1x has {NETWORKS} networks, and {networks} are asked for; take 1 to {NETWORKS}")
    torchani = _torchani()
    from ase.calculators.calculator import Calculator, all_changes
    from torch import float64

    folder = Path(torchani.__file__).parent / "resources" / "ani-1x_8x"
    constants = torchani.neurochem.Constants(str(folder / _PARAMETERS))
    shift = torchani.neurochem.load_sae(str(folder / "sae_linfit.dat"))
    ensemble = torchani.neurochem.load_model_ensemble(constants.species, str(folder / "train"), networks)
    model = torchani.nn.Sequential(torchani.AEVComputer(**constants), ensemble, shift).to(float64)
    numbers = dict(zip((1, 6, 7, 8), range(4), strict=True))  # in the order of ELEMENTS, as the networks have them

    class ANI1x(Calculator):  # type: ignore[misc]  # ase has no types
        implemented_properties = ["energy", "forces"]  # noqa: RUF012  # as ASE wants it

        def calculate(
            self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes
        ) -> None:
            import torch
            from ase.units import Hartree

            super().calculate(atoms, properties, system_changes)
            kinds = self.atoms.get_atomic_numbers()
            if strange := sorted({int(z) for z in kinds} - set(numbers)):
                raise KeyError(f"ANI-1x knows {', '.join(ELEMENTS)} alone, and here is element {strange[0]}")
            species = torch.tensor([[numbers[int(z)] for z in kinds]])
            at = torch.tensor(self.atoms.get_positions()[None], dtype=float64, requires_grad=True)
            energy = model((species, at)).energies * Hartree
            self.results = {
                "energy": float(energy.detach()),
                "forces": -torch.autograd.grad(energy.sum(), at)[0][0].numpy(),
            }

    return ANI1x()


def _torchani() -> Any:
    """The package. When it is imported it asks for two modules that newer setuptools and Pythons no longer bring:
    ``pkg_resources``, for its own version, and ``distutils``, for downloads that are not made here.
    """
    gone = {name: ModuleType(name) for name in ("pkg_resources", "distutils", "distutils.dir_util")}
    gone["pkg_resources"].get_distribution = metadata.distribution  # type: ignore[attr-defined]
    gone["pkg_resources"].DistributionNotFound = metadata.PackageNotFoundError  # type: ignore[attr-defined]
    gone["distutils"].dir_util = gone["distutils.dir_util"]  # type: ignore[attr-defined]
    there = {name: sys.modules[name] for name in gone if name in sys.modules}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own CUDA kernels are not there, and it says so
        sys.modules.update({**gone, **there})
        try:
            import torchani
            import torchani.neurochem
        finally:
            for name in gone.keys() - there.keys():
                del sys.modules[name]
    return torchani
