"""The page: what a visitor sees and does. `page.py` is its table of contents, `events.py` wires the rooms."""

# First: it says how torch's threads wait, before torch is loaded.
import attribution  # noqa: F401
