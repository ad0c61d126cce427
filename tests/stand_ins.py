"""Small modules with the documented interfaces of packages that are not installed for the tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from accelerate.utils import LoggerType

from unlearn.run.trackers import TRACKERS

INIT = """
settings, logged, finished = {}, [], []
class config:
    update = staticmethod(lambda values, **_: settings.update(values))
class Run:
    def log(self, values, step=None, **_): logged.append((step, dict(values)))
    def finish(self): finished.append(True)
def init(project, **_): settings["project"] = project; return Run()
"""
WRITER = """
settings, logged, finished = {}, [], []
class SummaryWriter:
    def __init__(self, folder, **_): settings["project"] = folder.rpartition("/")[2]
    def add_hparams(self, values, metric_dict): settings.update(values)
    def add_scalar(self, name, value, global_step=None, **_): logged.append((global_step, {name: value}))
    def flush(self): pass
    def close(self): finished.append(True)
"""


MODULES = {
    "trackio": INIT,
    "wandb": INIT,
    "tensorboardX": WRITER,
}
"""Each module's text. `init` in the one kind, a writer of files in the other."""


def install_trackers(site: Path, patch: pytest.MonkeyPatch) -> None:
    """Put the trackers' modules into a folder, and that before all others, until the patch is undone."""
    site.mkdir()
    for name, text in MODULES.items():
        (site / f"{name}.py").write_text(text, encoding="utf-8")
        # Set first, so that what is imported then is taken away again; and where the real one is installed it waits.
        patch.setitem(sys.modules, name, None)
        del sys.modules[name]
    patch.syspath_prepend(str(site))
    patch.setitem(sys.modules, "torch.utils.tensorboard", None)
    # accelerate looks once, when it is imported.
    patch.setattr("accelerate.tracking.get_available_trackers", lambda: list(map(LoggerType, TRACKERS)))
