"""The steps of a pass: reconcile, ingest and judge, propose (trained apart or here), dispatch, close plates, cancel."""
