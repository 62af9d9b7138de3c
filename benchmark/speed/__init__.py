"""Speed of runs, beside `transformers.Trainer` and the limit of the machine's matrix products."""
