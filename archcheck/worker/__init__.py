"""The worker: builds and runs a model, and answers with plain data."""
