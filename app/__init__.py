"""The page: what a visitor sees and does. `page.py` is its table of contents, `events.py` wires the rooms."""

import os

# Several visitors' work shares the cores: threads that wait for each other must not spin. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
