"""The report's charts, each a function from plain values to SVG."""
