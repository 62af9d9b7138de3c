"""Checks of the papers' arithmetic: printed numbers and sentences that their own tables contradict."""
