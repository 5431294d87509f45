"""The history of the schema, run by ``db.schema``."""
