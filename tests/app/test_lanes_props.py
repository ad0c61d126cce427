"""What the lanes send to the browser, the file they export, and the palette under them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from gradio.themes.utils.fonts import STATIC_FONTS_DIR

from app.look.lanes import initial_rule, make_lanes, read_rule
from app.look.theme import FORGET_LENS
from attribution.lanes import lanes_html, lanes_props, script, stylesheet
from attribution.lanes.palette import DARK, LIGHT, RAMP_DARK, RAMP_LIGHT, contrast, luminance, ramp, text_on
from attribution.selection import Rule
from tests.app.lanes_fixture import ANSWER, QUESTION, make_scores

PALETTES = {"light": LIGHT, "dark": DARK}


@pytest.fixture(scope="module")
def props() -> dict[str, Any]:
    return lanes_props(make_scores())


# Props ---------------------------------------------------------------------------------------------------------------


def test_props_are_plain_json_and_keep_every_number_exactly() -> None:
    scores = make_scores(columns={"entropy": [0.1 + 0.2, *[1 / 3] * 19]})
    back = json.loads(json.dumps(lanes_props(scores), allow_nan=False))
    assert tuple(back["lanes"][0]["scores"]) == scores.columns["entropy"]
    assert back["lanes"][0]["high"] is None, "an unbounded range has no place in JSON"


def test_tokens_tile_the_answer_and_carry_truth_and_what_the_prompt_gives(props: dict[str, Any]) -> None:
    tokens = props["tokens"]
    assert "".join(token["text"] for token in tokens) == ANSWER
    assert "".join(token["text"] for token in tokens if token["truth"] == "fact") == " Tovenmark"
    assert "".join(token["text"] for token in tokens if token["given"]) == "Kaveh Whitlock"
    assert [token["id"] for token in tokens] == list(range(100, 100 + len(tokens)))


def test_facts_side_by_side_are_told_apart() -> None:
    scores = make_scores("Who?", "Ada Quell", ["Ada", " Quell"], facts=("Ada", "Quell"), subjects=())
    assert [token["span"] for token in lanes_props(scores)["tokens"]] == [0, 1]
    one = make_scores("Who?", "Ada Quell", ["Ada", " Quell"], facts=("Ada Quell",), subjects=())
    assert [token["span"] for token in lanes_props(one)["tokens"]] == [0, 0]


def test_pieces_of_a_character_belong_to_its_span() -> None:
    scores = make_scores("Who?", "I 🌍 you", ["I", " 🌍", "", "", " you"], facts=("🌍",), subjects=())
    assert [token["span"] for token in lanes_props(scores)["tokens"]] == [None, 0, 0, 0, None]


def test_prompt_is_cut_into_words_with_the_hidden_ones_marked(props: dict[str, Any]) -> None:
    parts = props["prompt"]
    assert "".join(part["text"] for part in parts) == QUESTION
    assert all(QUESTION[part["start"] : part["end"]] == part["text"] for part in parts)
    assert [part["text"] for part in parts if part["word"] and part["hidden"]] == ["Kaveh", "Whitlock"]
    assert [part["text"] for part in parts if part["word"]][:3] == ["What", "is", "the"]


def test_an_answer_without_prompt_or_truth_says_so() -> None:
    made = lanes_props(make_scores("", "Plain text.", facts=(), subjects=()))
    assert made["prompt"] == [] and not made["marked"] and made["subject"]["text"] is None


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"active": "nosuch"}, ["nosuch", "masking"]),
        ({"cuts": {"nosuch": {"kind": "top", "cut": 0.3}}}, ["nosuch", "masking"]),
        ({"cuts": {"masking": {"kind": "soft", "cut": 0.3}}}, ["soft", "threshold"]),
        ({"cuts": {"masking": {"kind": "top", "cut": 0}}}, ["masking", "above 0"]),
        ({"cuts": {"masking": {"kind": "threshold", "cut": float("nan")}}}, ["nan", "finite"]),
        ({"cuts": {"masking": {"kind": "top", "cut": "0.3"}}}, ["'0.3'", "finite"]),
    ],
)
def test_a_state_that_cannot_be_is_refused_by_name(state: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        lanes_props(make_scores(), state)
    assert all(word in str(caught.value) for word in words)


# The exported file ---------------------------------------------------------------------------------------------------


def test_exported_file_needs_no_network(props: dict[str, Any]) -> None:
    page = lanes_html(props)
    assert not re.search(r"<(?:link|img|iframe|script)[^>]+(?:src|href)=", page)
    assert "@import" not in page and "url(" not in page and "fetch(" not in page


def test_exported_file_keeps_hostile_text_inside_its_data() -> None:
    hostile = "</script><script>alert(1)</script><!-- \u2028 <img src=x onerror=alert(2)>"
    page = lanes_html(lanes_props(make_scores("Who?", hostile, [hostile], (), ())), title="<b>&title</b>")
    assert page.count("</script>") == 2, "one for the data, one for the code, none from the answer"
    assert "<!--" not in page and "<img" not in page and "\u2028" not in page
    assert "<title>&lt;b&gt;&amp;title&lt;/b&gt;</title>" in page
    data = re.search(r'id="fl-data">(.*?)</script>', page, re.DOTALL)
    assert data and json.loads(data[1])[0]["tokens"][0]["text"] == hostile


def test_exported_file_shows_several_rows(props: dict[str, Any]) -> None:
    data = re.search(r'id="fl-data">(.*?)</script>', lanes_html([props, props]), re.DOTALL)
    assert data and len(json.loads(data[1])) == 2


def test_style_survives_gradios_templates() -> None:
    """Gradio reads a component's CSS as a JavaScript template string and as a Handlebars template."""
    assert not re.search(r"\$\{|\{\{|`|\\", stylesheet())


def test_script_writes_data_as_text_only() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", script())


# The component -------------------------------------------------------------------------------------------------------


def test_component_has_its_three_events(props: dict[str, Any]) -> None:
    import gradio as gr

    with gr.Blocks():
        lanes = make_lanes(props, elem_id="lanes")
        for name in ("rule", "view", "subject"):
            assert callable(getattr(lanes, name))
        with pytest.raises(AttributeError):
            _ = lanes.nosuch
    assert lanes.value == props


def test_initial_rule_is_the_one_the_lanes_open_with(props: dict[str, Any]) -> None:
    assert Rule(**initial_rule(props)) == Rule("learned", "top", 0.3, False)
    without = lanes_props(make_scores(scorers=("entropy", "masking")))
    assert Rule(**initial_rule(without)).scorer == "entropy"
    state = {"active": "fused", "keep_given": True, "cuts": {"fused": {"kind": "threshold", "cut": 0.5}}}
    assert Rule(**initial_rule(lanes_props(make_scores(), state))) == Rule("fused", "threshold", 0.5, True)


def test_read_rule_names_the_element() -> None:
    assert "#my-lanes .fl-lanes" in read_rule("my-lanes")


# The palette and the theme -------------------------------------------------------------------------------------------


def test_contrast_is_the_web_guideline_s() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("mode", PALETTES)
def test_every_text_colour_reads_on_every_ground(mode: str) -> None:
    colours = PALETTES[mode]
    for text in ("ink", "soft", "accent", "accent-hover", "fact", "bad", "good"):
        for ground in ("page", "panel", "sunk", "accent-soft"):
            assert contrast(colours[text], colours[ground]) >= 4.5, f"{text} on {ground}"
    assert contrast(colours["accent-ink"], colours["accent"]) >= 4.5
    assert contrast(colours["accent-ink"], colours["accent-hover"]) >= 4.5
    assert contrast(colours["bad"], colours["bad-soft"]) >= 4.5
    for ground in ("page", "panel", "sunk"):
        assert contrast(colours["edge"], colours[ground]) >= 3, f"edges of controls on {ground}"


@pytest.mark.parametrize(("stops", "panel"), [(RAMP_LIGHT, LIGHT["panel"]), (RAMP_DARK, DARK["panel"])])
def test_ramp_is_carried_by_lightness_alone_and_recedes_at_its_low_end(stops: tuple[str, ...], panel: str) -> None:
    colours = ramp(stops)
    distances = [abs(luminance(colour) - luminance(panel)) for colour in colours]
    assert all(before < after for before, after in zip(distances, distances[1:], strict=False))
    assert contrast(colours[0], panel) < 1.3 and contrast(colours[-1], panel) > 10
    assert all(contrast(colour, text_on(colour)) >= 4.5 for colour in colours)


@pytest.mark.parametrize("suffix", ["", "_dark"])
def test_theme_keeps_contrast_where_gradio_puts_text(suffix: str) -> None:
    def colour(name: str) -> str:
        return getattr(FORGET_LENS, name + suffix)

    pairs = [
        ("body_text_color", "body_background_fill"),
        ("body_text_color_subdued", "body_background_fill"),
        ("body_text_color_subdued", "background_fill_secondary"),
        ("block_info_text_color", "block_background_fill"),
        ("block_label_text_color", "block_label_background_fill"),
        ("block_title_text_color", "block_background_fill"),
        ("input_placeholder_color", "input_background_fill"),
        ("link_text_color", "body_background_fill"),
        ("table_text_color", "table_odd_background_fill"),
        ("checkbox_label_text_color_selected", "checkbox_label_background_fill_selected"),
        ("button_primary_text_color", "button_primary_background_fill"),
        ("button_primary_text_color_hover", "button_primary_background_fill_hover"),
        ("button_secondary_text_color", "button_secondary_background_fill"),
        ("button_secondary_text_color_hover", "button_secondary_background_fill_hover"),
        ("button_cancel_text_color", "button_cancel_background_fill"),
        ("button_cancel_text_color_hover", "button_cancel_background_fill_hover"),
        ("error_text_color", "error_background_fill"),
    ]
    for text, ground in pairs:
        assert contrast(colour(text), colour(ground)) >= 4.5, f"{text} on {ground}"


def test_theme_fetches_nothing_but_fonts_that_are_installed() -> None:
    css = FORGET_LENS._get_theme_css()
    assert not FORGET_LENS._stylesheets and "@import" not in css
    fetched = re.findall(r"""url\(["']?(?!["']?data:)([^"')]+)""", css)
    assert len(fetched) == 4
    for address in fetched:
        assert (STATIC_FONTS_DIR / address.removeprefix("static/fonts/")).is_file(), address
    assert css.count("--fl-accent:") == 2, "once for each mode"
