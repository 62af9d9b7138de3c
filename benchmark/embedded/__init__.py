"""Encoders and tasks that the project makes itself, so that it runs where nothing can be downloaded."""
