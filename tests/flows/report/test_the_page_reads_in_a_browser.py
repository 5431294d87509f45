"""The page in Debian's chromium, offline, narrow and wide, light and dark."""

import pytest

from flows.report import build, write

pytestmark = pytest.mark.browser


@pytest.fixture
def visit(browser, tmp_path):
    """Opens a campaign's page; afterwards there must be no complaint and no request."""
    contexts, complaints = [], []

    def visit(story, width, scheme="light"):
        path = tmp_path / "report.html"
        write(build(story.settle(), story.name), path)
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if request.url != path.as_uri() else None)
        page.goto(path.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert [complaint for complaint in complaints if complaint != "data:,"] == []


def smallest_text(page):
    """Size in CSS pixels of the smallest text in a chart that is shown."""
    return page.evaluate(
        "Math.min(...[...document.querySelectorAll('svg.chart text')].filter(t => t.getClientRects().length)"
        ".map(t => parseFloat(getComputedStyle(t).fontSize) * t.getCTM().a))"
    )


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_are_drawn_and_nothing_overflows(visit, long_story, width, scheme):
    page = visit(long_story, width, scheme)

    charts = page.locator("svg.chart:visible")
    assert charts.count() == 4  # progress, parity, weights, disagreement
    for chart in charts.all():
        box = chart.bounding_box()
        assert box["width"] > 300
        assert box["height"] > 200
    assert page.locator("svg.chart.progress:visible .mark").count() == len(long_story.outcomes)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert smallest_text(page) > 9.5  # CSS pixels: what still reads


def test_a_table_that_is_too_wide_scrolls_by_itself(visit, long_story):
    page = visit(long_story, 300)

    assert page.locator("table:visible").count() > 5
    assert page.locator("table:visible:not(.scroll > table)").count() == 0


@pytest.mark.parametrize("width", [400, 1400])
def test_a_pareto_front_is_drawn_for_two_targets(visit, two_targets, width):
    page = visit(two_targets, width)

    assert page.locator("svg.chart.progress:visible").count() == 2
    assert page.locator("svg.chart.pareto:visible").count() == 1
    assert smallest_text(page) > 9.5


@pytest.mark.parametrize("width", [400, 1200])
def test_offsets_are_drawn_and_read(visit, story, width):
    story.spec["noise"] = {"effects": ["plate"]}
    story.plan()
    labels = {f"2026-03-{day:02}": [day - 8.0, 1.5] for day in range(1, 15)}
    effects = {"plate": {"sd": 4.0, "labels": labels}}
    story._draft["model"] = {"targets": {"yield": {"members": {"gp": {"weight": 1.0, "effects": effects}}}}}
    page = visit(story, width)

    assert page.locator("svg.chart.offsets:visible .mark").count() == 14
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert smallest_text(page) > 9.5


def test_structures_are_drawn(visit, long_story):
    page = visit(long_story, 1400)

    box = page.locator(".structures svg").first.bounding_box()
    assert box["width"] > 100
    assert page.evaluate("document.querySelector('.structures use').getBBox().width") > 20


def test_pointing_at_a_mark_gives_its_candidate(visit, long_story):
    page = visit(long_story, 1400)

    page.locator("svg.chart.progress:visible .mark.fault").first.hover()

    tip = page.locator(".tip")
    assert tip.is_visible()
    assert "fault (instrument_fault): needle clogged" in tip.inner_text()
    assert "ligand: PCy3" in tip.inner_text()


def test_a_hostile_name_runs_nothing(visit, story):
    story.name = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"
    page = visit(story, 400)

    assert page.title().startswith("<script>")
    assert page.locator("h1").inner_text() == story.name


def test_it_prints(visit, long_story):
    page = visit(long_story, 1400, "dark")

    page.emulate_media(media="print", color_scheme="dark")

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert len(page.pdf(format="A4")) > 20_000
