"""The form that a run is started from: its widgets, and what they show when a preset or an objective is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from app.look.markup import block
from app.look.texts import say
from app.rooms.unlearn.words import objective_html, preset_html
from app.visit.run_config import (
    ITS_OWN,
    OWN_CUT,
    STRATEGIES,
    form_values,
    objective_values,
)
from unlearn.objectives import NORMALISERS, OBJECTIVES, RETENTIONS, Objective
from unlearn.presets import PRESETS

CONSTANTS_NOTE = (
    '<p class="pg-soft">alpha weighs what holds the rest, gamma what forgets; beta is a constant of the objective.</p>'
)
NORMALISER_TITLES = {"weight": "Unit of weight", "label": "Token"}


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
            label=say("pushed"),
            elem_classes="pg-segments",
            elem_id="strategy",
        )
        self.softness = gr.Slider(
            0.05,
            2.0,
            value=first["softness"],
            step=0.05,
            label=say("softness"),
            info=say("softness_info"),
            visible=False,
            elem_id="temperature",
        )
        self.objective = gr.Dropdown(
            [(_with_source(entry), name) for name, entry in OBJECTIVES.items()],
            value=first["objective"],
            label=say("objective"),
            elem_id="objective",
        )
        self.objective_text = block(objective_html(first["objective"]), elem_id="objective-text")
        self.steps = gr.Slider(5, self.most_steps, value=first["steps"], step=1, label=say("steps"), elem_id="steps")
        self.rate = gr.Number(first["rate"], label=say("rate"), minimum=0, step=1e-5, elem_id="rate")
        self.fields |= {
            "preset": self.preset,
            "strategy": self.strategy,
            "softness": self.softness,
            "objective": self.objective,
            "steps": self.steps,
            "rate": self.rate,
        }

    def build_advanced(self) -> None:
        """Everything else that a run has, folded away."""
        first = form_values(OWN_CUT, self.most_steps)

        def number(name: str, label: Any, step: float, info: Any = None) -> None:
            # No bounds of the widget's own: what lies outside is a sentence of ours, where Start is.
            self.fields[name] = gr.Number(
                first[name], label=label, info=info, step=step, elem_id=f"run-{name}", min_width=120
            )

        with gr.Accordion(say("advanced"), open=False, elem_classes=["pg-fold", "pg-advanced"], elem_id="advanced"):
            self.fields["retain"] = gr.Dropdown(
                [(f"{entry.title} ({entry.evidence})", name) for name, entry in RETENTIONS.items()],
                value=first["retain"],
                label=say("retain"),
                elem_id="run-retain",
            )
            with gr.Row(elem_classes="pg-line"):
                number("alpha", say("alpha"), 0.1)
                number("gamma", say("gamma"), 0.1)
                number("beta", say("beta"), 0.1)
            block(CONSTANTS_NOTE)
            self.fields["normaliser"] = gr.Radio(
                [(NORMALISER_TITLES[name], name) for name in NORMALISERS],
                value=first["normaliser"],
                label=say("normaliser"),
                elem_classes="pg-segments",
                elem_id="run-normaliser",
            )
            with gr.Row(elem_classes="pg-line"):
                number("every", say("every"), 1, say("every_info"))
                number("lora", say("lora"), 1, say("lora_info"))
            with gr.Row(elem_classes="pg-line"):
                number("until", say("until"), 0.05, say("until_info"))
                number("seed", say("seed"), 1, say("seed_info"))
            self.fields["rollback"] = gr.Checkbox(
                first["rollback"], label=say("rollback"), info=say("rollback_info"), elem_id="run-rollback"
            )

    @property
    def outputs(self) -> list[Any]:
        """What `filled` writes to."""
        return [*self.fields.values(), self.preset_text, self.objective_text]

    def values(self, given: Mapping[Any, Any]) -> dict[str, Any]:
        """The fields' values by name, from what Gradio hands over by widget."""
        return {name: given[component] for name, component in self.fields.items()}

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


def _with_source(entry: Objective) -> str:
    """`NPO, arXiv 2404.05868 (paper)`: a name, where it comes from and its evidence mark."""
    return f"{entry.title}, {entry.paper.rpartition(', ')[2]} ({entry.evidence})"


def _strategies(preset: str) -> list[tuple[Any, str]]:
    brought = [] if preset == OWN_CUT else [(say("its_own"), ITS_OWN)]
    return [*brought, *((title, name) for name, title in STRATEGIES.items())]
