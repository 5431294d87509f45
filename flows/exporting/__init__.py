"""Exporting: a campaign's results in the formats of other projects, negatives included."""
