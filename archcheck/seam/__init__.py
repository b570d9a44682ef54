"""What passes between the side that runs a model and the side that judges it: plain data, as JSON.

The worker's side is `model`, `tracing` and `worker`; it needs the standard library, torch and numpy alone,
and Python 3.10. All else is the judge's. Both share what stands here and the values that it is made of.
"""
