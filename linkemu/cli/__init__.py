"""The command line: composition of all rooms. Nothing imports this package."""
