"""Encoders and tasks that the project makes itself, for machines without downloads."""
