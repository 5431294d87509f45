"""Insight: what a campaign's results mean, as opposed to what is to be tried next."""
