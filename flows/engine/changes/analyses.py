"""Another analysis in a changed campaign file: results that came of files by the one before stay as they are."""

from __future__ import annotations

from shlex import quote

from flows.engine.looking.view import View
from flows.engine.steps.analysing import said_analysis
from loop.errors import AnalysisError
from loop.spec import build_analysis
from loop.wording import plural


def analysed_otherwise(known: View, file: str) -> str:
    """What is to be said of results on record that came of files by another analysis than that in force; "" for none.

    ``file`` is the campaign file, as it is called.
    """
    try:
        analysis = build_analysis(known.spec)
    except AnalysisError:  # such as of a file that is gone: whatever uses it says so
        return ""
    version = "" if analysis is None else analysis.version
    results = sum(said_analysis(o.context) not in ("", version) for o in known.observations)
    if not results:
        return ""
    are, them = ("s as it is", "it") if results == 1 else (" as they are", "them")
    came = f"{plural(results, 'result')} on record came of files by another analysis, and count{are}"
    if analysis is None:
        return f"{came}; files that come from here on wait for an analysis"
    anew = f"makes {them} anew by this one (--dry-run shows what comes out)"
    return f"{came} until hakken reanalyse {quote(file)} {anew}"
