"""Forecasts: how long planned runs take, and how much memory and disk, before any of them is made.

A rate comes from finished runs of the same work on the same device, else from operations and bytes of an update and the
device's measured rates. No run is needed, and torch only to measure this machine once.
"""
