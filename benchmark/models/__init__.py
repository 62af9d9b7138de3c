"""Pretrained encoders with their heads, computed without padding."""
