"""The cases, by what is hurt: see `tests.faults.case`."""
