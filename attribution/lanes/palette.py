"""Colours, type and spacing of Forget Lens, and the ramp that turns a score into a background.

One place for all of it: the lanes (in the page and in an exported file) and the page's theme read these numbers.
The ramp has one hue and its lightness alone carries the value, so it survives greyscale and every kind of colour
vision; its low end recedes into the panel behind it, in light and in dark.
"""

from __future__ import annotations

LIGHT: dict[str, str] = {
    "page": "#F5F7F7",
    "panel": "#FFFFFF",
    "sunk": "#EBEFF0",
    "line": "#D9E0E2",
    "edge": "#76868B",
    "dot": "#8E9CA1",
    "ink": "#11191C",
    "soft": "#4A575C",
    "accent": "#0B5B72",
    "accent-hover": "#084759",
    "accent-ink": "#FFFFFF",
    "accent-soft": "#DDECF0",
    "fact": "#9A5200",
    "bad": "#A32328",
    "bad-soft": "#FBECEC",
    "good": "#19683F",
    "shadow": "0 1px 2px rgb(17 25 28 / 6%)",
    "shadow-lift": "0 12px 32px rgb(17 25 28 / 16%), 0 2px 6px rgb(17 25 28 / 10%)",
}
DARK: dict[str, str] = {
    "page": "#0E1315",
    "panel": "#151C1F",
    "sunk": "#1F292D",
    "line": "#2D393E",
    "edge": "#7A8B91",
    "dot": "#64747A",
    "ink": "#E8EEF0",
    "soft": "#A6B4B9",
    "accent": "#72C7DE",
    "accent-hover": "#9ADAEA",
    "accent-ink": "#04212A",
    "accent-soft": "#17343D",
    "fact": "#F2B75C",
    "bad": "#FF8F8A",
    "bad-soft": "#3A1D1F",
    "good": "#7AD3A2",
    "shadow": "0 1px 2px rgb(0 0 0 / 40%)",
    "shadow-lift": "0 16px 40px rgb(0 0 0 / 56%), 0 2px 6px rgb(0 0 0 / 40%)",
}
# Sizes in rem, so that they follow the reader's own setting: 12, 13, 14, 16, 19, 24, 32 px at the usual 16.
TYPE_SCALE: dict[str, str] = {
    "t0": "0.75rem",
    "t1": "0.8125rem",
    "t2": "0.875rem",
    "t3": "1rem",
    "t4": "1.1875rem",
    "t5": "1.5rem",
    "t6": "2rem",
}
SPACING_SCALE: dict[str, str] = {
    "s1": "4px",
    "s2": "8px",
    "s3": "12px",
    "s4": "16px",
    "s5": "24px",
    "s6": "32px",
    "s7": "48px",
}
# The first of each comes along with the page (app/look/theme.py); a file of its own, which carries no fonts, falls back
# on what the reader's system has.
SANS = ("IBM Plex Sans", "Inter", "SF Pro Text", "Segoe UI", "Roboto", "system-ui", "sans-serif")
SERIF = ("Source Serif 4", "Iowan Old Style", "Charter", "Palatino Linotype", "Noto Serif", "Georgia", "serif")
MONO = ("IBM Plex Mono", "ui-monospace", "SF Mono", "Cascadia Mono", "JetBrains Mono", "Consolas", "monospace")
_GENERIC = frozenset({"system-ui", "sans-serif", "serif", "monospace", "ui-monospace"})

RAMP_LIGHT = ("#EEF3F4", "#CBE1E7", "#92C3D1", "#4C98AE", "#176A83", "#053446")
RAMP_DARK = ("#222C30", "#21464F", "#276B7D", "#3D97AF", "#77C5DA", "#D9F4FB")
RAMP_STEPS = 33
BLACK, WHITE = "#000000", "#FFFFFF"


def font_stack(names: tuple[str, ...]) -> str:
    """A CSS font-family list, names quoted where they must be."""
    return ", ".join(name if name in _GENERIC else f'"{name}"' for name in names)


def luminance(colour: str) -> float:
    """Relative luminance of `#RRGGBB` as WCAG 2 defines it, in [0, 1]."""
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours as WCAG 2 defines it, in [1, 21]."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def ramp(stops: tuple[str, ...], steps: int = RAMP_STEPS) -> list[str]:
    """`steps` colours from the first stop to the last, evenly spaced, mixed channel by channel."""
    colours = []
    for step in range(steps):
        place = step / (steps - 1) * (len(stops) - 1)
        left = min(int(place), len(stops) - 2)
        share = place - left
        mixed = [
            round(int(stops[left][k : k + 2], 16) * (1 - share) + int(stops[left + 1][k : k + 2], 16) * share)
            for k in (1, 3, 5)
        ]
        colours.append("#" + "".join(f"{channel:02X}" for channel in mixed))
    return colours


def text_on(colour: str) -> str:
    """Black or white, whichever reads better on `colour`; the contrast is at least 4.5 on any colour."""
    return max((BLACK, WHITE), key=lambda ink: contrast(colour, ink))


def variables(dark: bool) -> str:
    """CSS declarations `--fl-...` of one mode: colours and the ramp with its text colours."""
    names = DARK if dark else LIGHT
    colours = ramp(RAMP_DARK if dark else RAMP_LIGHT)
    lines = [f"--fl-{name}: {value};" for name, value in names.items()]
    lines += [f"--fl-r{step}: {colour}; --fl-i{step}: {text_on(colour)};" for step, colour in enumerate(colours)]
    lines.append(f"--fl-ramp: linear-gradient(90deg, {', '.join(RAMP_DARK if dark else RAMP_LIGHT)});")
    return "\n".join(lines)


def scales() -> str:
    """CSS declarations `--fl-...` that both modes share: type, spacing, faces."""
    lines = [f"--fl-{name}: {value};" for name, value in {**TYPE_SCALE, **SPACING_SCALE}.items()]
    lines += [f"--fl-{name}: {font_stack(faces)};" for name, faces in _FACES.items()]
    return "\n".join(lines)


_FACES = {"sans": SANS, "serif": SERIF, "mono": MONO}


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
