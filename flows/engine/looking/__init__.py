"""Looking without touching: what the record says of a campaign, its next batch and its past ones."""
