"""The guide: every block of Python runs, every campaign can be read, and every page can be found.

A block of ``python`` runs in a fresh namespace, in a folder of its own with the example tables in ``data/``; it asserts
what its page claims. A block of ``yaml`` that begins with ``campaign:`` is read as a campaign file. Blocks of
``python NAME.py`` are the parts of one file, in their order, which a test of its own runs.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pages import DATA, GUIDE, ROOT, Block, anchors, blocks, read_data

from loop.spec import read_spec

LONGEST = 30  # lines: an example is read, not studied
INDEX = GUIDE / "README.md"
PAGES = sorted(page for page in GUIDE.rglob("*.md") if page != INDEX)
DOCS = sorted(page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "decisions")
BLOCKS = [block for page in [*PAGES, INDEX] for block in blocks(page)]


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "python"], ids=str)
def test_it_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(DATA)
    placed = "\n" * (block.line - 1) + block.code  # so that a traceback names the page's own line

    exec(compile(placed, str(block.page), "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "yaml"], ids=str)
def test_it_is_read(block: Block) -> None:
    if block.is_campaign:
        spec = read_spec(block.code, source=str(block), read=read_data)

        assert spec.from_resolved(spec.resolved()) == spec
    else:
        assert yaml.safe_load(block.code) is not None


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_it_is_short_and_says_what_it_is(block: Block) -> None:
    assert block.length <= LONGEST, f"{block} has {block.length} lines; an example has at most {LONGEST}"
    is_known = block.language in {"python", "yaml", "sh", "text", "csv", "mermaid"} or block.file
    assert is_known, f"{block}: {block.language!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_has_an_example_that_can_fail(page: Path) -> None:
    assert any(b.is_campaign or (b.language == "python" and "assert " in b.code) for b in blocks(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_is_linked(page: Path) -> None:
    linked = {
        (index.parent / link).resolve()
        for index in (INDEX, ROOT / "README.md")
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", index.read_text(encoding="utf-8"))
    }

    assert page.resolve() in linked, f"{page.name} is linked from no index; add a line to docs/guide/README.md"


@pytest.mark.parametrize("page", [ROOT / "README.md", *DOCS], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for link, heading in re.findall(r"\]\(([^):#\s]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        target = (page.parent / link).resolve() if link else page

        assert target.exists(), link
        assert not heading or heading in anchors(target), f"{link}#{heading}"


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_of_ours_that_it_names_is_there(page: Path) -> None:
    text = re.sub(r"\]\([^)]*\)", "]", page.read_text("utf-8"))  # but for links, which lead from the page's own folder
    named = re.findall(r"(?<![\w./])((?:adapters|loop|flows|db|tests|benchmarks)/[\w./-]*\w)", text)

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_blocks_are_found_as_they_stand(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n```yaml\n# c\ncampaign: a\n```\n\ntext\n\n```python\nx = 1\nassert x\n```\n")

    found = list(blocks(page))

    assert [(b.line, b.language, b.length, b.is_campaign) for b in found] == [
        (4, "yaml", 2, True),
        (11, "python", 2, False),
    ]
    page.write_text("```yaml\ncampaign: a\n")
    with pytest.raises(ValueError, match=r"line 1: the fence is not closed"):
        list(blocks(page))
