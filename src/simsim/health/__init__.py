"""The health of an installation, from what it keeps anyway: for monitors, `simsim status` and the operator's page."""
