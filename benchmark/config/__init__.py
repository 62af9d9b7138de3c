"""One run's configuration: its schema, its composition by Hydra, its checks and its id."""
