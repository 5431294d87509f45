"""A space of products: reagents are columns, structures are made on demand, and nothing is lost silently."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rdkit import Chem

from adapters.registry import build
from flows.engine.steps.identifying import identified
from loop.contracts import AdapterContext, ExperimentSpec
from loop.history import History
from loop.planner import plan
from loop.space import ProductPool
from loop.spec import CampaignSpec, build_space, read_spec

AMIDE = "[C:1](=[O:2])[OH].[NX3;H2;!$(NC=O):3]>>[C:1](=[O:2])[N:3]"
ACIDS = "CC(=O)O acetic\nCCC(=O)O propionic\n\n# a comment\nO=C(O)c1ccccc1 benzoic\n"
AMINES = "name,smiles\nmethyl,CN\nethyl,CCN\n"
HEAD = """\
campaign: amides
space:
  molecule:
    type: products
    reaction: "%s"
    reagents:
      zacid: {file: acids.smi}
      amine: {file: amines.csv, name: name}
%s
objective: {gap: {goal: minimize, unit: eV}}
planner: {batch: 2, initial: {experiments: 2}}
budget: {experiments: 6}
laboratory: {adapter: xtb}
"""


def read(acids: str = ACIDS, amines: str = AMINES, more: str = "", reaction: str = AMIDE) -> CampaignSpec:
    files = {"acids.smi": acids, "amines.csv": amines}
    return read_spec(HEAD % (reaction, more), source="c.yaml", read=files.__getitem__)


def told(spec: CampaignSpec) -> list[str]:
    return list(spec.space["molecule"].left_out or ())


def test_every_combination_is_a_candidate_with_the_structure_of_its_product() -> None:
    space = build_space(read())
    pool = ProductPool(space)

    made = {space.smiles(space.settings(x))["molecule"] for x in pool.take(np.arange(len(pool)))}

    assert space.names == ("molecule.zacid", "molecule.amine")
    expected = ["CNC(C)=O", "CCNC(C)=O", "CNC(=O)CC", "CCNC(=O)CC", "CNC(=O)c1ccccc1", "CCNC(=O)c1ccccc1"]
    assert made == {Chem.CanonSmiles(s) for s in expected}


def test_a_spec_on_record_gives_the_same_products_though_its_keys_are_sorted() -> None:
    spec = read()
    kept = CampaignSpec.from_resolved(json.loads(json.dumps(spec.resolved(), sort_keys=True)))
    settings = {"molecule.zacid": "benzoic", "molecule.amine": "methyl"}

    assert build_space(kept).smiles(settings) == build_space(spec).smiles(settings) == {"molecule": "CNC(=O)c1ccccc1"}


def test_the_laboratory_and_the_record_see_one_molecule() -> None:
    space = build_space(read())
    settings = {"molecule.zacid": "benzoic", "molecule.amine": "methyl"}
    candidate = identified(space, settings)
    laboratory = build("xtb", {}, AdapterContext(folder=".", base=".", campaign="c", targets={"gap": "eV"}))

    problems = laboratory.validate(ExperimentSpec("c", settings, {}, candidate.smiles, {"gap": "eV"}))

    assert candidate.inchikey == Chem.MolToInchiKey(Chem.MolFromSmiles("CNC(=O)c1ccccc1"))
    assert [p for p in problems if "molecule" in p.where] == []


def test_the_order_of_the_lists_can_be_given() -> None:
    turned = "[NX3;H2:3].[C:1](=[O:2])[OH]>>[C:1](=[O:2])[N:3]"

    space = build_space(read(reaction=turned, more="    order: [amine, zacid]"))

    assert space.smiles({"molecule.zacid": "acetic", "molecule.amine": "ethyl"}) == {"molecule": "CCNC(C)=O"}


@pytest.mark.parametrize(
    ("acid", "reason"),
    [
        ("C1CC broken", "line 6: SMILES 'C1CC' cannot be read"),
        ("CC(O)=O vinegar", "line 6: vinegar is the same molecule as acetic (CC(=O)O)"),
        ("CCO ethanol", "line 6: ethanol (CCO) does not match [C:1](=[O:2])[O&H1]"),
        ("OC(=O)CC(=O)O malonic", "line 6: malonic (O=C(O)CC(=O)O) matches [C:1](=[O:2])[O&H1] in 2 places"),
        ("CCCC(=O)O acetic", "line 6: the name 'acetic' is given twice; names must differ"),
    ],
)
def test_a_reagent_that_cannot_be_used_is_left_out_with_its_line_and_the_reason(acid: str, reason: str) -> None:
    spec = read(acids=ACIDS + acid + "\n")

    (line,) = told(spec)
    assert line.startswith(f"zacid: acids.smi {reason}")
    assert build_space(spec).size == 6


def test_of_several_products_the_first_counts_where_that_is_asked_for() -> None:
    acids = ACIDS + "OC(=O)CCC(=O)O succinic\n"

    spec = read(acids=acids, more="    ambiguous: first")

    assert told(spec) == []
    settings = {"molecule.zacid": "succinic", "molecule.amine": "methyl"}
    assert build_space(spec).smiles(settings) == {"molecule": "CNC(=O)CCC(=O)O"}


def test_a_reagent_that_gives_no_molecule_is_left_out() -> None:
    spec = read(amines=AMINES + "trimethyl,CN(C)C\n", reaction="[C:1](=[O:2])[OH].[NX3:3]>>[C:1](=[O:2])[N:3]")

    (line,) = told(spec)
    assert line == ("amine: amines.csv line 4: trimethyl (CN(C)C) gives no molecule that can be with CC(=O)O")


def test_a_reagent_that_gives_several_products_is_left_out() -> None:
    epoxide = "[C:1](=[O:2])[OH].[CH2,CH1:3]1[CH2,CH1:4]O1>>[C:1](=[O:2])O[C:3][C:4]O"
    spec = read(amines="name,smiles\nethylene,C1CO1\npropylene,CC1CO1\n", reaction=epoxide)

    (line,) = told(spec)
    assert line.startswith("amine: amines.csv line 3: propylene (CC1CO1) gives 2 products with CC(=O)O")


def test_many_products_are_planned_for_without_being_written_out() -> None:
    amines = "name,smiles\n" + "".join(f"n{i},{'C' * (i % 40 + 1)}C({'C' * (i // 40 + 1)})N\n" for i in range(400))
    acids = "".join(f"{'C' * (i % 40 + 1)}C({'C' * (i // 40 + 1)})C(=O)O a{i}\n" for i in range(400))
    spec = read(acids, amines)
    space = build_space(spec)

    planned = plan(spec, History(()), seed=0, experiments=6)

    assert space.size == len(ProductPool(space)) > 50_000
    assert all(Chem.MolFromSmiles(p.candidate.smiles["molecule"]) is not None for p in planned.proposals)
    assert len(planned.proposals) == 2
