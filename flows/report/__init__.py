"""The report: a campaign as one page that works offline, for somebody who brings nothing.

``build`` computes everything from the record; ``write`` draws it.
"""

from flows.report.build import build
from flows.report.content import Report
from flows.report.page import write

__all__ = ["Report", "build", "write"]
