"""What several methods share; no method by itself."""
