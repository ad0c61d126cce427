"""The look of the page: a Gradio theme over the palette of the lanes, light and dark.

Every text has a contrast of at least 4.5:1 on what lies behind it, and every control's edge 3:1; a test counts. One
accent; the faces come along with the installation, so that the page is laid out alike everywhere; no font, style or
picture comes from another server.

`FORGET_LENS` is the theme for `launch(theme=...)`. Its CSS also defines, for the page's own HTML, `--fl-<name>` for
every colour of the palette, the type scale `--fl-t0` .. `--fl-t6`, the spacing scale `--fl-s1` .. `--fl-s7` and the
faces `--fl-sans`, `--fl-serif`, `--fl-mono`.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

from gradio.themes import Base
from gradio.themes.utils import colors, sizes
from gradio.themes.utils.fonts import LocalFont

from attribution.lanes.palette import DARK, LIGHT, MONO, RAMP_LIGHT, SANS, SERIF, ramp, scales, variables

_SHADES = ("c50", "c100", "c200", "c300", "c400", "c500", "c600", "c700", "c800", "c900", "c950")
_NEUTRAL = (
    LIGHT["page"],
    LIGHT["sunk"],
    LIGHT["line"],
    "#C0CACD",
    DARK["soft"],
    LIGHT["edge"],
    "#5F6D72",
    LIGHT["soft"],
    DARK["line"],
    DARK["panel"],
    DARK["page"],
)
_TEXT = sizes.Size(
    name="forget_lens_text", xxs="12px", xs="12px", sm="13px", md="14px", lg="16px", xl="19px", xxl="24px"
)
_SPACING = sizes.Size(
    name="forget_lens_spacing", xxs="2px", xs="4px", sm="6px", md="8px", lg="12px", xl="16px", xxl="24px"
)
_RADIUS = sizes.Size(
    name="forget_lens_radius", xxs="2px", xs="3px", sm="4px", md="6px", lg="8px", xl="10px", xxl="16px"
)


# Gradio brings these whole in two weights; what it calls SemiBold and Medium has no Latin letters in it.
_WEIGHTS = (400, 700)
_SERIF_FILE = Path(__file__).parent / "fonts" / "source-serif-4.woff2"


def _serif() -> str:
    """The rule that brings the serif along: Gradio has none, and serves no file of ours beside its own."""
    font = b64encode(_SERIF_FILE.read_bytes()).decode()
    return (
        f"@font-face {{ font-family: '{SERIF[0]}'; font-weight: 200 900; font-style: normal; "
        f"src: url(data:font/woff2;base64,{font}) format('woff2'); }}"
    )


def _picture(shape: str) -> str:
    """A CSS picture, 16 by 16, from an SVG shape."""
    source = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>{shape}</svg>"
    return f'url("data:image/svg+xml,{quote(source)}")'


_INK = DARK["accent-ink"]
# What Gradio's variables do not reach. Its own colours there fail the contrast that the rest keeps.
# The tick and the dot are white in both modes there, which the dark mode's light accent swallows.
_CSS = f"""
:root.dark, :root .dark {{
  --checkbox-check: {_picture(f"<path d='M4 8.5l2.7 2.6L12 5.4' fill='none' stroke='{_INK}' stroke-width='2'/>")};
  --radio-circle: {_picture(f"<circle cx='8' cy='8' r='3' fill='{_INK}'/>")};
}}
"""
_CSS += """
::placeholder { color: var(--fl-soft) !important; opacity: 1 !important; }
footer, footer a, footer button, footer .divider { color: var(--fl-soft) !important; opacity: 1 !important; }
.gradio-container :focus-visible { outline-color: var(--fl-accent); }
.gradio-container label:has(> input:is([type="radio"], [type="checkbox"]):focus-visible) {
  outline: 2px solid var(--fl-accent);
  outline-offset: 1px;
}
.gradio-container .tab-container button { color: var(--fl-soft); font-weight: 500; }
.gradio-container .tab-container button:hover { color: var(--fl-ink); }
.gradio-container .tab-container button.selected { color: var(--fl-ink); font-weight: 600; }
.gradio-container .tab-container button.selected::after { background: var(--fl-accent); }
.gradio-container .prose, .gradio-container .prose * { color: inherit; }
.gradio-container .prose a { color: var(--fl-accent); text-decoration: underline; text-underline-offset: 0.18em; }
.gradio-container .info, .gradio-container .eta-bar + *, .gradio-container .progress-text { color: var(--fl-soft); }
.gradio-container button.primary:disabled, .gradio-container button.secondary:disabled {
  opacity: 1;
  border-color: var(--fl-line);
  background: var(--fl-sunk);
  color: var(--fl-soft);
}
.gradio-container .json-node .key { color: var(--fl-accent); }
.gradio-container .json-node .value { color: var(--fl-ink); }
.gradio-container .json-node .bracket, .gradio-container .json-node .line-number { color: var(--fl-soft); }
.gradio-container .table-wrap :is(th, td) { font-family: var(--fl-sans); }
@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after {
    animation-duration: 1ms !important;
    animation-iteration-count: 1 !important;
    transition-duration: 1ms !important;
    scroll-behavior: auto !important;
  }
}
"""


class ForgetLensTheme(Base):
    """Gradio's base theme in the palette of `attribution.lanes.palette`."""

    custom_css = (
        f"{_serif()}\n:root {{\n{scales()}\n{variables(dark=False)}\n}}\n"
        f":root.dark, :root .dark {{\ncolor-scheme: dark;\n{variables(dark=True)}\n}}\n{_CSS}"
    )

    def __init__(self) -> None:
        shades = ramp(RAMP_LIGHT, len(_SHADES))
        super().__init__(
            primary_hue=colors.Color("forget_lens_accent", *shades),
            secondary_hue=colors.Color("forget_lens_accent", *shades),
            neutral_hue=colors.Color("forget_lens_neutral", *_NEUTRAL),
            text_size=_TEXT,
            spacing_size=_SPACING,
            radius_size=_RADIUS,
            font=[LocalFont(SANS[0], _WEIGHTS), *SANS[1:]],
            font_mono=[LocalFont(MONO[0], _WEIGHTS), *MONO[1:]],
        )
        self.name = "forget_lens"
        # Gradio writes every attribute of a theme out as a variable, this one too unless it is the class's.
        del self.custom_css
        self.set(**_both(_COLOURS), **_SHAPES)


# Gradio's name for a colour -> the palette's. Each is set for light and for dark.
_COLOURS: dict[str, str] = {
    "body_background_fill": "page",
    "body_text_color": "ink",
    "body_text_color_subdued": "soft",
    "background_fill_primary": "panel",
    "background_fill_secondary": "sunk",
    "border_color_accent": "accent",
    "border_color_accent_subdued": "accent",
    "border_color_primary": "line",
    "color_accent_soft": "accent-soft",
    "link_text_color": "accent",
    "link_text_color_active": "accent",
    "link_text_color_hover": "accent-hover",
    "link_text_color_visited": "accent",
    "code_background_fill": "sunk",
    "block_background_fill": "panel",
    "block_border_color": "line",
    "block_info_text_color": "soft",
    "block_label_background_fill": "panel",
    "block_label_border_color": "line",
    "block_label_text_color": "soft",
    "block_title_text_color": "ink",
    "panel_background_fill": "panel",
    "panel_border_color": "line",
    "accordion_text_color": "ink",
    "table_text_color": "ink",
    "table_border_color": "line",
    "table_even_background_fill": "panel",
    "table_odd_background_fill": "page",
    "table_row_focus": "accent-soft",
    "checkbox_background_color": "panel",
    "checkbox_background_color_focus": "panel",
    "checkbox_background_color_hover": "panel",
    "checkbox_background_color_selected": "accent",
    "checkbox_border_color": "edge",
    "checkbox_border_color_focus": "accent",
    "checkbox_border_color_hover": "accent",
    "checkbox_border_color_selected": "accent",
    "checkbox_label_background_fill": "panel",
    "checkbox_label_background_fill_hover": "sunk",
    "checkbox_label_background_fill_selected": "accent-soft",
    "checkbox_label_border_color": "line",
    "checkbox_label_border_color_hover": "edge",
    "checkbox_label_border_color_selected": "accent",
    "checkbox_label_text_color": "ink",
    "checkbox_label_text_color_selected": "ink",
    "error_background_fill": "bad-soft",
    "error_border_color": "bad",
    "error_text_color": "bad",
    "error_icon_color": "bad",
    "input_background_fill": "panel",
    "input_background_fill_focus": "panel",
    "input_background_fill_hover": "panel",
    "input_border_color": "edge",
    "input_border_color_focus": "accent",
    "input_border_color_hover": "accent",
    "input_placeholder_color": "soft",
    "loader_color": "accent",
    "slider_color": "accent",
    "stat_background_fill": "accent-soft",
    "button_primary_background_fill": "accent",
    "button_primary_background_fill_hover": "accent-hover",
    "button_primary_border_color": "accent",
    "button_primary_border_color_hover": "accent-hover",
    "button_primary_text_color": "accent-ink",
    "button_primary_text_color_hover": "accent-ink",
    "button_secondary_background_fill": "panel",
    "button_secondary_background_fill_hover": "sunk",
    "button_secondary_border_color": "edge",
    "button_secondary_border_color_hover": "ink",
    "button_secondary_text_color": "ink",
    "button_secondary_text_color_hover": "ink",
    "button_cancel_background_fill": "panel",
    "button_cancel_background_fill_hover": "bad-soft",
    "button_cancel_border_color": "bad",
    "button_cancel_border_color_hover": "bad",
    "button_cancel_text_color": "bad",
    "button_cancel_text_color_hover": "bad",
}
_SHAPES: dict[str, str] = {
    # The one colour that Gradio sets for both modes at once.
    "color_accent": "var(--fl-accent)",
    "body_text_size": "*text_md",
    "prose_text_size": "*text_md",
    "prose_header_text_weight": "600",
    "block_border_width": "1px",
    "block_radius": "*radius_xl",
    "block_shadow": "none",
    "block_padding": "*spacing_lg *spacing_xl",
    "block_info_text_size": "*text_sm",
    "block_label_text_size": "*text_sm",
    "block_label_text_weight": "500",
    "block_title_text_size": "*text_sm",
    "block_title_text_weight": "600",
    "block_title_padding": "0",
    "container_radius": "*radius_xl",
    "form_gap_width": "1px",
    "layout_gap": "*spacing_xl",
    "section_header_text_size": "*text_md",
    "section_header_text_weight": "600",
    "shadow_drop": "none",
    "shadow_drop_lg": "none",
    "input_border_width": "1px",
    "input_padding": "*spacing_md *spacing_lg",
    "input_radius": "*radius_md",
    "input_shadow": "none",
    "input_shadow_focus": "0 0 0 1px var(--fl-accent)",
    "input_text_size": "*text_md",
    "checkbox_border_radius": "*radius_sm",
    "checkbox_border_width": "1px",
    "checkbox_label_border_width": "1px",
    "checkbox_label_padding": "*spacing_sm *spacing_lg",
    "checkbox_label_shadow": "none",
    "checkbox_label_text_size": "*text_md",
    "checkbox_shadow": "none",
    "table_radius": "*radius_lg",
    "button_border_width": "1px",
    "button_transition": "background-color 120ms, border-color 120ms",
    "button_transform_hover": "none",
    "button_transform_active": "none",
    "button_large_padding": "10px 20px",
    "button_large_radius": "*radius_lg",
    "button_large_text_size": "*text_md",
    "button_large_text_weight": "600",
    "button_medium_padding": "8px 16px",
    "button_medium_radius": "*radius_md",
    "button_medium_text_size": "*text_md",
    "button_medium_text_weight": "600",
    "button_small_padding": "5px 12px",
    "button_small_radius": "*radius_md",
    "button_small_text_size": "*text_sm",
    "button_small_text_weight": "600",
    "button_primary_shadow": "none",
    "button_primary_shadow_hover": "none",
    "button_primary_shadow_active": "none",
    "button_secondary_shadow": "none",
    "button_secondary_shadow_hover": "none",
    "button_secondary_shadow_active": "none",
    "button_cancel_shadow": "none",
    "button_cancel_shadow_hover": "none",
    "button_cancel_shadow_active": "none",
}


def _both(names: dict[str, str]) -> dict[str, str]:
    light = {variable: LIGHT[name] for variable, name in names.items()}
    return light | {f"{variable}_dark": DARK[name] for variable, name in names.items()}


FORGET_LENS = ForgetLensTheme()
