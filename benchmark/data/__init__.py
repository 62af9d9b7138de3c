"""The files of data sets: their places, and the rows of a split."""
