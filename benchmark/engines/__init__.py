"""Engines: ways to make a grid's runs, here or on other machines, over one store."""
