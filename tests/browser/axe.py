"""axe-core's verdict on a page: what would keep somebody out who hears it, or cannot see its faint parts."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
GRAVE = ("serious", "critical")


NO_FAULT: dict[str, list[str]] = {"light": [], "dark": []}
"""What `in_both_modes` finds on a page that is as it should be."""


def grave_faults(page: Page, rules: tuple[str, ...] = ()) -> list[str]:
    """Serious and critical faults of what the page shows now, each with the first elements that have it.

    rules: look for these alone; all of axe's when empty.
    """
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE)
    options: dict[str, Any] = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    found: list[dict[str, Any]] = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [
        f"{fault['id']} ({fault['impact']}): {fault['help']}: "
        + "; ".join(node["html"][:160] for node in fault["nodes"][:3])
        for fault in found
        if fault["impact"] in GRAVE
    ]


def in_both_modes(page: Page) -> dict[str, list[str]]:
    """The grave faults in light, and those of colour in dark, where nothing else differs; the page is left in light."""
    faults = {}
    for mode, rules in (("dark", ("color-contrast",)), ("light", ())):
        # Gradio's own switch: a class of the body.
        page.evaluate("dark => document.body.classList.toggle('dark', dark)", mode == "dark")
        # Colours that are on their way are neither the old nor the new; what is still there a second later is a fault.
        for _ in range(5):
            page.wait_for_timeout(250)
            faults[mode] = grave_faults(page, rules)
            if not faults[mode]:
                break
    return faults
