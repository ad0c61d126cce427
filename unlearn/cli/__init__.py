"""The commands of `python -m unlearn`."""
