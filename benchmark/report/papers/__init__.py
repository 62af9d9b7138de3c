"""The papers' own arithmetic: printed numbers and sentences that their own tables contradict."""
