"""A reproducible GLUE/XTREME benchmark of noise and regularisation methods for fine-tuning."""
