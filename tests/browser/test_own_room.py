"""Your own: another model and rows of one's own, for one visitor alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.server.settings import Settings
from app.visit.studio import Studio
from attribution import Example, LanguageModel, score
from tests.attribution.tiny import tiny_model
from tests.browser.axe import grave_faults
from tests.browser.rooms import PATIENCE_MS, alert_of, choose, go_to, open_page, set_number, start_run, wait_for_end
from tests.browser.served import few_rows, serve_here
from unlearn.replay import REPLAY_FILE, Replay


@pytest.fixture(scope="module")
def own_url(model: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("models")
    made = tiny_model("llama", max_position_embeddings=512)
    made.model.save_pretrained(root / "tiny", safe_serialization=True)
    made.tokenizer.save_pretrained(root / "tiny")
    (root / "tiny" / REPLAY_FILE).write_text(replay_of(made).to_json(), encoding="utf-8")
    settings = Settings(model_folder=str(root), max_upload_mb=1)
    with serve_here(Studio(settings, model, few_rows())) as served:
        yield served.url


def replay_of(made: LanguageModel) -> Replay:
    """A run of five steps, and answers that are more than words."""
    example = Example("Where was Ada <i>Quell</i> born?", "Ada Quell was born in Torvik.", id="forget:7")
    found = score(made, example, ("masking", "entropy"))[0]
    return Replay(
        model="some <b>model</b>",
        rows="mine",
        settings={"Trained on": "<b>everything</b>"},
        example=example,
        scores=found.columns,
        probability=found.probability,
        cut={},
        before="Ada Quell was born in Torvik.",
        samples=((1, "Ada <u>Quell</u> was born in Ostrand."), (5, "Nobody <u>knows</u>.")),
        points=((0, 0.0, 1.0), (5, 0.75, 0.5)),
        steps=5,
        of=5,
        stopped=False,
        note="Five <u>steps</u>.",
        warned=False,
    )


def choose_model(page: Page, text: str) -> None:
    box = page.locator("#own-model input").first
    box.scroll_into_view_if_needed()
    # The page may still be moving: its type has just arrived.
    page.wait_for_timeout(500)
    box.click()
    page.get_by_role("option", name=text).first.click()


def test_a_model_and_rows_of_ones_own_from_loading_to_a_run(page: Page, own_url: str, tmp_path: Path) -> None:
    lanes = open_page(page, own_url)
    go_to(page, "Your own")
    expect(page.locator("#own-using")).to_contain_text("embedded")
    choose(page, "own-path", "A model")
    choose_model(page, "tiny")
    expect(page.locator("#own-survey")).to_contain_text("M parameters")
    page.locator("#own-load").click()
    expect(page.locator("#own-using")).to_contain_text("folder:tiny")
    # It never saw these rows, and that is said before anything is trained.
    expect(page.locator("#own-knows")).to_contain_text("It was asked 8 of 37 rows and answers 0 right")
    expect(page.locator("#own-knows tbody tr")).to_have_count(4)

    # It came with a replay, which plays on the stage without a run.
    expect(page.locator("#own-replay")).to_contain_text("<b>everything</b>")
    page.locator("#own-play").click()
    dock = lanes.locator(".fl-run")
    expect(dock).to_contain_text("After step 5", timeout=PATIENCE_MS)
    expect(dock).to_contain_text("forgotten 75%")
    expect(dock.locator(".fl-note")).to_have_text("A replay. Five <u>steps</u>.")
    expect(lanes.locator(".fl-question").first).to_contain_text("<i>Quell</i>")
    expect(lanes).to_contain_text("<u>knows</u>.")
    dock.locator("input[type=range]").fill("1")
    expect(lanes).to_contain_text("Ostrand.")
    assert lanes.locator("u").count() == 0 == page.locator("#own-replay i").count()
    dock.get_by_role("button", name="Choose other words").click()
    expect(dock).to_have_count(0)
    page.locator("#own-play").click()
    expect(dock).to_contain_text("After step 5")

    rows = tmp_path / "mine.csv"
    bad = "Who is nobody?,\n"
    good = "".join(f"Who wrote book {i}?,Ada Quell wrote <b>book</b> {i}.\n" for i in range(12))
    # "start" is a key of app/look/texts.py: the page's own words must not stand in for a visitor's.
    rows.write_text("start,reply\n" + good + bad, encoding="utf-8")
    choose(page, "own-path", "Rows")
    expect(page.locator("#own-model")).to_have_count(0)
    page.locator("#own-file input[type=file]").set_input_files(rows)
    expect(page.locator("#own-preview table")).to_contain_text("book 1")
    assert page.locator("#own-preview b").count() == 0, "cells of a stranger's file are text"
    for field, column in (("question", "start"), ("answer", "reply")):
        page.locator(f"#own-{field} input").first.click()
        page.get_by_role("option", name=column, exact=True).first.click()
    expect(page.locator("#own-preview")).to_contain_text("12 rows can be used")
    expect(page.locator("#own-preview")).to_contain_text("1 left out (Line 14): the column 'reply' is empty there")
    page.locator("#own-use").click()
    expect(page.locator("#own-using")).to_contain_text("mine (12 rows)")
    expect(page.locator("#own-knows")).to_contain_text("answers 0 right")
    expect(page.locator("#own-knows")).to_contain_text("Nothing that can be counted is there to be forgotten")
    assert page.locator("#own-knows b").count() == 0

    page.locator("#own-words textarea, #own-words input").first.fill("BOOK 7")
    expect(page.locator("#own-place")).to_contain_text("1 of 1 row")
    page.locator("#own-found").get_by_role("radio").first.check()
    expect(lanes.locator(".fl-question").first).to_contain_text("book 7")
    expect(lanes.locator(".fl-question").first).to_be_in_viewport()

    go_to(page, "Settings")
    start_run(page, 5)
    wait_for_end(page)
    expect(page.locator("#status")).to_contain_text("Steps: 5 of 5")
    # Another visitor still has what the page opens with.
    other = page.context.new_page()
    open_page(other, own_url)
    go_to(other, "Your own")
    expect(other.locator("#own-using")).to_contain_text("embedded")
    expect(other.locator("#own-using")).to_contain_text("forget05")
    other.close()


def test_what_cannot_be_had_is_one_sentence(page: Page, own_url: str) -> None:
    open_page(page, own_url)
    go_to(page, "Your own")
    choose(page, "own-path", "A model")
    choose_model(page, "Phi 1.5")
    page.locator("#own-load").click()
    # The tests run offline.
    expect(alert_of(page, "own")).to_contain_text("The Hub cannot be reached from here")
    expect(page.locator("#own-using")).to_contain_text("embedded")
    expect(page.locator("#own-load")).to_be_enabled()

    # What is uploaded may be a log, too.
    go_to(page, "Answers")
    page.locator("#logs .label-wrap").click()
    for box, content in (("a", '{"model_utility": 0.5}'), ("b", '{"model_utility": 0.25}')):
        log = {"name": f"<b>{box}.json", "mimeType": "application/json", "buffer": content.encode()}
        page.locator(f"#log-{box} input[type=file]").set_input_files(log)  # type: ignore[arg-type]
    expect(page.locator("#logs-result table")).to_contain_text("model_utility")
    assert page.locator("#logs-result b").count() == 0


def test_a_fact_is_typed_taught_and_forgotten_by_keyboard_alone(page: Page, url: str) -> None:
    lanes = open_page(page, url)
    go_to(page, "Your own")
    ways = page.locator("#own-path input")
    ways.first.focus()
    for name, way in (("Rows", "rows"), ("A model", "model"), ("A fact", "fact")):
        page.keyboard.press("ArrowRight")
        expect(page.locator("#own-path").get_by_role("radio", name=name, exact=True)).to_be_checked()
        expect(page.locator(f"#own-way-{way}")).to_be_visible()
        assert page.locator("[id^=own-way-]:visible").count() == 1
        assert way == "fact" or grave_faults(page) == []
    page.keyboard.press("Tab")
    for text in ("Where was Mirabel <b>Tolland</b> born?", "Mirabel Tolland was born in Skarvik."):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.type("Ostrand")
    page.keyboard.press("Enter")
    expect(alert_of(page, "own")).to_contain_text("The answer does not hold 'Ostrand'")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Skarvik")
    page.keyboard.press("Enter")
    knows = page.locator("#own-knows")
    expect(knows).to_contain_text("It does not say this.")
    page.locator("#own-fact-teach").focus()
    page.keyboard.press("Enter")
    expect(knows).to_contain_text("It knows it now: Mirabel Tolland was born in Skarvik.")
    expect(page.locator("#own-using")).to_contain_text("typed (1 row)")
    page.locator("#own-stage").focus()
    page.keyboard.press("Enter")
    forget = lanes.locator(".fl-forget")
    expect(forget).to_be_focused()
    expect(lanes.locator(".fl-question").first).to_contain_text("<b>Tolland</b>")
    expect(lanes.locator(".fl-fact").first).to_be_visible()
    go_to(page, "Settings")
    set_number(page, "steps", "30")
    page.locator("#start").click()
    expect(page.locator("#status")).to_contain_text("Steps: 30 of 30")
    expect(page.locator("#ruling")).to_contain_text("Forgotten: it no longer gives 100%")
