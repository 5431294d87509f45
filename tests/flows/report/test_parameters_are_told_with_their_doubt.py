"""What follows each parameter stands on the page as a mark with its interval, and what its values add in words."""

from __future__ import annotations

from flows.report.influence import HEIGHT, WIDTH, rows_of
from loop.insight.statements import Adds, Influence, Reliance


def reliance(*adds: Adds, members: tuple[str, ...] = ("gp", "trees"), share: float = 0.5) -> Reliance:
    influence = Influence("ligand", share, share - 0.25, share + 0.25, 0.4, 0.6, adds, len(adds), 0.3)
    return Reliance("yield", "%", "committee", members, 1728, 41, 30.0, 12.0, (influence,))


def adds(label: str, mean: float, tried: int = 1) -> Adds:
    return Adds(label, label, mean, mean - 5.0, mean + 5.0, tried, None)


def test_a_share_is_a_dot_in_its_interval() -> None:
    (rows,) = rows_of([reliance()])
    (row,) = rows.rows

    assert (row.share, row.within, row.by_model, row.by_itself) == ("0.50", "0.25 to 0.75", "0.40 to 0.60", "0.30")
    assert f'cx="{WIDTH / 2:.1f}" cy="{HEIGHT / 2:g}"' in row.mark
    assert f'x1="{WIDTH / 4:.1f}"' in row.mark
    assert f'x2="{3 * WIDTH / 4:.1f}"' in row.mark
    assert (rows.candidates, rows.results, rows.notes) == ("1,728", 41, ())


def test_interactions_beyond_the_whole_stay_on_the_mark() -> None:
    (rows,) = rows_of([reliance(share=1.2)])

    assert rows.rows[0].share == "1.20"
    assert f'cx="{WIDTH:.1f}"' in rows.rows[0].mark


def test_what_values_add_is_signed_and_names_keep_their_hyphens() -> None:
    (rows,) = rows_of([reliance(adds("X-Phos", 12.0, 3), adds("PPh3", -12.0, 0), members=("gp",))])

    assert rows.rows[0].adds == (
        "X-Phos: +12.0 [7.0 to 17.0]\N{NO-BREAK SPACE}%, tried 3 times",
        "PPh3: \N{MINUS SIGN}12.0 [\N{MINUS SIGN}17.0 to \N{MINUS SIGN}7.0]\N{NO-BREAK SPACE}%, not tried",
    )
    assert rows.rows[0].by_model == ""


def test_of_many_values_the_ends_are_named() -> None:
    (rows,) = rows_of([reliance(*(adds(f"L{i}", 10.0 - i) for i in range(9)))])

    assert [line.partition(":")[0] for line in rows.rows[0].adds] == ["L0", "L1", "L7", "L8"]


def test_all_values_of_a_number_are_told_and_what_was_tried_near_them_is_said_to_be_near() -> None:
    numbers = tuple(Adds(float(i), f"{i} h", 10.0 - i, 0.0, 20.0, 1, None) for i in range(9))
    listed, drawn = (Influence("time", 0.5, 0.25, 0.75, 0.4, 0.6, numbers, of) for of in (9, 0))
    told = [
        rows_of([Reliance("yield", "%", "gp", (), 9, 9, 30.0, 12.0, (one,))])[0].rows[0].adds for one in (listed, drawn)
    ]

    assert [len(lines) for lines in told] == [9, 9]
    assert [lines[0].rpartition(", ")[2] for lines in told] == ["tried once", "tried once near it"]
