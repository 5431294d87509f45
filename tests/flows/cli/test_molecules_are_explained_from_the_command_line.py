"""``hakken explain`` and the page's section: what atoms add in a library campaign."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

OPTIONS = ", ".join(f"{head}{'C' * n}: {head}{'C' * n}" for head in ("O", "N", "Cl", "F") for n in range(1, 6))
LIBRARY = f"""\
campaign: library
space:
  molecule: {{type: molecule, options: {{{OPTIONS}}}}}
objective:
  worth: {{goal: maximize, unit: eV}}
planner: {{surrogate: [tanimoto, trees], batch: 6, initial: {{experiments: 6}}}}
budget: {{experiments: 12}}
laboratory: {{adapter: simulated}}
"""


PRODUCTS = """\
campaign: amides
space:
  molecule:
    type: products
    reaction: "[C:1](=[O:2])[OH].[NX3;H2:3]>>[C:1](=[O:2])[N:3]"
    reagents:
      acid: {options: {acetic: CC(=O)O, benzoic: OC(=O)c1ccccc1, chloro: OC(=O)CCl}}
      amine: {options: {methyl: CN, ethyl: CCN, benzyl: NCc1ccccc1, butyl: CCCCN}}
objective:
  worth: {goal: maximize, unit: eV}
planner: {surrogate: [tanimoto, gp], batch: 4, initial: {experiments: 4}}
budget: {experiments: 8}
laboratory: {adapter: simulated}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_best_are_explained_and_drawn(hakken: Any, home: Any) -> None:
    Path("library.yaml").write_text(LIBRARY)
    ran = hakken("run", "library.yaml")

    said, document = hakken("explain", "library", "-m", "OCCCC"), hakken("explain", "library", "--json")

    assert ran.code == 0, ran.err
    page = (home.home / "library/report.html").read_text()
    assert "What atoms add" in page
    assert page.count('aria-label="what atoms of') == 6
    assert said.code == 0, said.err
    assert "worth, in eV, by tanimoto, trees" in said.out
    assert "CCCCO: " in said.out
    (told,) = re.findall(
        r"CCCCO: .*\n(?:  (?!atoms).*\n)*  atoms that add most, counted from 1 in the SMILES: (.*)", said.out
    )
    assert [re.fullmatch(r"(O5|C[1-4]) [+-][\d.e-]+", atom) is not None for atom in told.split(", ")] == [True] * 3
    assert "rests on " in said.out
    found = json.loads(document.out)["targets"]
    assert [len(t["molecules"]) for t in found] == [3]
    assert all(m["atoms"] for m in found[0]["molecules"])


def test_where_nothing_can_be_explained_yet_no_drawing_is_promised(hakken: Any) -> None:
    Path("library.yaml").write_text(LIBRARY.replace("adapter: simulated", "adapter: manual"))
    hakken("tick", "library.yaml")

    said = hakken("explain", "library")

    assert "too little was measured to explain anything yet" in said.out
    assert "draws them" not in said.out
    assert "next: hakken status library says" in said.out


def test_a_molecule_is_explained_by_the_name_that_the_campaign_has_for_it(hakken: Any, home: Any) -> None:
    Path("library.yaml").write_text(
        LIBRARY.replace("OCCCC: OCCCC", "butanol: OCCCC")
        .replace("CCCCC: ", "5: ")  # O5, N5, Cl5 and F5
        .replace("options", "name: name, options")
    )
    hakken("run", "library.yaml")

    said, wrong = (hakken("explain", "library", "--top", "0", "-m", name) for name in ("butanol", "butan-1-ol"))
    all_of_them = hakken("explain", "library", "--top", "20", "-m", "CO")

    assert said.code == 0, said.err
    assert "butanol (CCCCO): " in said.out
    assert "\nCO: " in all_of_them.out  # written otherwise in the campaign: OC is no name
    assert re.search(r"rests on .*(butanol|[A-Za-z]+5) \(\d", all_of_them.out)
    assert re.search("<figcaption>(butanol|[A-Za-z]+5): <strong>", (home.home / "library/report.html").read_text())
    assert "no molecule of the campaign is called 'butan-1-ol', and SMILES 'butan-1-ol' cannot be read" in wrong.err


def test_a_structure_is_no_name_of_itself_and_a_name_is_kept_beside_it(hakken: Any) -> None:
    names = {"butanol": "CCCCO", "O5": "CCCCCO", "N5": "CCCCCN", "Cl5": "CCCCCCl", "F5": "CCCCCF"}
    called = LIBRARY.replace("OCCCC: OCCCC", "butanol: OCCCC").replace("CCCCC: ", "5: ")
    Path("library.yaml").write_text(called.replace("options", "name: name, options"))
    hakken("run", "library.yaml")
    asked = [word for name, smiles in names.items() for word in ("-m", name, "-m", smiles)]

    plain, named = hakken("explain", "library", "--top", "0", "-m", "OC"), hakken("explain", "library", *asked)

    assert "\nCO: " in plain.out
    assert all(f"{name} ({smiles}): " in named.out for name, smiles in names.items())


def test_what_is_no_molecule_and_what_is_no_library_are_named(hakken: Any) -> None:
    Path("library.yaml").write_text(LIBRARY)
    hakken("run", "library.yaml")
    hakken("init", "--template", "reaction")
    hakken("tick", "campaign.yaml")

    wrong, other = hakken("explain", "library", "-m", "C1CC"), hakken("explain", "reaction", "-m", "CCO")

    assert wrong.code != 0
    assert "'C1CC' cannot be read" in wrong.err
    assert other.code != 0
    assert "chooses more than molecules of a library or of reagents" in other.err
    assert "hakken explain reaction without --molecule says what follows its parameters" in other.err


def test_products_of_reagents_are_explained_and_drawn(hakken: Any, home: Any) -> None:
    Path("amides.yaml").write_text(PRODUCTS)
    ran = hakken("run", "amides.yaml")

    said = hakken("explain", "amides")

    assert ran.code == 0, ran.err
    page = (home.home / "amides/report.html").read_text()
    assert "What atoms add" in page
    assert page.count('aria-label="what atoms of') == 6
    assert said.code == 0, said.err
    assert "worth, in eV, by tanimoto" in said.out
    best = said.out.splitlines()[1:4]
    product, value = best[0].split(": ")
    assert product == "CNC(=O)c1ccccc1"  # benzoic acid and methylamine, without the water that left
    assert float(value.split(" ± ")[0]) == pytest.approx(80.9, abs=0.5)
    assert re.fullmatch(r"  fragments add: c1ccccc1 \+2\S+, C=O \+2\S+, CN \+2\S+", best[1])
    assert best[2].startswith("  rests on CCNC(=O)c1ccccc1 (")


def test_classes_and_levels_are_told_in_their_words(hakken: Any, home: Any) -> None:
    objective = "  act: {goal: maximize, classes: [dead, alive]}\n  grade: {goal: maximize, levels: [low, mid, high]}"
    text = LIBRARY.replace("  worth: {goal: maximize, unit: eV}", objective).replace("simulated", "manual")
    Path("library.yaml").write_text(text)
    rows = "".join(
        f"{head}{'C' * n},{'alive' if head == 'O' else 'dead'},{('low', 'mid', 'high')[n // 2]}\n"
        for head in ("O", "N", "Cl")
        for n in range(1, 6)
    )
    Path("told.csv").write_text(f"molecule,act,grade\n{rows}")
    hakken("tell", "library.yaml", "told.csv")

    said, document = hakken("explain", "library"), hakken("explain", "library", "--json")
    came = hakken("tick", "library", "--json")
    hakken("report", "library")

    assert said.code == 0, said.err
    act, grade = said.out.split("grade, by")
    assert re.search(r"^C+O: alive with a chance of 0\.\d+ ± 0\.\d+$", act, re.MULTILINE)
    assert re.search(r"rests on \w+ \((alive|dead), \d+% alike\)", act)
    assert re.search(r"rests on \w+ \((low|mid|high), \d+% alike\)", grade)
    assert document.json["targets"][0]["wanted"] == "alive"
    assert {best["target"]: best["word"] for best in came.json["best"]} == {"act": "alive", "grade": "high"}
    page = (home.home / "library" / "report.html").read_text()
    assert "alive with a chance of 0." in page
    assert "note: chances here are by these models of the measured molecules alone" in act
    assert "Chances here are by these models of the measured molecules alone; those that hakken best gives" in page
    assert "chances here" not in grade
