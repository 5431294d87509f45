"""Recipes: stoichiometry, volumes and stocks agree with sums by hand; what cannot or must not be made is named."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from loop.errors import RecipeError, SpecError
from loop.recipe import (
    By,
    Dose,
    Form,
    Recipe,
    Stock,
    Vessel,
    consumption,
    impossible,
    in_words,
    say,
    shortages,
    stock_list,
    work_out,
)
from loop.recipe.amounts import PERCENT, PLAIN, TEMPERATURE, VOLUME, Amount, read_amount, shown, shown_at_least
from loop.recipe.hazards import BOILING, BUILT_IN, KINDS, Present, dangers, kinds_of
from loop.recipe.model import Heat, Sample
from loop.recipe.procedure import Heating, Sampling, Transfer, Weighing
from loop.recipe.solvents import SOLVENTS
from loop.spec import CampaignSpec, build_recipe, read_spec

SOUND = """\
campaign: coupling
space:
  ligand: {type: category, options: [XPhos, SPhos, none]}
  base_equivalents: {type: number, low: 1, high: 3}
  temperature: {type: number, values: [60, 80, 100], unit: degC}
objective:
  yield: {goal: maximize, unit: "%"}
recipe:
  vessel: {holds: 200 uL, least: 20 uL}
  limiting: {of: halide, amount: 10 umol}
  stocks:
    halide: {smiles: "FC(F)(F)c1ccc(Br)cc1", concentration: 0.5 mol/L, solvent: DMSO, there: 1 mL, dead: 0.1 mL}
    XPhos: {concentration: 0.05 mol/L, solvent: DMSO}
    SPhos: {concentration: 50 mmol/L, solvent: DMSO}
    base: {smiles: "CN(C)C(=NC(C)(C)C)N(C)C", density: 0.85 g/mL}
    salt: {smiles: "[Na+].[Cl-]", solid: true, purity: 0.5, additive: true}
    DMSO: {smiles: CS(C)=O, behaves: viscous}
  steps:
    - {dispense: halide, equivalents: 1}
    - {dispense: ligand, percent: 10, nothing: [none]}
    - {dispense: base, equivalents: base_equivalents, mix: 3}
    - {add: salt, amount: 2 umol}
    - {dispense: DMSO, to: 0.1 mL}
    - {heat: temperature, time: 16 h, speed: 500 rpm}
    - {wait: 5 min}
    - {sample: 5 uL, into: the HPLC plate}
    - {measure: yield, by: HPLC}
budget: {experiments: 96}
laboratory: {adapter: manual}
"""
SETTINGS = {"ligand": "XPhos", "base_equivalents": 2.0, "temperature": 80.0}


def read(text: str) -> CampaignSpec:
    return read_spec(text, source="a.yaml", read=lambda name: name)


def recipe(*changes: tuple[str, str]) -> Recipe:
    text = SOUND
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    made = build_recipe(read(text))
    assert made is not None
    return made


def test_doses_agree_with_sums_by_hand() -> None:
    made = work_out(recipe(), SETTINGS)
    halide, ligand, base, salt, filled = made.actions[:5]

    assert halide == Transfer("halide", pytest.approx(20.0), pytest.approx(10.0), pytest.approx(1.0))
    assert ligand == Transfer("XPhos", pytest.approx(20.0), pytest.approx(1.0), None, pytest.approx(10.0))
    # Barton's base: 171.29 g/mol, 20 umol are 3.4257 mg, at 0.85 g/mL 4.0303 uL.
    assert isinstance(base, Transfer)
    assert base.volume == pytest.approx(4.0303, abs=2e-4)
    assert base.equivalents == pytest.approx(2.0)
    assert salt == Weighing("salt", pytest.approx(2 * 58.44 / 1000 / 0.5, rel=1e-4), 2.0, pytest.approx(0.2))
    assert isinstance(filled, Transfer)
    assert filled.volume == pytest.approx(100 - 44.0303, abs=2e-4)
    assert made.actions[5] == Heating(80.0, 57600.0, 500.0)
    assert (made.fullest, made.volume) == (pytest.approx(100.0), pytest.approx(95.0))
    assert (made.limiting, made.scale) == ("halide", 10.0)


@pytest.mark.parametrize("said", ["112.5 mg/mL", "112.5 g/L", "0.1125 g/mL"])
def test_a_concentration_by_mass_becomes_one_by_amount(said: str) -> None:
    made = recipe(("concentration: 0.5 mol/L", f"concentration: {said}"))

    # C7H4BrF3 is 225.01 g/mol, so that 112.5 g/L are 0.5 mol/L.
    assert made.stocks["halide"].concentration == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize(
    "volumes", [(3.0, 15.3, 48.0, 25.4), (11.2, 33.4, 42.5, 40.8), (7.5, 10.0, 2.5, 20.0)]
)  # the first two sums are off the decimal that is meant
@pytest.mark.parametrize("off", [-1e-13, 0.0, 1e-13])
def test_nothing_is_made_of_what_sums_are_off_by(volumes: tuple[float, ...], off: float) -> None:
    full = round(sum(volumes), 1) + off
    stocks = {name: Stock(name, Form.LIQUID) for name in "ABCDE"}
    doses = [Dose(name, By.VOLUME, Amount(VOLUME, volume)) for name, volume in zip("ABCD", volumes, strict=True)]
    fill = Dose("E", By.FILL, Amount(VOLUME, full))
    steps = (*doses, fill, Heat(Amount(TEMPERATURE, 60.0)), Sample(Amount(VOLUME, full), "a vial"))
    made = work_out(Recipe(Vessel(full, least=full), stocks, steps), {})

    assert [type(action) for action in made.actions] == [Transfer] * 4 + [Heating, Sampling]
    assert made.volume == pytest.approx(0.0, abs=1e-9)


def test_it_reads_as_a_chemist_would_write_it() -> None:
    assert in_words(recipe(), SETTINGS) == (
        "Dispense 20 µL of halide, 0.5 mol/L in DMSO (10 µmol, 1 equiv). "
        "Add 20 µL of XPhos, 0.05 mol/L in DMSO (1 µmol, 10 mol %). "
        "Add 4.03 µL of base, neat (20 µmol, 2 equiv) and mix 3 times. "
        "Add 0.2338 mg of salt, solid, 50 % (2 µmol, 0.2 equiv). "
        "Add 55.97 µL of DMSO, neat. "
        "Heat to 80 °C for 16 h, stirring at 500 rpm. Wait 5 min. "
        "Take a sample of 5 µL into the HPLC plate. Measure yield by HPLC."
    )
    assert say(recipe(), work_out(recipe(), SETTINGS)) == in_words(recipe(), SETTINGS)


def test_an_option_that_is_nothing_brings_nothing() -> None:
    made = work_out(recipe(), {**SETTINGS, "ligand": "none"})

    assert made.stocks == ("halide", "base", "salt", "DMSO")
    assert made.volume == pytest.approx(95.0)  # the solvent makes up for it


def test_a_plate_takes_from_stocks_what_its_wells_take_together() -> None:
    made = recipe()
    wells = [work_out(made, {**SETTINGS, "ligand": name}) for name in ("XPhos", "XPhos", "SPhos", "none")]
    used = consumption(wells)

    assert (used["halide"].quantity, used["halide"].experiments) == (pytest.approx(80.0), 4)
    assert (used["XPhos"].quantity, used["XPhos"].experiments) == (pytest.approx(40.0), 2)
    assert "halide, 0.5 mol/L in DMSO: 180 µL for 4 experiments, 100 µL of it not to be drawn" in stock_list(
        made, wells
    )
    assert shortages(made, wells) == ()


def test_too_little_stock_is_named_with_what_is_there_and_what_is_needed() -> None:
    made = recipe()
    (problem,) = shortages(made, [work_out(made, SETTINGS)] * 46)

    assert str(problem) == (
        "stock 'halide': 46 experiments need 920 µL and 100 µL that cannot be drawn, and there are 1 mL; "
        "prepare at least 1.02 mL, or lower the scale"
    )
    assert shortages(made, [work_out(made, SETTINGS)] * 45) == ()


@pytest.mark.parametrize(
    ("dose", "equivalents"),
    [("amount: 5 umol", "0.5"), ("volume: 1 uL", "0.496"), ("mass: 0.5 mg", "0.292"), ("equivalents: 0.5", "0.5")],
)
def test_a_reactant_with_less_than_one_equivalent_is_refused_however_its_dose_is_said(
    dose: str, equivalents: str
) -> None:
    beside = ("budget:", "  beside: [base_equivalents]\nbudget:")
    with pytest.raises(SpecError) as refused:
        recipe(("equivalents: base_equivalents", dose), beside)
    as_additive = recipe(("equivalents: base_equivalents", dose), beside, ("0.85 g/mL", "0.85 g/mL, additive: true"))

    assert f"reactant 'base': {equivalents} equivalents are fewer than those of 'halide'" in str(refused.value)
    assert "additive: true" in str(refused.value)
    assert f", {equivalents} equiv) and mix 3 times" in in_words(as_additive, SETTINGS)


@given(st.floats(1e-3, 1e7))
def test_what_is_to_be_prepared_suffices(needed: float) -> None:
    one = Stock("A", Form.LIQUID)
    only = Recipe(Vessel(1e9), {"A": one}, (Dose("A", By.VOLUME, Amount(VOLUME, needed)),))
    made = work_out(only, {})
    told = read_amount(shown_at_least(needed, VOLUME).replace("µ", "u"), VOLUME, "there", {}).number

    assert shortages(replace(only, stocks={"A": replace(one, there=told)}), [made]) == ()
    assert told <= needed * 1.0011
    assert stock_list(only, [made]) == (f"A, neat: {shown_at_least(needed, VOLUME)} for 1 experiment",)


@pytest.mark.parametrize(("portions", "is_refused"), [((0.75, 0.75), False), ((0.5, 0.5), False), ((0.4, 0.4), True)])
def test_portions_of_one_reactant_count_together(portions: tuple[float, float], is_refused: bool) -> None:
    first, second = portions
    changes = (
        ("{dispense: base, equivalents: base_equivalents, mix: 3}", f"{{dispense: base, equivalents: {first}}}"),
        ("    - {wait: 5 min}\n", f"    - {{wait: 5 min}}\n    - {{dispense: base, equivalents: {second}}}\n"),
        ("budget:", "  beside: [base_equivalents]\nbudget:"),
    )
    if is_refused:
        with pytest.raises(SpecError, match=r"reactant 'base': 0\.8 equivalents"):
            recipe(*changes)
        return

    assert sum(
        a.equivalents or 0
        for a in work_out(recipe(*changes), SETTINGS).actions[2:]
        if isinstance(a, Transfer) and a.stock == "base"
    ) == pytest.approx(sum(portions))


def test_one_experiment_that_takes_more_than_there_is_is_refused_with_the_file() -> None:
    with pytest.raises(SpecError) as said:
        recipe(("there: 1 mL, dead: 0.1 mL", "there: 25 uL, dead: 10 uL"))

    assert "cannot be made" in str(said.value)
    assert (
        "stock 'halide': 1 experiment needs 20 µL and 10 µL that cannot be drawn, and there are 25 µL; "
        "prepare at least 30 µL, or lower the scale"
    ) in str(said.value)


@cache
def larger() -> Recipe:
    """A vessel with room for twenty times the amount, read once: properties are tried on it a hundred times."""
    return recipe(("holds: 200 uL", "holds: 2 mL"), ("to: 0.1 mL", "to: 0.2 mL"))


@given(st.floats(0.5, 20.0), st.floats(1.0, 3.0))
def test_what_goes_in_is_what_is_there_and_amounts_scale(scale: float, equivalents: float) -> None:
    made = larger()
    assert made.limiting is not None
    scaled = replace(made, limiting=("halide", replace(made.limiting[1], number=scale)))
    done = work_out(scaled, {**SETTINGS, "base_equivalents": equivalents})
    doses = [a for a in done.actions if isinstance(a, Transfer)]

    assert sum(d.volume for d in doses) == pytest.approx(200.0)
    assert next(d.amount for d in doses if d.stock == "base") == pytest.approx(scale * equivalents)


def test_an_amount_is_read_in_whatever_unit_it_is_said() -> None:
    said = [read_amount(text, VOLUME, "x", {}).number for text in ("20 uL", "0.02 mL", "2e-5 L", "20 µL")]

    assert said == [pytest.approx(20.0)] * 4
    assert [shown(1234.0, "uL"), shown(90.0, "s"), shown(5400.0, "s"), shown(0.5, "umol")] == [
        "1.234 mL",
        "1.5 min",
        "1.5 h",
        "0.5 µmol",
    ]


@pytest.mark.parametrize("unit", ["%", "mol%", "mol %", "percent", ""])
def test_percent_from_a_parameter_are_percent_in_whatever_unit_it_has(unit: str) -> None:
    made = recipe(
        (
            "  base_equivalents:",
            f'  loading: {{type: number, values: [2, 5, 10], unit: "{unit}"}}\n  base_equivalents:',
        ),
        ("percent: 10", "percent: loading"),
    )
    ligand = work_out(made, {**SETTINGS, "loading": 10.0}).actions[1]

    # 10 mol % of 10 umol are 1 umol, and 20 uL at 0.05 mol/L.
    assert ligand == Transfer("XPhos", pytest.approx(20.0), pytest.approx(1.0), None, pytest.approx(10.0))
    assert "Add 20 µL of XPhos, 0.05 mol/L in DMSO (1 µmol, 10 mol %)" in in_words(made, {**SETTINGS, "loading": 10.0})


def test_percent_and_equivalents_are_converted_into_each_other_where_a_parameter_says_its_unit() -> None:
    parameters = {"share": "equiv", "ratio": "%", "little": "ppm"}
    settings = {"share": 0.1, "ratio": 150.0, "little": 500.0}
    read_as = {
        ("share", PERCENT): 10.0,
        ("little", PERCENT): 0.05,
        ("ratio", PLAIN): 1.5,
        ("share", PLAIN): 0.1,
    }

    assert {of: read_amount(of[0], of[1], "x", parameters).of(settings) for of in read_as} == pytest.approx(read_as)


def test_bare_numbers_are_equivalents_and_percent_also_as_text() -> None:
    assert [read_amount(text, PLAIN, "x", {}).number for text in ("1.5", " 1.5 equiv", "1.5 eq.", "2e0")] == [
        1.5,
        1.5,
        1.5,
        2.0,
    ]
    assert [read_amount(text, PERCENT, "x", {}).number for text in ("10", "10 %", "10%", "10 mol%", "10 mol %")] == [
        10.0
    ] * 5


@pytest.mark.parametrize(
    ("unit", "said", "parameters", "says"),
    [
        (PLAIN, "15 umol", {}, ["'15 umol' are no equivalents", "write equivalents: 1.5", "amount"]),
        (PLAIN, "150 %", {}, ["'150 %' are no equivalents", "percent: 10 for mol %"]),
        (PLAIN, "1.5 2", {}, ["'1.5 2' are no equivalents"]),
        (PERCENT, "5 umol", {}, ["'5 umol' are no mol %", "write percent: 10"]),
        (PERCENT, "5 wt%", {}, ["'5 wt%' are no mol %", "mass"]),
        (PERCENT, "0.1 equiv", {}, ["'0.1 equiv' are no mol %"]),
        (PERCENT, "loading", {"loading": "wt%"}, ["'loading'", "one is a share of wt, the other of mol", "mass"]),
        (PLAIN, "excess", {"excess": "vol%"}, ["'excess'", "one is a share of vol", "write equivalents: 1.5"]),
        (PERCENT, "loading", {"loading": "umol"}, ["'loading'", "cannot be given in 'mol%'", "write percent: 10"]),
        (PLAIN, float("nan"), {}, ["nan is no amount"]),
    ],
)
def test_what_is_no_equivalents_and_no_percent_is_refused(
    unit: str, said: str | float, parameters: dict[str, str | None], says: list[str]
) -> None:
    with pytest.raises(RecipeError) as refused:
        read_amount(said, unit, "step 2", parameters)

    assert all(part in str(refused.value) for part in says), str(refused.value)


def test_percent_that_would_be_read_as_a_fraction_are_refused_where_the_dose_is_made() -> None:
    with pytest.raises(RecipeError, match=r"dose of 'ligand': its percent are read from 'loading' in ''; .*PERCENT"):
        Dose("ligand", By.PERCENT, Amount(PLAIN, parameter="loading", said_in="%"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ([("dispense: halide", "dispense: halid")], ["line 19: recipe.steps.0", "did you mean 'halide'?"]),
        ([("equivalents: 1}", "equivalents: 1, volume: 5 uL}")], ["equivalents and volume", "give one of"]),
        ([("percent: 10, nothing: [none]", "percent: 10")], ["ligand 'none' has no stock", "nothing: [none]"]),
        ([("nothing: [none]", "nothing: [non]")], ["'nothing' names 'non'", "no option of 'ligand'"]),
        ([("to: 0.1 mL", "to: 0.1 mol")], ["'0.1 mol'", "cannot be given in 'uL'", "such as '20 uL'"]),
        ([("wait: 5 min", "wait: 5 Min")], ["line 25: recipe.steps.6.wait: '5 Min': unit 'Min' is", "write 'min'"]),
        ([("to: 0.1 mL", "to: 0.1 ML")], ["recipe.steps.4.to: '0.1 ML': unit 'ML' is read as", "write 'mL'"]),
        ([("amount: 10 umol", "amount: 10")], ["recipe.limiting", "10 has no unit", "'10 umol'"]),
        ([("50 mmol/L", "50 uL")], ["SPhos", "'50 uL'", "in 'mol/L' or 'g/L'", "such as '0.1 mol/L' or '20 g/L'"]),
        ([("50 mmol/L", "0.05")], ["stock 'SPhos': 0.05 has no unit", "such as '0.1 mol/L' or '20 g/L'"]),
        ([("50 mmol/L", "20 mg/mL")], ["stock 'SPhos': 20 mg/mL needs its structure to be in mol/L", "give it smiles"]),
        ([("heat: temperature", "heat: temperatur")], ["did you mean 'temperature'?", "'80 degC'"]),
        ([("heat: temperature", "heat: ligand")], ["parameter 'ligand' is no number"]),
        ([("heat: temperature", "heat: 80 degC")], ["parameter 'temperature'", "no step depends on it", "beside:"]),
        ([("dispense: halide", "add: halide")], ["stock 'halide' is no solid", "solid: true", "dispense: halide"]),
        ([("add: salt", "dispense: salt")], ["stock 'salt' is a solid", "write add: salt"]),
        ([("measure: yield", "measure: yeild")], ["no target of the campaign (did you mean 'yield'?)"]),
        ([("wait: 5 min", "wait: 5 min, stir: 100 rpm")], ["step 7: it does stir and wait"]),
        ([("wait: 5 min", "wait: 5 min, mix: 2")], ["'mix' says nothing of wait"]),
        ([("wait: 5 min", "wiat: 5 min")], ["recipe.steps.6.wiat: unknown key (did you mean 'wait'?)"]),
        ([("there: 1 mL", "there: 0.05 mL")], ["stock 'halide'", "nothing of it can be drawn"]),
        ([("50 mmol/L", "50 mmol/L, purity: 0.9")], ["'SPhos'", "a concentration and no purity", "leave purity out"]),
        ([("density: 0.85 g/mL", "purity: 1.0")], ["stock 'base'", "no density", "density: 0.9 g/mL"]),
        ([("[Na+].[Cl-]", "[Na+].[Cl")], ["stock 'salt'", "cannot be read", "correct its smiles"]),
        ([("holds: 200 uL", "holds: 90 uL")], ["cannot be made", "it holds 90 µL and would have 100 µL in it"]),
        ([("to: 0.1 mL", "to: 0.04 mL")], ["step that fills to 40 µL", "already"]),
        ([("sample: 5 uL", "sample: 500 uL")], ["500 µL are to be taken of 100 µL"]),
        ([("least: 20 uL", "least: 150 uL")], ["less than the 150 µL of recipe.vessel.least"]),
        ([("low: 1, high: 3", "low: 0.5, high: 3")], ["reactant 'base'", "it would be the limiting reagent"]),
        ([("halide, equivalents: 1}", "halide, equivalents: 2}")], ["limiting reagent 'halide'", "bring 20 µmol"]),
        ([("solvent: DMSO, there", "solvent: THF, there")], ["'THF' at ", "boils at 65", "closed: true"]),
        ([("holds: 200 uL", "holds: -1 uL")], ["less than nothing", "correct the amount"]),
        ([("behaves: viscous", "behaves: honey")], ["'honey' is not known; use 'water', 'volatile' or 'viscous'"]),
    ],
)
def test_what_cannot_be_is_named_with_its_place_and_the_way_out(
    changes: list[tuple[str, str]], says: list[str]
) -> None:
    with pytest.raises(SpecError) as refused:
        recipe(*changes)

    assert all(part in str(refused.value) for part in says), str(refused.value)


def with_stocks(first: str, second: str, more: str = "") -> str:
    """A campaign whose two stocks meet."""
    return f"""\
campaign: meeting
space:
  scale: {{type: number, values: [1, 2], unit: umol}}
objective:
  yield: {{goal: maximize}}
recipe:
  vessel: {{holds: 1 mL}}
  stocks:
    first: {{smiles: "{first}", concentration: 1 mol/L}}
    second: {{smiles: "{second}"}}
  steps:
    - {{dispense: first, amount: scale}}
    - {{dispense: second, volume: 100 uL}}
{more}budget: {{experiments: 9}}
laboratory: {{adapter: manual}}
"""


@pytest.mark.parametrize(
    ("first", "second", "rule"),
    [
        ("[Na+].[N-]=[N+]=[N-]", "ClCCl", "azide in halomethane"),
        ("[Na+].[N-]=[N+]=[N-]", "CC(=O)O", "azide with acid"),
        ("[N-]=[N+]=[N-].[Na+]", "[Pb+2].[O-]C(C)=O.[O-]C(C)=O", "azide with heavy metal"),
        ("[K+].[C-]#N", "Cl", "cyanide with acid"),
        ("[NaH]", "CN(C)C=O", "hydride in amide solvent"),
        ("[Na+].[H-]", "CS(C)=O", "hydride in dimethyl sulfoxide"),
        ("[Na+].[H-]", "O", "hydride with protic solvent"),
        ("[Li]CCCC", "CCO", "organometal with protic solvent"),
        ("C[Mg]Br", "O", "organometal with protic solvent"),
        ("O=C(Cl)C(=O)Cl", "CS(C)=O", "dimethyl sulfoxide with acyl halide"),
        ("OO", "CC(C)=O", "hydrogen peroxide with acetone"),
        ("[Na+].[O-]Cl", "CCN", "hypochlorite with amine"),
        ("[Na+].[O-]Cl", "Cl", "hypochlorite with acid"),
        ("O[N+](=O)[O-]", "CC(C)=O", "nitric acid with solvent"),
        ("[Li+].[CH2-]CCC", "O", "organometal with protic solvent"),
        ("[Li+].[c-]1ccccc1", "CO", "organometal with protic solvent"),
        ("C=C[Mg+].[Br-]", "O", "organometal with protic solvent"),
        ("[Li+].[C-]#CC", "O", "organometal with protic solvent"),
        ("N#C[Na]", "Cl", "cyanide with acid"),
        ("N#C[Cu]", "Cl", "cyanide with acid"),
        ("[K+].[C-]#N", "F", "cyanide with acid"),
        ("[Na]N=[N+]=[N-]", "Cl", "azide with acid"),
        ("[Na+].[N-]=[N+]=[N-]", "F", "azide with acid"),
        ("[Na+].[N-]=[N+]=[N-]", "[H+].[Cl-]", "azide with acid"),
        ("[Ag]N=[N+]=[N-]", "ClCCl", "azide in halomethane"),
        ("[Na+].[H-]", "CC(=O)O", "hydride with acid"),
        ("[LiH]", "O", "hydride with protic solvent"),
        ("[Li]CCCC", "CC(=O)O", "organometal with acid"),
        ("[Li+].[CH2-]CCC", "Cl", "organometal with acid"),
        ("[Na+].[BH4-]", "Cl", "borohydride with acid"),
    ],
)
def test_what_has_hurt_people_is_refused_by_rule_with_its_source(first: str, second: str, rule: str) -> None:
    source = next(r.source for r in BUILT_IN if r.name == rule)
    with pytest.raises(SpecError) as refused:
        read(with_stocks(first, second))
    lifted = read(with_stocks(first, second, f"  lifted: {{{rule}: approved by the safety officer}}\n"))

    assert "2 of 2 candidates cannot be made" in str(refused.value)
    assert rule in str(refused.value)
    assert source in str(refused.value)
    assert lifted.recipe is not None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("CCN=[N+]=[N-]", "ClCCl"),  # an organic azide
        ("O=C(OO)c1cccc(Cl)c1", "CC(=O)CC"),  # a peracid, for Baeyer-Villiger
        ("[Na+].[H-]", "Oc1ccccc1"),  # a phenol is deprotonated so every day
        ("CC(=O)NC", "[Na+].[O-]Cl"),  # an amide is no amine
        ("[Na+].[Cl-]", "[Na+].[N-]=[N+]=[N-]"),  # chloride is no acid
        ("[Na+].[BH4-]", "CO"),  # a reduction
        ("[Na+].[BH3-]C#N", "CC(=O)O"),  # a reductive amination
        ("[C-]#[N+]C1CCCCC1", "CC(=O)O"),  # an isocyanide, for the Ugi reaction
        ("[CH2-][P+](c1ccccc1)(c1ccccc1)c1ccccc1", "CO"),  # an ylide
        ("[Na+].COC(=O)[CH-]C(=O)OC", "CO"),  # a malonate
        ("[Fe+2].c1cc[cH-]c1.c1cc[cH-]c1", "O"),  # ferrocene, as dppf has it
        ("Cl[Pd]c1ccccc1", "O"),  # a palladacycle
        ("[Na]OC(C)(C)C", "Cc1ccccc1"),  # a base
    ],
)
def test_ordinary_chemistry_is_not_refused(first: str, second: str) -> None:
    assert read(with_stocks(first, second)).recipe is not None


def test_a_campaign_has_rules_of_its_own_also_above_a_temperature() -> None:
    own = "  rules:\n    - {never: [XPhos, DMSO], why: it is oxidised, above: 90 degC}\n"
    with pytest.raises(SpecError, match=r"rule 'XPhos with DMSO' above 90 °C: it is oxidised \(the campaign file\)"):
        recipe(("budget:", f"{own}budget:"))
    only_warm = recipe(("[60, 80, 100]", "[60, 80, 90]"), ("budget:", f"{own}budget:"))

    assert impossible(only_warm, SETTINGS) == ()
    (problem,) = impossible(only_warm, {**SETTINGS, "temperature": 95.0})
    assert "'XPhos' with 'DMSO'" in str(problem)


DISSOLVED = """\
campaign: dissolved
space: {scale: {type: number, values: [1, 2], unit: umol}}
objective: {yield: {goal: maximize}}
recipe:
  vessel: {holds: 1 mL}
  stocks:
    azide: {smiles: "[Na+].[N-]=[N+]=[N-]", concentration: 1 mol/L, solvent: water}
    ligand: {concentration: 0.1 mol/L, solvent: SOLVENT}
  steps:
    - {dispense: azide, amount: scale}
    - {dispense: ligand, volume: 100 uL}
budget: {experiments: 9}
laboratory: {adapter: manual}
"""


@pytest.mark.parametrize("solvent", ["dcm", "Dichloromethane", "CH2Cl2", "methylene chloride", "Methylene-Chloride"])
def test_a_solvent_is_known_however_its_name_is_spelt(solvent: str) -> None:
    text = DISSOLVED.replace("SOLVENT", solvent)
    own = text.replace("budget:", "  rules: [{never: [ligand, DCM], why: it reacts}]\nbudget:")

    with pytest.raises(SpecError, match=f"'azide' with '{solvent}': rule 'azide in halomethane'"):
        read(text)
    with pytest.raises(SpecError, match=f"'ligand' with '{solvent}': rule 'ligand with DCM': it reacts"):
        read(own)


def test_a_stock_without_a_structure_that_is_called_like_a_solvent_is_that_solvent() -> None:
    more = DISSOLVED.replace("SOLVENT", "DCM").replace("  steps:", "    DCM: {}\n  steps:")
    neat = more.replace("ligand, volume", "DCM, volume").replace(
        "    ligand: {concentration: 0.1 mol/L, solvent: DCM}\n", ""
    )

    for text in (more, neat):
        with pytest.raises(SpecError, match="'azide' with 'DCM': rule 'azide in halomethane'"):
            read(text)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("  rules: [{never: [XPhos, DMSOO], why: never}]\n", ["'DMSOO' is no stock, solvent or kind", "'DMSO'?"]),
        ("  rules: [{never: [XPhos], why: never}]\n", ["recipe.rules.0.never"]),
        (
            "  lifted: {azide in halometane: never}\n",
            ["recipe.lifted: 'azide in halometane': no built-in rule is called so", "'azide in halomethane'?"],
        ),
        ("  beside: [pressure]\n", ["recipe.beside: 'pressure': the space has no parameter of this name"]),
    ],
)
def test_rules_name_what_there_is(more: str, says: list[str]) -> None:
    with pytest.raises(SpecError) as refused:
        recipe(("budget:", f"{more}budget:"))

    assert all(part in str(refused.value) for part in says), str(refused.value)


def test_what_has_no_structure_is_known_by_its_kinds() -> None:
    kinds = frozenset({"acid"})
    found = dangers((Present("mystery", None, kinds), Present("KCN", "[K+].[C-]#N")), BUILT_IN, None, is_closed=True)

    assert [p.subject for p in found] == ["'KCN' with 'mystery'"]
    assert dangers((Present("mystery"), Present("KCN", "[K+].[C-]#N")), BUILT_IN, None, is_closed=True) == ()


def test_every_rule_and_every_kind_can_be_met() -> None:
    met = {party for rule in BUILT_IN for party in rule.parties}

    assert met == set(KINDS)
    assert all(rule.source and rule.why for rule in BUILT_IN)
    assert set(SOLVENTS.values()) <= set(BOILING)
    assert all(Chem.CanonSmiles(smiles) == smiles for smiles in BOILING)
    assert kinds_of("CC(=O)O") == {"acid"}
    assert kinds_of("CC(C)C[AlH]CC(C)C") == {"hydride", "organometal"}


def test_a_stock_called_like_a_parameter_stands_for_each_option_without_one() -> None:
    made = recipe(("    XPhos: {concentration: 0.05 mol/L", "    ligand: {there: 2 mL, concentration: 0.1 mol/L"))

    assert (made.stocks["XPhos"].concentration, made.stocks["XPhos"].there) == (0.1, 2000.0)
    assert made.stocks["SPhos"].concentration == pytest.approx(0.05)
    with pytest.raises(SpecError, match=r"recipe.stocks.ligand: stock 'ligand': it stands for options of different"):
        recipe(("    XPhos: {concentration: 0.05 mol/L", "    ligand: {smiles: CCO, concentration: 0.1 mol/L"))


def test_a_recipe_survives_the_record() -> None:
    spec = read(SOUND)
    again: Any = CampaignSpec.from_resolved(spec.resolved())

    assert again == spec
    assert build_recipe(again) == build_recipe(spec)


def test_what_is_refused_later_is_told_in_words() -> None:
    assert in_words(recipe(), {**SETTINGS, "ligand": "PPh3"}).startswith("Cannot be made. ligand 'PPh3': no stock")
    with pytest.raises(RecipeError, match="the recipe takes a number from it"):
        work_out(recipe(), {"ligand": "XPhos", "base_equivalents": 2.0})
