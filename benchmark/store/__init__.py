"""Stores as a whole: checked, merged, given away in archives, and proven by running records again."""
