"""The words on widgets: every one that is asked for exists, and every one that exists is asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.look.texts import EN, say
from app.rooms.inspect.room import SCOPES
from app.visit.studio import OWN, SPLITS
from unlearn.wishes import WISHES

APP = Path(__file__).resolve().parents[2] / "app"


def test_texts_and_widgets_match() -> None:
    asked = {
        key for path in APP.rglob("*.py") for key in re.findall(r'\bsay\("(\w+)"\)', path.read_text(encoding="utf-8"))
    }
    settings = [name for name, described in WISHES.items() if described.facts.key]
    asked |= {f"{what}_{name}" for what in ("setting", "info") for name in settings}
    asked |= {f"split_{split}" for split in (*SPLITS, OWN)} | {f"hides_{scope}" for scope in SCOPES}
    assert asked == set(EN)


def test_a_text_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="no text 'nothing'"):
        say("nothing")
