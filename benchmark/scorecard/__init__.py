"""Comparison of a user's method with the reference runs of the campaigns, paired by seed."""
