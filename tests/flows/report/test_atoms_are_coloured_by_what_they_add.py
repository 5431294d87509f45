"""The page's molecules, coloured by what their atoms add."""

from __future__ import annotations

from flows.report.explained import drawn
from flows.report.structures import draw
from loop.insight.explaining import Explained, Explanation, Fragment, Neighbour


def explained(*atoms: float, smiles: str = "CCO", is_inside: bool = True) -> Explained:
    neighbours = (Neighbour("CCN", 0.5, 2.0),)
    return Explained(smiles, 3.0, 0.4, atoms, {}, (Fragment("CO", (1, 2), -1.5),), neighbours, is_inside)


def test_what_raises_and_what_lowers_have_colours_of_their_own_and_what_adds_nothing_has_none():
    plain, both = draw("CCO"), draw("CCO", (1.0, 0.0, -1.0), 1.0)
    raised, lowered = draw("CCO", (1.0, 0.0, 0.0), 1.0), draw("CCO", (-1.0, 0.0, 0.0), 1.0)

    assert plain is not None
    assert "<ellipse" not in plain
    assert both is not None
    assert both.count("<ellipse") == 2
    assert raised is not None
    assert raised.count("<ellipse") == 1
    assert raised != lowered


def test_figures_of_a_target_share_one_scale_and_say_what_they_rest_on():
    (one,) = drawn([Explanation("gap", "eV", (explained(0.5, 0, 0), explained(0, 0, -2, is_inside=False)), ("trees",))])

    assert one.largest == "2 eV"
    assert one.by == "trees"
    assert [f.predicted for f in one.figures] == ["3.00 ± 0.40\N{NO-BREAK SPACE}eV"] * 2
    assert one.figures[0].lines == ("fragments add, in eV: CO -1.5", "rests on CCN (2 eV, 50% alike)")
    assert one.figures[1].lines[-1].endswith("trust the prediction little")


def test_no_share_at_all_is_drawn_plain():
    (one,) = drawn([Explanation("gap", "", (explained(0.0, 0.0, 0.0),))])

    assert one.figures[0].drawing is not None
    assert "<ellipse" not in one.figures[0].drawing
