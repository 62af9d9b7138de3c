"""Seeded generators of mangled input, and the judgement on each try; `make fuzz` runs many of them."""
