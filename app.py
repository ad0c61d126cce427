"""Forget Lens on a web page: `python app.py`, which is also what a Hugging Face Space runs.

GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say where it listens (127.0.0.1 and 7860 unless told otherwise).
"""

from app.page import build_page, launch_options
from app.session import Visits
from app.settings import Settings
from app.studio import Studio

settings = Settings.from_environment()
# Gradio's reload mode looks for this name.
demo = build_page(Studio(settings), Visits(settings))

if __name__ == "__main__":
    demo.launch(**launch_options())
