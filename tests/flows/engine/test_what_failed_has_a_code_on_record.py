"""What an evaluator says of its failure reaches the record, the export, the page and whoever reads JSON."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from db import export
from db.ledger import open_ledger
from flows.cli.screen import Screen, plain
from flows.cli.showing.rounds import print_round
from flows.engine import run
from flows.settings import Settings
from flows.shown.rounds import document
from tests.flows.engine.bench import add, cheap_planner

FUNCTION = """
from adapters.errors import ImaginaryMode, ScfNotConverged

def fail(settings):
    if settings["solvent"] == "water":
        tried = [{"remedy": "level_shift", "helped": False, "energy_hartree": -1.5}]
        raise ScfNotConverged("no solution", details={"remedies": tried})
    raise ImaginaryMode("a saddle point")
"""
CODES = {"DMF": "imaginary_mode", "water": "scf_not_converged"}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A campaign of two experiments that both fail to converge, each in its own way."""
    tmp_path = tmp_path_factory.mktemp("small")
    settings = Settings(tmp_path / "runs", by="tester")
    (tmp_path / "broken.py").write_text(FUNCTION)
    add(
        settings,
        tmp_path,
        space={"solvent": {"type": "category", "options": ["water", "DMF"]}},
        planner={"surrogate": "random", "batch": 2, "initial": {"design": "random", "experiments": 2}, "seed": 7},
        budget={"experiments": 2},
        laboratory={"adapter": "callable", "function": "broken:fail", "properties": {"yield": "%"}, "path": "."},
    )
    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.05, max_seconds=60)
    return settings


def test_the_record_has_the_code_and_what_was_tried(ran: Settings) -> None:
    with open_ledger(ran.database) as ledger:
        told = {o.settings["solvent"]: o.context["provenance"] for o in ledger.observations("small")}

    assert {solvent: said["code"] for solvent, said in told.items()} == CODES
    assert told["water"]["remedies"] == [{"remedy": "level_shift", "helped": False, "energy_hartree": -1.5}]


def test_the_export_has_the_code_beside_the_kind(ran: Settings, tmp_path: Path) -> None:
    with open_ledger(ran.database) as ledger:
        export(ledger, "small", tmp_path / "out.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text(encoding="utf-8"))))

    assert {row["fault"] for row in rows} == {"convergence_error"}
    assert {row["settings.solvent"]: row["fault_code"] for row in rows} == CODES


def test_a_round_says_the_code_in_words_and_in_json(ran: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with open_ledger(ran.database) as ledger:
        print_round(Screen(False), ledger, "small", 1)
        said = json.loads(json.dumps(plain(document(ledger, "small", 1))))
    words = capsys.readouterr().out

    assert "fault (convergence_error, scf_not_converged): no solution" in words
    assert "fault (convergence_error, imaginary_mode): a saddle point" in words
    observed = [o for proposal in said["proposals"] for o in proposal["observations"]]
    assert {o["settings"]["solvent"]: o["context"]["provenance"]["code"] for o in observed} == CODES


def test_the_page_shows_the_code_in_its_table_of_failures(ran: Settings) -> None:
    page = ran.folder("small") / "report.html"
    failures = page.read_text(encoding="utf-8").partition('id="failures"')[2].partition("</section>")[0]

    assert failures.count("<code>convergence_error</code>") == 2
    assert "<code>scf_not_converged</code>" in failures
    assert "<code>imaginary_mode</code>" in failures
