"""What changed between two models, specs, reports or revisions: `archcheck diff` and `archcheck log`."""
