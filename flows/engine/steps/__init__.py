"""The steps of a pass: reconcile, ingest, judge, propose, dispatch; each is planned purely and written once."""
