"""The data between the side that runs a model and the side that judges it: plain data, as JSON.

The worker's side is `model`, `tracing` and `worker`; it needs only the standard library, torch and numpy, and
Python 3.10. Everything else is the judge's. Both share this package and the values that its messages are made
of.
"""
