"""Settings, wiring, the engine, Prefect flows, the command line and the report: everything that knows all the rest."""
