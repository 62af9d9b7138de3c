"""One update as methods see it: a batch's passes, and the optimiser's stages."""
