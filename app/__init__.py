"""The page: what a visitor sees and does. `page.py` is its table of contents, `events.py` wires the rooms."""
