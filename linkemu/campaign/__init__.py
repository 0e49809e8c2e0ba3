"""Seeded faults on the whole system under the virtual clock: find what breaks it, shrink it to a case."""
