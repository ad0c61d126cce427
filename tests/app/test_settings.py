"""Settings from the environment."""

from __future__ import annotations

import pytest

from app.settings import Settings


def test_defaults_and_overrides() -> None:
    settings = Settings.from_environment({"FORGET_LENS_MAX_STEPS": " 12 ", "FORGET_LENS_MAX_RUNS": "", "OTHER": "x"})
    assert settings.max_steps == 12
    assert settings.max_runs == Settings().max_runs


@pytest.mark.parametrize(("text", "said"), [("many", "'many'"), ("0", "at least 1, not 0"), ("-3", "not -3")])
def test_a_bad_setting_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="FORGET_LENS_MAX_VISITS") as caught:
        Settings.from_environment({"FORGET_LENS_MAX_VISITS": text})
    assert said in str(caught.value)
