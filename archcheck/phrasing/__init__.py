"""How things are named in what users read: module paths, nearest words. Standard library only."""
