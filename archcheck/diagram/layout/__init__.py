"""The layout of a panel: where everything is, and how its lines run."""
