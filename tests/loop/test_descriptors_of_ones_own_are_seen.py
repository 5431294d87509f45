"""Descriptors of one's own: read from what a campaign file says, kept in the record, and seen by ``gp-given``."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from earlier import hint_of

from loop.errors import SpaceError, SpecError
from loop.history import History, Observation
from loop.memory.earlier import Earlier
from loop.memory.hint import Hint
from loop.memory.overlap import overlap
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.space import Category, Component, Descriptors, Discrete, ProductPool, Space
from loop.spec import CampaignSpec, build_objective, build_space, read_spec
from loop.surrogates.matern import matern52
from loop.surrogates.metric import metric
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import default_members, surrogate
from loop.surrogates.representation import Representation

TEXT = """\
campaign: own
space:
  ligand: {type: component, LIGAND}
  batch: {type: category, options: [B1, B2, B3, none]BATCH}
objective: {yield: {goal: maximize}}
planner: {batch: 2PLANNER}
budget: {experiments: 9}
laboratory: {adapter: manual}
"""
OPTIONS = "options: {A: CCO, B: CCN, C: CCC, none: null}"
OF_LIGAND = "descriptors: {A: {homo: 1, gap: 3}, B: {homo: 2, gap: 3.5}, C: {homo: 4, gap: -1}}"
OF_BATCH = ", descriptors: {B1: {area: 1}, B2: {area: 1.5}, B3: {area: 9}}"
FILES = {
    "ligands.csv": "name,smiles,homo,note\nA,CCO,1,good\nB,CCN,2,\nC,CCC,,bad\n",
    "dft.csv": "ligand;smiles;homo;gap\nx;OCC;1,5;3\ny;NCC;2,5;4\nw;CCCC;9;9\nz;C(C)C;3,5;5\n",
    "salts.csv": "smiles,pka\nCC(=O)[O-].[K+],4.8\n[Cs+].CC(=O)[O-],4.7\nnot a molecule,1\n",
    "batches.csv": "name,area,made\nB1,1,today\nB2,2,today\nB3,4,today\n",
    "odd.csv": "name,area\nB1,1\nB2,some\nB3,4\n",
    "quoted.csv": 'name,area,depth\nB1,1,"2,5"\nB2,2,"3,5"\nB3,4,"1,5"\n',
    "doubt.csv": "name;area;depth\nB1;1,5;2.250\nB2;2,5;3.125\nB3;4,5;1.750\n",
    "capitals.csv": "name,area\nb1,1\nB2,2\nB3,4\n",
    "twice.csv": "name,area\nB1,1\nB2,2\nB3,4\nB1,3\n",
    "words.csv": "name,made\nB1,here\nB2,here\nB3,there\n",
    "others.csv": "name,area\nX1,1\n",
    "empty.csv": "name,area\n",
}


def spec_of(ligand: str = OPTIONS, batch: str = "", planner: str = "") -> CampaignSpec:
    text = TEXT.replace("LIGAND", ligand).replace("BATCH", batch).replace("PLANNER", planner)
    return read_spec(text, source="own.yaml", read=FILES.__getitem__)


def squared(space: Space, representation: Representation = Representation.GIVEN) -> Any:
    x = torch.from_numpy(ProductPool(space).take(np.arange(space.size)))
    return metric(space, representation).squared(x, x)


def test_numbers_of_each_option_are_kept_by_name() -> None:
    space = build_space(spec_of(f"{OPTIONS}, {OF_LIGAND}", OF_BATCH))

    ligand, batch = space.parameters
    assert ligand.descriptors.names == ("homo", "gap")
    assert ligand.descriptors.values[:3].tolist() == [[1, 3], [2, 3.5], [4, -1]]
    assert np.isnan(ligand.descriptors.values[3]).all()  # nothing has none
    assert batch.descriptors.values[:3].tolist() == [[1], [1.5], [9]]


def test_columns_are_those_of_the_table_that_options_come_from() -> None:
    listed = "file: ligands.csv, descriptors: {columns: [homo], missing: mean}"
    spec = spec_of(listed)

    given = spec.space["ligand"].descriptors
    assert (given.names, given.values) == (["homo"], {"A": [1.0], "B": [2.0], "C": [1.5]})
    assert given.imputed == {"C": ["homo"]}
    assert (spec.space["ligand"].file, given.file) == (None, None)


def test_rows_of_another_table_are_found_by_structure_however_it_is_written() -> None:
    plain = spec_of(f"{OPTIONS}, descriptors: {{file: dft.csv, columns: all}}").space["ligand"].descriptors
    salts = spec_of(
        "options: {KOAc: 'CC(=O)O[K]', CsOAc: 'CC(=O)[O-].[Cs+]'}, descriptors: {file: salts.csv, columns: [pka]}"
    )

    assert plain.names == ["homo", "gap"]  # of columns only those of numbers; decimal commas between semicolons
    assert plain.values == {"A": [1.5, 3.0], "B": [2.5, 4.0], "C": [3.5, 5.0]}
    assert salts.space["ligand"].descriptors.values == {"KOAc": [4.8], "CsOAc": [4.7]}


def test_rows_are_found_by_name_where_there_is_no_structure() -> None:
    spec = spec_of(batch=", descriptors: {file: batches.csv, columns: all}")

    assert spec.space["batch"].descriptors.values == {"B1": [1.0], "B2": [2.0], "B3": [4.0]}
    assert spec.space["batch"].descriptors.names == ["area"]


def test_the_record_is_complete_in_itself_and_keeps_the_order_of_names() -> None:
    spec = spec_of(f"{OPTIONS}, {OF_LIGAND}", ", descriptors: {file: batches.csv, columns: all}")

    kept = CampaignSpec.from_resolved(json.loads(json.dumps(spec.resolved(), sort_keys=True)))
    assert kept == spec
    again, before = ({p.name: p.descriptors for p in build_space(s).parameters} for s in (kept, spec))
    assert again == before
    assert again["ligand"].names == ("homo", "gap")
    assert "file" not in str(spec.resolved()["space"])


def test_distances_are_those_of_standardised_numbers_scaled_to_two_on_average() -> None:
    numbers = np.array([[1.0], [2.0], [4.0]])
    space = Space((Component("l", ("a", "b", "c"), ("C", "CC", "CCC"), descriptors=Descriptors.of(["n"], numbers)),))

    apart = (numbers - numbers.T) ** 2
    wanted = 2.0 * apart / (apart.sum() / 6)
    np.testing.assert_allclose(squared(space).numpy(), wanted, rtol=1e-12)


def test_nothing_without_numbers_is_as_far_as_two_options_are_and_with_numbers_where_they_put_it() -> None:
    without, given = (
        Space((Component("l", ("a", "b", "none"), ("C", "CC", ""), descriptors=Descriptors.of(["n"], rows)),))
        for rows in ([[0.0], [1.0], None], [[0.0], [1.0], [0.1]])
    )

    assert squared(without)[2].tolist() == pytest.approx([2.0, 2.0, 0.0])
    assert squared(given)[2, 0] < squared(given)[2, 1]


@pytest.mark.parametrize("representation", [r for r in Representation if r is not Representation.ONE_HOT])
@pytest.mark.parametrize("gate", ["", ", when: {batch: [B1, B2]}"])
def test_with_nothing_or_with_what_does_not_apply_a_covariance_is_still_one(
    representation: Representation, gate: str
) -> None:
    alcohols = ", ".join(f"{'C' * n}: {'C' * n}O" for n in range(1, 9))
    rows = ", ".join(f"{'C' * n}: {{carbons: {n}}}" for n in range(1, 9))  # all on a line
    space = build_space(spec_of(f"options: {{{alcohols}, none: null}}, descriptors: {{{rows}}}{gate}"))
    ligand, batch = space.names.index("ligand"), space.names.index("batch")
    x = torch.zeros((9 + bool(gate), 2), dtype=torch.float64)
    x[:9, ligand] = torch.arange(9, dtype=torch.float64)
    x[9:, ligand], x[9:, batch] = -1.0, 2.0  # it does not apply with B3

    covariance = matern52(metric(space, representation).squared(x, x).sqrt() / 5)
    assert torch.linalg.eigvalsh(covariance).min() > 0.0


def test_a_category_is_seen_by_its_numbers_and_by_gp_as_names() -> None:
    space = build_space(spec_of(f"{OPTIONS}, {OF_LIGAND}", OF_BATCH))
    batches = Space((space.parameters[1],))

    assert squared(batches)[0, 1] < 0.1 < 3.0 < squared(batches)[0, 2]
    assert squared(batches)[3, :3].mean() == pytest.approx(2.0)  # none has no numbers
    assert squared(batches, Representation.ONE_HOT)[0, 1] == squared(batches, Representation.COUNTS)[0, 1] == 2.0


def test_parameters_without_descriptors_are_seen_by_mordreds_or_counts_where_they_are_many() -> None:
    batch = Category("b", ("x", "y"), descriptors=Descriptors.of(["n"], [[0.0], [1.0]]))
    few, many = (
        Component("l", tuple(f"c{n}" for n in range(1, n)), tuple("C" * n + "O" for n in range(1, n))) for n in (5, 303)
    )

    def of_ligands(p: Component, representation: Representation) -> Any:
        x = torch.tensor([[float(i), 0.0] for i in range(4)], dtype=torch.float64)
        return metric(Space((p, batch)), representation).squared(x, x)

    torch.testing.assert_close(of_ligands(few, Representation.GIVEN), of_ligands(few, Representation.MORDRED))
    torch.testing.assert_close(of_ligands(many, Representation.GIVEN), of_ligands(many, Representation.COUNTS))


def test_of_two_that_correlate_the_first_counts_and_what_is_the_same_everywhere_does_not() -> None:
    rows = [[1.0, 5.0, 2.1, 0.0], [2.0, 5.0, 3.9, 1.0], [3.0, 5.0, 6.0, 0.0]]
    one = Component("l", ("a", "b", "c"), ("C", "CC", "CCC"), descriptors=Descriptors.of("nopq", rows))
    other = Component(
        "l", ("a", "b", "c"), ("C", "CC", "CCC"), descriptors=Descriptors.of("nq", [[r[0], r[3]] for r in rows])
    )

    torch.testing.assert_close(squared(Space((one,))), squared(Space((other,))))


def test_descriptors_that_differ_nowhere_leave_names() -> None:
    same = Category("b", ("x", "y", "z"), descriptors=Descriptors.of(["n"], [[1.0], [1.0], [1.0]]))

    assert squared(Space((same,))).tolist() == [[0.0, 2.0, 2.0], [2.0, 0.0, 2.0], [2.0, 2.0, 0.0]]


@pytest.mark.parametrize(
    ("ligand", "batch", "members"),
    [
        (f"{OPTIONS}, {OF_LIGAND}", "", ("gp", "tanimoto", "gp-mordred", "gp-given")),
        (OPTIONS, OF_BATCH, ("gp", "tanimoto", "gp-mordred", "gp-given")),
        (OPTIONS, "", ("gp", "tanimoto", "gp-mordred")),
    ],
)
def test_given_descriptors_make_one_member_more(ligand: str, batch: str, members: tuple[str, ...]) -> None:
    assert default_members(build_space(spec_of(ligand, batch))) == members


def test_that_is_so_without_structures_and_in_libraries_too() -> None:
    number = Discrete("t", (1.0, 2.0))
    batch = Category("b", ("x", "y"), descriptors=Descriptors.of(["n"], [[0.0], [1.0]]))
    library = Component("m", ("C", "CC"), ("C", "CC"), is_library=True)

    assert default_members(Space((number, batch))) == ("gp", "gp-given")
    assert default_members(Space((library, batch))) == ("tanimoto", "gp-descriptors", "trees", "gp-given")


def test_what_follows_from_a_descriptor_is_learnt_soonest_by_it() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.uniform(0, 1, 20)
    lots = Category("lot", tuple(f"L{i}" for i in range(20)), descriptors=Descriptors.of(["area"], hidden[:, None]))
    space = Space((lots,))
    x, y = torch.arange(20, dtype=torch.float64)[:, None], torch.from_numpy(np.sin(4 * hidden))
    data = TrainingSet(x[:12], y[:12], torch.full((12,), math.nan, dtype=torch.float64))
    error = {
        name: float((surrogate(name, space).fit(space, data, seed=0).moments(x[12:])[0] - y[12:]).abs().mean())
        for name in ("gp", "gp-given")
    }

    assert error["gp-given"] < 0.25 * error["gp"]


def test_a_campaign_is_planned_with_them_and_its_members_are_told() -> None:
    spec = spec_of(f"{OPTIONS}, {OF_LIGAND}", OF_BATCH, ", initial: {experiments: 3}")
    space = build_space(spec)
    seen = [
        Observation(str(i), np.array(x, dtype=float), Measured((Measurement("yield", y, "", y),)))
        for i, (x, y) in enumerate([((0, 0), 3.0), ((1, 2), 8.0), ((2, 1), 5.0), ((3, 3), 1.0)])
    ]

    planned = plan(spec, History(tuple(seen)), ProductPool(space), seed=0, experiments=2)

    told = {p.member for proposal in planned.proposals for p in proposal.predictions}
    assert told == {"committee", "gp", "tanimoto", "gp-mordred", "gp-given"}


def test_an_earlier_campaign_is_seen_by_descriptors_where_all_its_options_have_them() -> None:
    def space(options: str, numbers: dict[str, float], names: tuple[str, ...] = ("n",)) -> Space:
        smiles = {"a": "C", "b": "CC", "c": "CCC"}
        rows = [[numbers[o]] * len(names) for o in options] if numbers else None
        given = None if rows is None else Descriptors.of(names, rows)
        return Space((Component("l", tuple(options), tuple(smiles[o] for o in options), descriptors=given),))

    here = space("ab", {"a": 1.0, "b": 2.0})
    with_more = overlap(here, space("bc", {"b": 7.0, "c": 3.0}, ("other", "n")))
    without, same = overlap(here, space("bc", {})), overlap(here, space("ab", {}))

    assert with_more.space.parameters[0].descriptors.values.tolist() == [[1.0], [2.0], [3.0]]  # its own come first
    assert same.space.parameters[0].descriptors == here.parameters[0].descriptors
    assert without.space.parameters[0].descriptors is None
    assert [o.undescribed(here) for o in (with_more, without, same)] == [(), ("l",), ()]


def test_categories_are_carried_over_likewise() -> None:
    def space(options: str, numbers: list[float]) -> Space:
        given = Descriptors.of(["n"], [[n] for n in numbers]) if numbers else None
        return Space((Category("b", tuple(options), descriptors=given),))

    both = overlap(space("xy", [1.0, 2.0]), space("yz", [5.0, 6.0]))

    assert both.space.parameters[0].options == ("x", "y", "z")
    assert both.space.parameters[0].descriptors.values.tolist() == [[1.0], [2.0], [6.0]]
    assert overlap(space("xy", [1.0, 2.0]), space("yz", [])).space.parameters[0].descriptors is None


def test_a_source_whose_options_lack_them_is_heard_without_and_says_so() -> None:
    here = spec_of(f"{OPTIONS}, {OF_LIGAND}", OF_BATCH)
    numbers = {"CCO": 1.0, "CCN": 2.0, "CCCC": 9.0}
    there = spec_of("options: {CCO: CCO, CCN: CCN, CCCC: CCCC}", OF_BATCH)
    space = build_space(there)
    rows = [(o, b) for o in numbers for b in ("B1", "B2", "B3")]
    found = [
        Observation(str(i), space.coordinates({"ligand": o, "batch": b}), Measured((Measurement("yield", y, "", y),)))
        for i, (o, b) in enumerate(rows)
        for y in [numbers[o] + ("B1", "B2", "B3").index(b)]
    ]

    hint = hint_of(
        build_space(here), build_objective(here).targets[0], Earlier("e", there, History(tuple(found))), seed=0
    )

    assert isinstance(hint, Hint), hint
    assert hint.told.endswith("; without the descriptors of ligand, which some of its options lack")


def test_descriptors_are_of_every_option_and_finite() -> None:
    with pytest.raises(SpaceError, match="option 'b' has no descriptors; give it some"):
        Component("l", ("a", "b"), ("C", "CC"), descriptors=Descriptors.of(["n"], [[1.0], None]))
    with pytest.raises(SpaceError, match="2 options and descriptors of 1"):
        Category("b", ("x", "y"), descriptors=Descriptors.of(["n"], [[1.0]]))
    with pytest.raises(SpaceError, match="must be finite numbers"):
        Descriptors.of(["n"], [[float("inf")]])
    with pytest.raises(SpaceError, match="2 numbers for 1 descriptors"):
        Descriptors.of(["n"], [[1.0, 2.0]])
    with pytest.raises(SpaceError, match="5,001 descriptors are more than the 5,000"):
        Descriptors.of([str(i) for i in range(5_001)], [])


BATCHES = ", descriptors: {file: FILE, columns: all}"
FAULTS = [
    (f"{OPTIONS}, descriptors: [homo]", "", "the options come from none; give file: beside columns:"),
    ("file: ligands.csv, descriptors: [hommo]", "", "no column 'hommo' (did you mean 'homo'?); it has name, smiles"),
    (
        "file: ligands.csv, descriptors: [homo]",
        "",
        "ligands.csv line 4: option 'C' has no number in column 'homo'; give it, leave the column out, or write "
        "missing: mean for the mean of the other options",
    ),
    (
        "file: ligands.csv, descriptors: {columns: [note], missing: mean}",
        "",
        "'good' of option 'A' in column 'note' is no",
    ),
    (
        f"{OPTIONS}, descriptors: {{file: dft.csv, name: lig, columns: all}}",
        "",
        "no column 'lig' (did you mean 'ligand'",
    ),
    (
        f"{OPTIONS}, descriptors: {{file: dft.csv, name: ligand, columns: all}}",
        "",
        "dft.csv has no row of any option: its column 'ligand' has x, y, w, z; options: A, B, C, none",
    ),
    (
        "options: {A: CCO, D: CCCl}, descriptors: {file: dft.csv, columns: all}",
        "",
        "dft.csv has no row of option 'D' in its column 'smiles'; add one, or write missing: mean",
    ),
    (
        OPTIONS,
        BATCHES.replace("FILE", "odd.csv"),
        "odd.csv line 3: 'some' of option 'B2' in column 'area' is no finite",
    ),
    (
        OPTIONS,
        BATCHES.replace("FILE", "quoted.csv"),
        "'2,5' of option 'B1' in column 'depth' has a decimal comma where commas part the cells; write a point, or",
    ),
    (
        OPTIONS,
        BATCHES.replace("FILE", "doubt.csv"),
        "'2.250' of option 'B1' in column 'depth' is in doubt: it may be 2250 as well as 2,250: write the one that is",
    ),
    (
        OPTIONS,
        BATCHES.replace("FILE", "capitals.csv"),
        "has no row of option 'B1' in its column 'name' (did you mean 'b1'?); add one",
    ),
    (
        OPTIONS,
        BATCHES.replace("FILE", "twice.csv"),
        "twice.csv lines 2 and 5 are both of option 'B1'; keep one of them",
    ),
    (OPTIONS, BATCHES.replace("FILE", "words.csv"), "words.csv has no column of numbers beside 'name'; add some"),
    (OPTIONS, BATCHES.replace("FILE", "others.csv"), "has no row of any option: its column 'name' has X1"),
    (OPTIONS, BATCHES.replace("FILE", "empty.csv"), "empty.csv holds no rows; give numbers by option"),
    (
        OPTIONS,
        BATCHES.replace("FILE", "salts.csv"),
        "has no column 'name'; say by name: which column tells whose a row is",
    ),
    (
        OPTIONS,
        ", descriptors: {file: batches.csv, smiles: name, columns: all}",
        "smiles finds rows of substances, and options of a category have no structure; give name",
    ),
]


@pytest.mark.parametrize(("ligand", "batch", "says"), FAULTS, ids=[says[:40] for _, _, says in FAULTS])
def test_a_table_that_does_not_describe_them_is_refused(ligand: str, batch: str, says: str) -> None:
    with pytest.raises(SpecError) as refused:
        spec_of(ligand, batch)

    line, name = (4, "batch") if batch else (3, "ligand")
    assert str(refused.value).startswith(f"own.yaml line {line}: space.{name}.descriptors: ")
    assert says in str(refused.value)


def test_gp_given_is_refused_where_nothing_is_given() -> None:
    with pytest.raises(SpecError, match="'gp-given' learns from descriptors that are given, and no parameter has any"):
        spec_of(planner=", surrogate: [gp, gp-given]")
