"""Effective core potentials: each basis gets those that belong to it, and none is computed without what it lacks."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("pyscf", reason="pyscf is not installed: pip install 'hakken[dft]'")

from adapters.compute.dft.evaluate import evaluate
from adapters.compute.dft.level import basis_for, core_potentials
from adapters.errors import BasisMissing

HBR = "2\n\nH 0 0 0\nBr 0 0 1.414"
HI = "2\n\nH 0 0 0\nI 0 0 1.609"
SLIGHT: dict[str, Any] = {"functional": "hf", "density_fit": False, "verbosity": 0}


@pytest.mark.parametrize(
    ("block", "basis", "potential", "replaced"),
    [
        ("2\n\nC 0 0 0\nBr 0 0 1.82", "lanl2dz", "lanl2dz", {"Br": 28}),
        (HBR, "lanl2dz", "lanl2dz", {"Br": 28}),
        (HI, "lanl2dz", "lanl2dz", {"I": 46}),
        (HI, "ma-def2-svp", "def2-svp", {"I": 28}),
        ("1\n\nZn 0 0 0", "aug-cc-pvdz-pp", "cc-pvdz-pp", {"Zn": 10}),
        ("2\n\nN 0 0 0\nN 0 0 1.1", "ccecp-cc-pvdz", "ccecp", {"N": 2}),
        ("2\n\nN 0 0 0\nN 0 0 1.1", "bfd-vdz", "bfd", {"N": 2}),
    ],
)
def test_a_basis_has_the_potentials_that_pyscf_is_told_of(
    block: str, basis: str, potential: str, replaced: dict[str, int]
) -> None:
    from pyscf import gto, scf

    rows = block.splitlines()[2:]
    kinds = {row.split()[0] for row in rows}
    potentials = {kind: found for kind in kinds if (found := gto.basis.load_ecp(potential, kind))}
    molecule = gto.M(atom="; ".join(rows), basis=basis, ecp=potentials, spin=None, verbose=0)
    expected = (scf.UHF if molecule.spin else scf.RHF)(molecule).run(conv_tol=1e-10).e_tot
    found = evaluate(block, basis=basis, **SLIGHT)

    assert found.values["energy"][0] == pytest.approx(expected, abs=1e-6)
    assert found.details["core_electrons"] == replaced


def test_bromomethane_by_lanl2dz_is_what_pyscf_says_with_its_potential() -> None:
    from pyscf import dft, gto

    rows = ["C 0 0 0", "Br 0 0 1.95", "H 1.03 0 -0.33", "H -0.515 0.892 -0.33", "H -0.515 -0.892 -0.33"]
    theirs = dft.RKS(gto.M(atom="; ".join(rows), basis="lanl2dz", ecp="lanl2dz", verbose=0)).density_fit()
    theirs.xc, theirs.grids.level = "pbe", 1
    theirs.run()
    found = evaluate("\n".join(["5", "", *rows]), functional="pbe", basis="lanl2dz", grid=1, verbosity=0)

    assert found.values["energy"][0] == pytest.approx(theirs.e_tot, abs=1e-6)
    dipole = sum(part**2 for part in theirs.dip_moment(verbose=0)) ** 0.5
    assert found.values["dipole"][0] == pytest.approx(dipole, abs=1e-3)
    assert 1 < dipole < 4  # debye; 1.82 by experiment, and lanl2dz has no polarisation functions


def test_without_heavy_elements_nothing_is_replaced() -> None:
    found = evaluate("2\n\nLi 0 0 0\nH 0 0 1.6", basis="lanl2dz", **SLIGHT)

    assert "core_electrons" not in found.details
    assert -8.1 < found.values["energy"][0] < -7.9  # hartree, all four electrons: -7.98 (Cade and Huo, 1967)


@pytest.mark.parametrize(
    ("basis", "symbol"),
    [
        ("minao", "Pb"),  # as its first guess takes it, without potential
        ("cc-pvdz-pp-nr", "Au"),  # for a potential that PySCF does not have
        ("cc-pvtz-pp-nr", "Cu"),  # the same, with functions as steep as some sets for all electrons have
        ("bfd-vdz", "Rn"),
    ],
)
def test_valence_electrons_without_a_potential_are_refused(basis: str, symbol: str) -> None:
    assert basis_for(basis, (symbol,)) == basis

    with pytest.raises(BasisMissing, match=f"basis '{basis}' of {symbol} has no core, .* use another"):
        core_potentials(basis, ("H", symbol))


@pytest.mark.parametrize("basis", ["sto-3g", "6-31g*", "6-31g(2df,p)", "cc-pvdz", "def2-tzvpp", "dyall-v2z", "pcseg-1"])
def test_sets_for_all_electrons_need_none(basis: str) -> None:
    assert core_potentials(basis, ("H", "Li", "C", "F", "Cl")) == {}


def test_a_basis_with_fewer_functions_than_electrons_is_refused() -> None:
    with pytest.raises(BasisMissing, match="has 5 functions here, and 6 electrons of one spin need as many"):
        evaluate("1\n\nNe 0 0 0", charge=-1, unpaired=1, basis="sto-3g", **SLIGHT)
