"""Changed specs that are as true as they were, each with the reason."""

EQUIVALENT: dict[str, str] = {}
