"""Forget Lens on a web page: `python app.py`, which is also what a Hugging Face Space runs.

GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say where it listens (127.0.0.1 and 7860 unless told otherwise).
"""

from app.page import build_page
from app.server.memory import few_heaps
from app.server.serving import serve
from app.server.settings import Settings
from app.server.uploads import own_folder
from app.visit.studio import Studio
from app.visit.visits import Visits

settings = Settings.from_environment()
own_folder()
few_heaps()
visits = Visits(Studio(settings))
# Gradio's reload mode looks for this name.
demo = build_page(visits)

if __name__ == "__main__":
    serve(demo, settings, visits, visits.studio.warm_up)
