"""The HTML file: every section, nothing from elsewhere, nothing of what people wrote taken for markup."""

import os
import re
from html.parser import HTMLParser

import pytest

from flows.report import build, write
from flows.report.page import render
from flows.report.structures import draw
from flows.shown.words import reason_line
from loop.contracts import AuditReport
from loop.explain import Nearest, explain_initial
from loop.outcome import Fault, FaultKind, Negative
from loop.record import Arm, CampaignState, Verdict

VOID = {"meta", "link", "br", "img", "hr", "input"}
EVIL = '<script>alert("1")</script>'
HERE = {"ligand": "XPhos", "base": "KOAc", "temperature": 90.0}


class Page(HTMLParser):
    """What a browser would make of the page: elements, links, and whether tags close as they open."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.references, self.open, self.text = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        attributes = dict(attrs)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.references += [v for k, v in attrs if k in ("src", "href", "xlink:href", "srcset", "action", "data")]
        assert not [name for name in attributes if name.startswith("on")], "an inline handler"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)

    @property
    def words(self):
        return re.sub(r"\s+", " ", " ".join(self.text))


def page_of(story):
    return Page(render(build(story.settle(), story.name)))


def only_failures(story):
    story.plan(surrogate="")
    for place in range(5):
        proposal = story.propose({**HERE, "temperature": 90.0 + place}, Arm.INITIAL)
        story.end(
            proposal, Fault.of(FaultKind.CONVERGENCE_ERROR, "SCF diverged") if place % 2 else Negative("no conversion")
        )
    return story


def only_told(story):
    story.tell(HERE, story.measured(**{"yield": 12.5}))
    return story


@pytest.fixture(params=["empty", "long", "two targets", "only failures", "only told"])
def any_story(request, story, long_story, two_targets):
    return {
        "empty": lambda: story,
        "long": lambda: long_story,
        "two targets": lambda: two_targets,
        "only failures": lambda: only_failures(story),
        "only told": lambda: only_told(story),
    }[request.param]()


def test_every_section_is_there_and_every_tag_closes(any_story):
    page = page_of(any_story)

    assert page.open == []
    assert {"head", "progress", "candidates", "trust", "committee", "batch", "chance", "limits", "failures"} <= set(
        page.ids
    )
    assert len(set(page.ids)) == len(page.ids)


def test_nothing_is_asked_of_the_network(any_story):
    page = page_of(any_story)

    assert all(reference.startswith("#") or reference == "data:," for reference in page.references)
    assert {reference[1:] for reference in page.references if reference.startswith("#")} <= set(page.ids)
    text = render(build(any_story.settle(), any_story.name))
    assert not re.search(r"@import|url\(|@font-face", text)


def test_the_commands_of_the_page_can_be_typed_whatever_the_campaign_is_called(long_story):
    words = page_of(long_story).words
    commands = re.findall(r"hakken (?:best|explain|examine|plate) (\S+ \S+)", words)

    assert commands
    assert all(command.startswith("'direct") for command in commands)


def test_every_outcome_has_its_mark(long_story):
    report = build(long_story.settle(), long_story.name)
    text = render(report)
    wide = text[text.index('<div class="wide">') : text.index('<div class="narrow">')]

    assert wide.count('class="mark ') == len(report.results)
    for kind, n in [
        ("negative", sum(r.kind.value == "negative" for r in report.results)),
        ("fault", sum(r.kind.value == "fault" for r in report.results)),
        ("retracted", 1),
        ("manual", 4),
    ]:
        assert wide.count(f'class="mark {kind}"') == n > 0


def test_the_text_of_a_mark_gives_the_candidate_and_what_was_said(story):
    only_failures(story)

    text = render(build(story.settle(), story.name))

    assert (
        "base: KOAc\nligand: XPhos\ntemperature: 91\N{NO-BREAK SPACE}degC\nfault (convergence_error): SCF diverged"
        in text
    )


def test_what_people_write_is_never_markup(story):
    story.name = story.spec["campaign"] = EVIL
    story.spec["description"] = EVIL
    story.reason, story.state = EVIL, CampaignState.STOPPED
    story.audit_report = AuditReport(3, False, 2, EVIL)
    story.plan(notes=[EVIL], surrogate=EVIL, package=EVIL)
    settings = {"ligand": EVIL, EVIL: "x\" onload='1", "temperature": 90.0}
    for outcome in (story.measured(**{"yield": 1.0}), Negative(EVIL), Fault.of(FaultKind.UNKNOWN, EVIL)):
        proposal = story.propose(
            settings,
            said=story.predictions({EVIL: (1.0, 1.0, 0.5), "b": (2.0, 1.0, 0.5)}),
            reason=EVIL,
            neighbour=EVIL,
            smiles={"ligand": "C |$<script>$|", EVIL: EVIL},
        )
        story.end(proposal, outcome)
    story.retract(story.tell(settings, story.measured(**{"yield": 2.0})), EVIL)
    story.receive(EVIL, Verdict.MALFORMED, EVIL)

    page = page_of(story)

    assert page.tags.count("script") == 1
    assert page.words.count(EVIL) > 15


def test_the_page_says_who_retracted_a_result_and_what_was_changed_in_the_campaign_file(story):
    story.retract(story.tell({"temperature": 90.0}, story.measured(**{"yield": 2.0})), "wrong vial")
    story.settle()
    story.spec["budget"]["experiments"] = 60

    words = page_of(story).words

    assert "wrong vial A. Person, 2026-03-02 " in words
    assert "budget.experiments 60 (was 50)" in words


def test_a_structure_is_drawn_once_and_shown_wherever_it_belongs(long_story):
    page = page_of(long_story)
    report = build(long_story.settle(), long_story.name)

    shown = [smiles for standing in report.standings[:10] for smiles in standing.smiles.values()]
    assert page.tags.count("symbol") == len(set(shown))
    assert page.tags.count("use") == len(shown) == 20


def test_a_smiles_that_cannot_be_drawn_is_printed(story):
    story.plan()
    story.end(story.propose(HERE, smiles={"ligand": "not a molecule"}), story.measured(**{"yield": 1.0}))

    assert "not a molecule" in page_of(story).words


def test_a_structure_shows_no_free_text_of_its_smiles():
    assert draw("CCO |$Ethyl;;$|") == draw("CCO")


def test_below_ten_predictions_it_says_too_few_to_judge(story):
    story.plan()
    for place in range(9):
        settings = {**HERE, "temperature": 90.0 + place}
        story.end(
            story.propose(settings, said=story.predictions({"gp": (5.0, 1.0, 1.0)})), story.measured(**{"yield": 5.0})
        )

    assert "9 predictions: too few to judge" in page_of(story).words


def test_it_says_how_to_get_a_gain_over_chance(story):
    story.spec["planner"]["control"] = 0.0

    assert "planner: control: 0.1" in page_of(story).words


def test_a_broken_audit_chain_stands_in_the_head(story):
    story.audit_report = AuditReport(7, False, 4, "entry 4 was changed")

    words = page_of(story).words

    assert "broken at entry 4" in words
    assert "entry 4 was changed" in words


def test_notes_and_spec_are_on_the_page(long_story):
    words = page_of(long_story).words

    assert "member 'tanimoto' was dropped" in words
    assert '"a later key": { "kept": true }' in words


def test_a_huge_spec_is_cut_and_says_so(story):
    story.spec["space"]["ligand"]["options"] = {f"L{i}": "C" * 40 for i in range(10_000)}

    text = render(build(story.settle(), story.name))

    assert len(text) < 300_000
    assert "further characters are left out here" in text


def test_writing_leaves_the_page_and_nothing_else(tmp_path, story):
    path = tmp_path / "runs" / "report.html"
    write(build(story.settle(), story.name), path)
    write(build(story.settle(), story.name), str(path))

    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    assert path.read_text("utf-8") == render(build(story.settle(), story.name))


def test_who_may_read_the_page_is_left_to_the_system(tmp_path, story):
    before = os.umask(0o077)
    try:
        write(build(story.settle(), story.name), tmp_path / "report.html")
    finally:
        os.umask(before)

    assert (tmp_path / "report.html").stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_the_old_page(tmp_path, story, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old", "utf-8")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))

    with pytest.raises(OSError, match="disk full"):
        write(build(story.settle(), story.name), path)

    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text("utf-8") == "old"


@pytest.mark.parametrize(
    ("arm", "meaning", "among_the_best", "in_the_batch"),
    [
        (Arm.INITIAL, "spread", "Round 1, initial design: far from the others", "initial far from the others"),
        (Arm.CONTROL, "", "Round 1, control arm (at random): drawn at random", "control drawn at random"),
        (
            Arm.REPLICATE,
            "replicate: measured 1 time so far",
            "Round 1, replicate: measured 1 time so far",
            "replicate measured 1 time so far",
        ),
        (
            Arm.REFERENCE,
            "control well: a fixed condition shows the plate",
            "Round 1, control well (a fixed condition): a fixed condition",
            "reference a fixed condition",
        ),
    ],
)
def test_a_reason_names_its_arm_once(story, arm, meaning, among_the_best, in_the_batch):
    story.plan(surrogate="")
    reason = explain_initial(arm, meaning, Nearest(None, None))
    story.end(story.propose(HERE, arm, reason=reason), story.measured(**{"yield": 20.0}))

    words = page_of(story).words

    assert among_the_best in words
    assert in_the_batch in words
    assert reason_line(arm, reason).startswith(reason)
