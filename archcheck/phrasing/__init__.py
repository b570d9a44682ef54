"""How things are named in what a user reads: module paths, nearest words. Standard library only."""
