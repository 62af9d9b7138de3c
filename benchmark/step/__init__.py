"""One update as methods see it: the passes of a batch, and the stages of the optimiser."""
