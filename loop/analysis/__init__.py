"""Analysis: from the files of instruments to values of targets. Pure: bytes in, outcomes out."""

from loop.analysis.analysing import Analysed, analyse
from loop.analysis.calibration import Line, fit_line
from loop.analysis.formats import is_cut_off, media_type, read_file
from loop.analysis.matching import Attempts
from loop.analysis.method import Analysis, Beyond, Blanks, Method, Quantity, Standard, Standards
from loop.analysis.peaks import Several, Window, integrate, pick
from loop.analysis.readings import Label, Peak, Reading, Trace, label_of

__all__ = [
    "Analysed",
    "Analysis",
    "Attempts",
    "Beyond",
    "Blanks",
    "Label",
    "Line",
    "Method",
    "Peak",
    "Quantity",
    "Reading",
    "Several",
    "Standard",
    "Standards",
    "Trace",
    "Window",
    "analyse",
    "fit_line",
    "integrate",
    "is_cut_off",
    "label_of",
    "media_type",
    "pick",
    "read_file",
]
