"""Forecasts: how long planned runs take, and how much memory and disk, before any of them is made.

The speed comes from finished runs of the same work on the same device. Without them it is computed from the
operations and bytes of an update and the device's rates. No run is needed; torch is needed only once, to
measure this machine.
"""
