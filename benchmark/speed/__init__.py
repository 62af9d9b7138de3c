"""How fast runs are here, beside `transformers.Trainer` and beside what the machine's matrix products allow."""
