"""Work on whole stores: check, merge, pack into archives, and verify by running records again."""
