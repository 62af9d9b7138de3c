"""The loop of one fine-tuning, its evaluations, and how it continues after an interruption."""
