"""One fine-tuning: the loop, its evaluations, and continuation after an interruption."""
