"""Settings from the environment, and the page that documents them."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest

from app.server.settings import DATA_SOURCES, Settings

DEPLOY = Path(__file__).resolve().parents[2] / "docs" / "deploy.md"


def read(environment: dict[str, str]) -> Settings:
    """The settings of a page that is started in this environment and no other."""
    with mock.patch.dict(os.environ, environment, clear=True):
        return Settings.from_environment()


def test_defaults_and_overrides() -> None:
    settings = read({"FORGET_LENS_MAX_STEPS": " 12 ", "FORGET_LENS_MAX_RUNS": "", "OTHER": "x"})
    assert settings.max_steps == 12
    assert settings.max_runs == Settings().max_runs
    assert read({}) == Settings()


def test_every_kind_of_setting_is_read() -> None:
    settings = read(
        {
            "FORGET_LENS_MODELS": "embedded, Qwen/*",
            "FORGET_LENS_DATA": "none",
            "FORGET_LENS_MCP": "off",
            "FORGET_LENS_MAX_MODEL_GB": "0.5",
            "FORGET_LENS_AUTH": "ada:qu:ell, bo:x",
            "FORGET_LENS_ROOT_PATH": "/lens",
        }
    )
    assert settings.models == ("embedded", "Qwen/*") and settings.data == () and settings.mcp is False
    assert settings.max_model_gb == 0.5 and settings.root_path == "/lens"
    assert settings.accounts == [("ada", "qu:ell"), ("bo", "x")]
    assert Settings().accounts is None and Settings().data == DATA_SOURCES


def test_a_space_has_a_proxy_in_front() -> None:
    assert read({"SPACE_ID": "a/b"}).proxies == 1
    assert read({"SPACE_ID": "a/b", "FORGET_LENS_PROXIES": "2"}).proxies == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [("many", "'many': a whole number"), ("0", "is 0: a whole number from 1"), ("-3", "is -3"), ("9e9", "9e9")],
)
def test_a_bad_setting_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="FORGET_LENS_MAX_VISITS") as caught:
        read({"FORGET_LENS_MAX_VISITS": text})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MCP", "perhaps"),
        ("DATA", "tofu,web"),
        ("LOG_LEVEL", "loud"),
        ("ROOT_PATH", "lens"),
        ("ROOT_PATH", "/lens/"),
        ("MAX_MODEL_GB", "nan"),
        ("MAX_UPLOAD_MB", "2000000000"),
        ("WARM_UP", "2"),
        ("MODELS_GB", "-1"),
        ("AUTH", "secret-without-a-name"),
    ],
)
def test_each_kind_of_bad_setting_is_named_and_no_secret_told(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"FORGET_LENS_{name}") as caught:
        read({f"FORGET_LENS_{name}": text})
    assert "secret" not in str(caught.value)


def test_the_documented_table_is_the_one_of_the_code() -> None:
    assert Settings.table() in DEPLOY.read_text(encoding="utf-8")
