"""Reactions and barriers between given structures, asked of the evaluator and by a campaign, against other sums."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyscf", reason="pyscf is not installed: pip install 'hakken[dft]'")
pytest.importorskip("geometric", reason="geometric is not installed: pip install 'hakken[dft]'")

from adapters.compute.dft.by_option import evaluate_given
from adapters.compute.dft.evaluate import evaluate
from adapters.compute.evaluation import Request
from adapters.errors import AdapterOptionsError, InputRefused
from adapters.registry import build
from loop.contracts import AdapterContext, ExperimentSpec
from loop.outcome import Fault, Measured, read_outcome
from tests.adapters.executors.jobs import ended

KCAL = 627.5094740631
HCN = "3\nhydrogen cyanide\nH 0 0 -1.07\nC 0 0 0\nN 0 0 1.15"
HNC = "3\nhydrogen isocyanide\nH 0 0 2.15\nC 0 0 0\nN 0 0 1.17"
BETWEEN = "3\nfound once at this level\nH 1.15 0 0.45\nC 0 0 0\nN 0 0 1.21"
HYDROGEN = "2\n\nH 0 0 0\nH 0 0 0.74"
THREE = "3\nunpaired=1\nH 0 0 -0.95\nH 0 0 0\nH 0 0 0.92"
PYRAMID = "4\n\nN 0 0 0.2\nH 0.95 0 -0.2\nH -0.475 0.82 -0.2\nH -0.475 -0.82 -0.2"
NEARLY_FLAT = "4\n\nN 0 0 0.05\nH 0.98 0 0\nH -0.49 0.85 0\nH -0.49 -0.85 0"
SLIGHT: dict[str, Any] = {"functional": "hf", "basis": "sto-3g", "density_fit": False}
BOTH = ["reaction_energy", "barrier"]


def test_a_way_forth_costs_what_the_way_back_costs_and_the_reaction() -> None:
    forth = evaluate(HCN, products=[HNC], saddle=BETWEEN, properties=BOTH, optimise="dft", verbosity=0, **SLIGHT)
    back = evaluate(HNC, products=[HCN], saddle=BETWEEN, properties=BOTH, optimise="dft", verbosity=0, **SLIGHT)
    energies = [
        evaluate(xyz, properties=["energy"], optimise="dft", verbosity=0, **SLIGHT).values["energy"][0]
        for xyz in (HCN, HNC)
    ]

    (cost, unit), (barrier, unit_of_barrier) = (forth.values[name] for name in BOTH)
    assert (unit, unit_of_barrier) == ("kcal/mol", "kcal/mol")
    assert cost == pytest.approx((energies[1] - energies[0]) * KCAL, abs=1e-3)
    assert cost == pytest.approx(-back.values["reaction_energy"][0], abs=1e-2)
    assert barrier == pytest.approx(back.values["barrier"][0] + cost, abs=1e-2)
    assert barrier > max(cost, 0)
    assert forth.details["saddle"]["imaginary_wavenumber"] > 500
    assert forth.details["reaction"]["products"][0].startswith("3\n")  # where it came to lie


def test_hydrogen_changes_its_partner_over_the_symmetric_chain() -> None:
    from pyscf import gto, scf
    from scipy.optimize import minimize_scalar

    def energy(atoms: str, spin: int) -> float:
        return float(scf.UHF(gto.M(atom=atoms, basis="sto-3g", spin=spin, verbose=0)).run(conv_tol=1e-11).e_tot)

    chain = minimize_scalar(lambda r: energy(f"H 0 0 {-r}; H 0 0 0; H 0 0 {r}", 1), bounds=(0.8, 1.1), method="bounded")
    pair = minimize_scalar(lambda r: energy(f"H 0 0 0; H 0 0 {r}", 0), bounds=(0.6, 0.9), method="bounded")
    found = evaluate(
        "[H]", partners=[HYDROGEN], products=["[H]", HYDROGEN], saddle=THREE, properties=BOTH, optimise="dft",
        criteria="GAU_TIGHT", verbosity=0, **SLIGHT,
    )  # fmt: skip

    expected = (chain.fun - pair.fun - energy("H 0 0 0", 1)) * KCAL
    assert found.values["barrier"][0] == pytest.approx(expected, abs=2e-3)
    assert found.values["reaction_energy"][0] == pytest.approx(0, abs=1e-6)
    assert found.details["saddle"]["unpaired"] == 1


def test_a_comment_says_the_charge_and_the_spin() -> None:
    hydroxide = evaluate("2\ncharge=-1 of hydroxide\nO 0 0 0\nH 0 0 0.97", verbosity=0, **SLIGHT)
    oxygen = evaluate("2\nunpaired=2\nO 0 0 0\nO 0 0 1.21", verbosity=0, **SLIGHT)
    told_otherwise = evaluate("2\nunpaired=2\nO 0 0 0\nO 0 0 1.21", unpaired=0, verbosity=0, **SLIGHT)

    assert (hydroxide.details["charge"], hydroxide.details["unpaired"]) == (-1, 0)
    assert (oxygen.details["charge"], oxygen.details["unpaired"]) == (0, 2)
    assert told_otherwise.details["unpaired"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"properties": ["barrier"]}, "'barrier' needs a structure near the saddle point; give it as 'saddle'"),
        (
            {"properties": ["barrier"], "saddle": BETWEEN, "optimise": "none"},
            "'barrier' needs .*; set optimise to 'dft'",
        ),
        ({"properties": ["reaction_energy"]}, "give its SMARTS as 'reaction', or the 'products'"),
        ({"reaction": "[C:1]>>[C:1]", "products": [HNC]}, "products are said twice"),
        (
            {"products": [HYDROGEN]},
            "the products must have the atoms .* of the reactants, CHN, got H2; give every partner",
        ),
        ({"products": ["[C-]#N"]}, r"got CN \(-1\); give every partner and product, and a charge in the comment"),
        ({"saddle": THREE}, "the saddle point must have the atoms and the charge of the reactants, CHN, got H3"),
        ({"saddle": "C#N"}, "XYZ line 1 must be the number of atoms"),
        ({"partners": ["[H"], "products": [HNC]}, "SMILES '.H' cannot be read"),
    ],
)
def test_what_cannot_be_a_reaction_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputRefused, match=message):
        evaluate(HCN, **{"optimise": "dft", "verbosity": 0, **SLIGHT, **options})


INVERSION = {"molecule": "pyramid.xyz", "saddle": "flat.xyz"}
EXPERIMENT = ExperimentSpec("ways", {"way": "inversion"}, {}, {}, {"barrier": "kcal/mol"})


def laboratory(folder: Path, given: dict[str, Any], **options: Any) -> Any:
    (folder / "pyramid.xyz").write_text(PYRAMID)
    (folder / "flat.xyz").write_text(NEARLY_FLAT)
    (folder / "empty.xyz").write_text("\n")
    (folder / "broken.xyz").write_text("2\n\nH 0 0 0")
    context = AdapterContext(str(folder / "lab"), str(folder), "ways", {"barrier": "kcal/mol"})
    return build("pyscf", {"given": {"way": given}, "optimise": "dft", **SLIGHT, **options}, context)


def test_a_campaign_asks_for_the_barrier_of_an_option(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, {"inversion": INVERSION})
    payload = ended(lab, EXPERIMENT)
    outcome = read_outcome(payload, EXPERIMENT.targets)

    assert not lab.validate(EXPERIMENT)
    assert not lab.validate(replace(EXPERIMENT, smiles={"way": "N"}))  # a component, whose SMILES the models see
    assert isinstance(outcome, Measured)
    (barrier,) = (m for m in outcome.measurements if m.property == "barrier")
    # Lathan et al., Prog. Phys. Org. Chem. 11 (1974)
    assert (barrier.value, barrier.unit) == (pytest.approx(11.2, abs=0.3), "kcal/mol")
    assert payload["provenance"]["program"] == "pyscf"
    assert payload["provenance"]["version"]
    assert payload["provenance"]["given"] == "inversion"
    assert payload["provenance"]["saddle"]["imaginary_wavenumber"] > 500


def test_a_component_is_computed_as_it_is_given_and_not_from_its_smiles(capfd: pytest.CaptureFixture[str]) -> None:
    entry = {"molecule": HYDROGEN, "partners": [], "products": ["[H]", "[H]"], "saddle": None}
    request = Request({"pair": "a"}, smiles={"pair": "N"})
    found = evaluate_given(
        request, parameter="pair", given={"a": entry}, properties=["reaction_energy"], verbosity=0, **SLIGHT
    )

    # twice the atom, -0.46658 hartree, less the molecule at 0.74 angstrom (Szabo and Ostlund, tables 3.2 and 3.11)
    assert found.values["reaction_energy"][0] == pytest.approx((1.1167 - 2 * 0.46658) * KCAL, abs=0.1)
    assert found.details["given"] == "a"
    assert capfd.readouterr().err == ""


def test_an_option_for_which_nothing_is_given_is_named(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, {"inversion": INVERSION})
    turned = ExperimentSpec("ways", {"way": "rotation"}, {}, {}, EXPERIMENT.targets)
    warm = ExperimentSpec("ways", {"way": "inversion", "heat": 300.0}, {"heat": "K"}, {}, EXPERIMENT.targets)
    outcome = read_outcome(ended(lab, turned), EXPERIMENT.targets)

    assert isinstance(outcome, Fault)
    assert "no structure is given for 'rotation'; add it to 'given', which has inversion" in outcome.message
    assert [problem.subject for problem in lab.validate(warm)] == ["parameter 'heat'"]


@pytest.mark.parametrize(
    ("entry", "options", "message"),
    [
        ({"molecule": "pyramid.xyz"}, {}, "given 'inversion': property 'barrier' needs a structure near the saddle"),
        (
            {**INVERSION, "saddle": "no.xyz"},
            {},
            r"given 'inversion': XYZ file 'no.xyz' cannot be read .*; mend its path",
        ),
        ({**INVERSION, "saddle": "empty.xyz"}, {}, "given 'inversion': XYZ file 'empty.xyz' is empty"),
        ({**INVERSION, "saddle": "broken.xyz"}, {}, "broken.xyz: XYZ line 1 says 2 atoms, and 1 follow"),
        ({**INVERSION, "saddle": "N"}, {}, "given 'inversion': the saddle point is 'N'; give an XYZ file"),
        ({**INVERSION, "products": ["O"]}, {}, "given 'inversion': the products must have the atoms .* H3N, got H2O"),
        ({**INVERSION, "molecule": "N#"}, {}, "given 'inversion': SMILES 'N#' cannot be read"),
        ({**INVERSION, "guess": "flat.xyz"}, {}, "unknown option 'given.way.inversion.guess'"),
        (INVERSION, {"partners": ["O"]}, "option 'partners' has no place beside 'given'"),
        (INVERSION, {"charge": 1}, "option 'charge' has no place beside 'given'; take it out, and say charge=1"),
        (INVERSION, {"optimise": "none"}, ": property 'barrier' needs reactants optimised as the saddle point is; set"),
    ],
)
def test_what_is_wrong_with_what_is_given_is_told_when_it_is_read(
    tmp_path: Path, entry: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(AdapterOptionsError, match=message):
        laboratory(tmp_path, {"inversion": entry}, **options)
