"""What a run leaves behind, and the store that keeps it."""
