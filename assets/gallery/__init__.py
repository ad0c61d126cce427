"""Runs that were made beforehand, to be played at once: a file for each in this folder, and what makes them again."""
