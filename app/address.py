"""The view as an address: everything one looks at, in the query string, readable and checked.

The browser writes it (`page.js`) whenever the view changes, and leaves out what is as the page opens with; the server
keeps nothing, so that a link outlives it. `read_address` is the way back:

    ?room=unlearn&row=forget:12&scorers=masking,learned&lane=masking&cuts=masking:top:0.2&objective=npo&steps=40

`row` is `split:number`, or `own` with `prompt` and `answer`. A preset stands for all of the form that the address
leaves out. Names that are not in `defaults` are nobody's and ignored.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from app.look.markup import alert
from app.rooms.inspect.room import SCOPES, InspectRoom
from app.rooms.own.room import OwnRoom
from app.rooms.unlearn.room import UnlearnRoom
from app.visit.run_config import FIELDS, HAND, ITS_OWN, OWN_CUT, PRESET_NAMES, STRATEGIES, form_values, shown_setting
from app.visit.studio import OWN
from attribution.lanes import DEFAULT_SHARE, check_state
from attribution.scorers import DEFAULT_SCORERS, scorer_info
from attribution.selection import read_edits, write_edits
from attribution.suggestions import did_you_mean
from attribution.text.templates import AUTO, Asking

ROOMS = ("inspect", "compare", "unlearn", "learn", "own")
"""The stage, and what lies below it in the order of the tabs."""
MOST_CHARACTERS = 2000
"""Of a typed prompt and answer together: longer addresses break in mails and chats."""
LONGEST_ADDRESS = 12_000

# Of the view, what an address leaves out; the row depends on the rows, and the form on the preset: see `defaults`.
VIEW_DEFAULTS: dict[str, str] = {
    "room": "inspect",
    "template": AUTO,
    "row": "",
    "prompt": "",
    "answer": "",
    "subject": "",
    "hides": "subject",
    "scorers": ",".join(DEFAULT_SCORERS),
    "view": "lanes",
    "units": "tokens",
    "colour": "rank",
    "given": "0",
    "lane": "learned",
    "cuts": "",
    HAND: "",
}


@dataclass(frozen=True)
class Address:
    """A view, as an address says it.

    Attributes:
        split, row: the row in view; `own` and None for `prompt` and `answer`.
        hides: what masking hides; `subject` the words it hides, empty for the automatic choice.
        state: how the lanes are shown, in the shape of their `view` event.
        form: the run that Unlearn is set to: those of its fields that the address names.
        template: how the model is asked.
    """

    room: str
    split: str
    row: int | None
    prompt: str
    answer: str
    subject: str
    hides: str
    scorers: tuple[str, ...]
    state: dict[str, Any]
    form: dict[str, Any] = field(default_factory=dict)
    template: str = AUTO


def defaults(opening_row: int, most_steps: int, preset: str = OWN_CUT) -> dict[str, str]:
    """What the page opens with when an address says nothing else, but perhaps a preset."""
    form = {name: _written(value) for name, value in form_values(preset, most_steps).items()}
    return {**VIEW_DEFAULTS, "row": f"forget:{opening_row}", **form, "preset": OWN_CUT}


def _written(value: Any) -> str:
    """A field's value as the browser writes it into an address."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else f"{value:.12g}" if isinstance(value, float) else str(value)


def read_address(query: Mapping[str, str], opening_row: int, most_steps: int) -> Address | None:
    """What an address asks for; None when it names nothing of ours.

    Raises:
        ValueError: a part of it means nothing here, or it is too long; the message is for the visitor.
    """
    usual = defaults(opening_row, most_steps)
    said = {name: str(query[name]).strip() for name in usual if name in query}
    if not said:
        return None
    if sum(map(len, said.values())) > LONGEST_ADDRESS:
        raise ValueError(f"It is longer than the {LONGEST_ADDRESS:,} characters that an address of this page can have.")
    preset = _one_of("preset", said.get("preset", OWN_CUT), PRESET_NAMES)
    asked = {**defaults(opening_row, most_steps, preset), **said}
    _one_of("strategy", asked["strategy"], [*STRATEGIES] if preset == OWN_CUT else [*STRATEGIES, ITS_OWN])
    split, row = _row(asked)
    scorers = tuple(name.strip() for name in asked["scorers"].split(",") if name.strip())
    for name in scorers:
        scorer_info(name)
    if not scorers:
        raise ValueError("It names no scorer.")
    state: dict[str, Any] = {name: asked[name] for name in ("view", "units", "colour")}
    state["keep_given"] = _flag("given", asked["given"])
    state["active"] = asked["lane"] if "lane" in said or asked["lane"] in scorers else scorers[0]
    # Every lane of the view: what the visitor did before must not show through.
    state["cuts"] = {name: {"kind": "top", "cut": DEFAULT_SHARE} for name in scorers} | _cuts(asked["cuts"])
    state[HAND] = write_edits(read_edits(asked[HAND]))
    check_state(state, scorers)
    return Address(
        room=_one_of("room", asked["room"], ROOMS),
        split=split,
        row=row,
        prompt=asked["prompt"],
        answer=asked["answer"],
        subject=asked["subject"],
        hides=_one_of("hides", asked["hides"], SCOPES),
        scorers=scorers,
        state=state,
        form=_form(asked, most_steps),
        template=Asking(asked["template"]).template,
    )


def _row(asked: Mapping[str, str]) -> tuple[str, int | None]:
    if asked["row"] == OWN:
        if not asked["answer"]:
            raise ValueError(
                f"It was made from a text of more than {MOST_CHARACTERS:,} characters, which no address holds: "
                "choose Your own text and paste it."
            )
        return OWN, None
    split, _, number = asked["row"].partition(":")
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise ValueError(f"Its row is {_short(asked['row'])}: a row is a split and a number, such as forget:0.")
    return split, int(number)


def _cuts(text: str) -> dict[str, dict[str, Any]]:
    cuts = {}
    for part in filter(None, text.split(",")):
        name, _, rest = part.partition(":")
        kind, _, cut = rest.partition(":")
        cuts[name] = {"kind": kind, "cut": _number("cuts", cut)}
    return cuts


def _one_of(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise ValueError(
            f"Its {name} is {_short(value)}{did_you_mean(value[:40], known)} Choose from {', '.join(known)}."
        )
    return value


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"Its {name} has {_short(text)} where a number belongs.")
    return value


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def _flag(name: str, text: str) -> bool:
    return _one_of(name, text, ("0", "1")) == "1"


def _form(asked: Mapping[str, str], most_steps: int) -> dict[str, Any]:
    """The run form's fields, as the settings read them; none can stand empty (`form_values`)."""
    form: dict[str, Any] = {"preset": asked["preset"], "strategy": asked["strategy"]}
    for name, setting in {"softness": "temperature", **FIELDS}.items():
        value = shown_setting(setting, most_steps).read(asked[name])
        form[name] = 0 if value is None else value
    return form


def _said(query: str, whole: bool) -> dict[str, str]:
    said = dict(parse_qsl(query.removeprefix("?")[: 3 * LONGEST_ADDRESS], keep_blank_values=True, max_num_fields=200))
    return {"room": ROOMS[0], **said} if whole else said


# Writing and opening -------------------------------------------------------------------------------------------------


def follow_view(inspect_room: InspectRoom, unlearn_room: UnlearnRoom, own_room: OwnRoom) -> dict[str, Any]:
    """A listener that asks the server for nothing: describe the cut in words and write the view into the address."""
    fields = _fields(inspect_room, unlearn_room, own_room)
    return {
        "fn": None,
        "inputs": list(fields.values()),
        "js": "(...values) => ForgetLensPage.writeAddress(values)",
    }


def learn_address(inspect_room: InspectRoom, unlearn_room: UnlearnRoom, own_room: OwnRoom) -> str:
    """JavaScript that tells the browser how an address is written, once for all listeners: 5 KB of names and values."""
    opening = inspect_room.studio.opening_row, inspect_room.studio.settings.max_steps
    usual = defaults(*opening)
    of_presets = {
        name: {field: text for field, text in defaults(*opening, name).items() if text != usual[field]}
        for name in PRESET_NAMES
    }
    names = list(_fields(inspect_room, unlearn_room, own_room))
    return f"ForgetLensPage.learn({', '.join(map(json.dumps, (names, usual, of_presets, MOST_CHARACTERS)))})"


def _fields(inspect_room: InspectRoom, unlearn_room: UnlearnRoom, own_room: OwnRoom) -> dict[str, Any]:
    """The widgets that the address tells of, by the names of their values."""
    return {
        "split": inspect_room.split,
        "row": inspect_room.row,
        "prompt": inspect_room.prompt,
        "answer": inspect_room.answer,
        "subject": inspect_room.subject,
        "hides": inspect_room.scope,
        "scorers": inspect_room.shown,
        "template": own_room.asked,
        **unlearn_room.form.fields,
    }


def open_address(
    inspect_room: InspectRoom,
    unlearn_room: UnlearnRoom,
    own_room: OwnRoom,
    query: str,
    request: gr.Request,
    whole: bool = False,
) -> tuple[str, dict[Any, Any]]:
    """(the room, what every widget shows) as the address asks; what cannot be opened is a sentence in Inspect.

    Args:
        query: of the address, as it stands there.
        whole: the page shows something else by now: what the address leaves out is shown, too.
    """
    studio = inspect_room.studio
    try:
        asked = read_address(_said(query, whole), studio.opening_row, studio.settings.max_steps)
        if asked is None:
            return ROOMS[0], {inspect_room.notice: ""}
        asking = own_room.ask_by(asked.template, request) if asked.template != AUTO else {}
        shown = inspect_room.open(
            asked.split,
            asked.row,
            asked.hides,
            asked.scorers,
            asked.state,
            request,
            asked.prompt,
            asked.answer,
            asked.subject,
        )
    except ValueError as error:
        sentence = f"This link cannot be opened. {error} The page shows its first row instead."
        return ROOMS[0], {inspect_room.notice: alert(sentence)}
    return asked.room, {**asking, **shown, **unlearn_room.form.filled(asked.form)}
