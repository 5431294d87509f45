"""``python -m flows.cli`` is ``hakken``."""

from flows.cli import main

main()
