"""What one run is: its schema, how Hydra composes it, what is refused, and its id."""
