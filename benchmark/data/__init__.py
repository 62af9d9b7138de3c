"""The files of data sets: where they are, and the rows that a split asks for."""
