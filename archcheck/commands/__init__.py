"""The story of each command, one file a command."""
