"""Where everything in a panel stands, and how its lines run."""
