"""How the schema became what `alerts/tables.py` says, version by version; `alerts/schema.py` runs it by alembic."""
