"""``hakken tell --by`` names who brought results in, on a machine that several people use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.flows.cli.small import ONE_NUMBER


def test_who_tells_them_stands_in_the_audit_log(tell_table: Any, hakken: Any) -> None:
    tell_table(ONE_NUMBER, "step,yield\n9,20\n")
    Path("bert.csv").write_text("step,yield\n3,45\n")
    Path("paper.csv").write_text("step,yield\n1,10\n2,11\n3,12\n")
    told = hakken("tell", "cells", "bert.csv", "--by", "bert")
    source = hakken("tell", "cells", "paper.csv", "--source", "Smith", "--by", "carl")
    log = json.loads(hakken("audit", "log", "--json").out)

    assert (told.code, source.code) == (0, 0)
    assert [e["actor"] for e in log["entries"] if e["action"] == "receive"] == ["tester", "bert", *["carl"] * 3]
