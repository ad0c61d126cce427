"""The form that a run is started from: widgets made from the settings, and what they show when a preset is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import gradio as gr

from app.look.markup import block
from app.look.texts import say, say_setting
from app.rooms.unlearn.words import objective_html, preset_html
from app.visit.run_config import (
    FIELDS,
    ITS_OWN,
    OWN_CUT,
    STRATEGIES,
    form_values,
    objective_values,
    shown_setting,
)
from unlearn.presets import PRESETS

FIRST = ("objective", "steps", "rate")
"""The fields that stand in sight; every other one is folded away under Advanced."""
# The longest list of choices that stands side by side; a longer one folds out.
MOST_SEGMENTS = 2


class RunForm:
    """The fields of a run besides the cut.

    Attributes:
        fields: the widgets by the name that they have in an address.
    """

    def __init__(self, most_steps: int) -> None:
        self.most_steps = most_steps
        self.fields: dict[str, Any] = {}

    def build_choice(self) -> None:
        """The preset, which tokens and which objective."""
        first = form_values(OWN_CUT, self.most_steps)
        self.preset = gr.Dropdown(
            [(say("own_cut"), OWN_CUT), *((entry.title, name) for name, entry in PRESETS.items())],
            value=OWN_CUT,
            label=say("preset"),
            elem_id="preset",
        )
        self.preset_text = block(preset_html(OWN_CUT), elem_id="preset-text")
        self.strategy = gr.Radio(
            _strategies(OWN_CUT),
            value=first["strategy"],
            label=say_setting("strategy"),
            elem_classes="pg-segments",
            elem_id="strategy",
        )
        self.softness = self._widget("temperature", first["softness"], "temperature", info=True, visible=False)
        self.fields |= {"preset": self.preset, "strategy": self.strategy, "softness": self.softness}
        self.objective = self._add("objective", first, "objective")
        self.objective_text = block(objective_html(first["objective"]), elem_id="objective-text")
        self.steps = self._add("steps", first, "steps")
        self._add("rate", first, "rate")

    def build_advanced(self) -> None:
        """Everything else that a run has, folded away; numbers stand side by side."""
        first = form_values(OWN_CUT, self.most_steps)
        rest = [field for field in FIELDS if field not in FIRST]
        with gr.Accordion(say("advanced"), open=False, elem_classes=["pg-fold", "pg-advanced"], elem_id="advanced"):
            for numbers, fields in groupby(rest, lambda field: shown_setting(FIELDS[field], 0).kind in (int, float)):
                if numbers:
                    with gr.Row(elem_classes="pg-line"):
                        for field in fields:
                            self._add(field, first, f"run-{field}", info=True)
                else:
                    for field in fields:
                        self._add(field, first, f"run-{field}", info=True)

    def _add(self, field: str, values: Mapping[str, Any], elem_id: str, info: bool = False) -> Any:
        self.fields[field] = self._widget(FIELDS[field], values[field], elem_id, info)
        return self.fields[field]

    def _widget(self, name: str, value: Any, elem_id: str, info: bool, **more: Any) -> Any:
        """The widget that suits a setting: a switch, choices, a slider, or a number."""
        described = shown_setting(name, self.most_steps)
        facts = described.facts
        shared = {"value": value, "label": say_setting(name), "elem_id": elem_id, **more}
        if info:
            shared["info"] = say_setting(name, "info")
        if described.kind is bool:
            return gr.Checkbox(**shared)
        choices = [(title, value) for value, title in described.titles.items()]
        if 0 < len(choices) <= MOST_SEGMENTS:
            return gr.Radio(choices, elem_classes="pg-segments", **shared)
        if choices:
            return gr.Dropdown(choices, **shared)
        if facts.slider:
            slider = gr.Slider(facts.low, facts.high, step=facts.step, **shared)
            # Of a number typed beside it that lies outside Gradio says no field's name: ours is the one that does.
            setattr(slider, "preprocess", lambda value: value)  # noqa: B010
            return slider
        # No bounds of the widget's own: what lies outside is a sentence of ours, where Start is.
        return gr.Number(step=facts.step, min_width=120, **shared)

    @property
    def outputs(self) -> list[Any]:
        """What `filled` writes to."""
        return [*self.fields.values(), self.preset_text, self.objective_text]

    def filled(self, values: Mapping[str, Any]) -> dict[Any, Any]:
        """Every field with these values, and the texts that go with them."""
        shown = {component: gr.update(value=values[name]) for name, component in self.fields.items()}
        name = values["preset"]
        shown[self.strategy] = gr.update(choices=_strategies(name), value=values["strategy"])
        shown[self.softness] = gr.update(value=values["softness"], visible=values["strategy"] == "soft")
        return {
            **shown,
            self.preset_text: preset_html(name),
            self.objective_text: objective_html(values["objective"]),
        }

    def with_objective(self, name: str, objective: str) -> dict[Any, Any]:
        """The fields of the objective's own constants, and its formula."""
        shown = {self.fields[field]: value for field, value in objective_values(name, objective).items()}
        return {**shown, self.objective_text: objective_html(objective)}


def _strategies(preset: str) -> list[tuple[Any, str]]:
    brought = [] if preset == OWN_CUT else [(say("its_own"), ITS_OWN)]
    return [*brought, *((title, name) for name, title in STRATEGIES.items())]
