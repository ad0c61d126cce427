"""The commands of `python -m attribution`, one a file."""
