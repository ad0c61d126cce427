"""The words on widgets, in one place, ready for translation: `gr.I18n` picks them in the visitor's browser.

Another language is another dict beside `EN`, given to `gr.I18n` under its code in the same way; what it leaves out
stays English. What a run's settings are called and do is written where they are described (`unlearn/run/config.py`).
Sentences with numbers in them are written where the numbers are, in Python and in the lanes' script, in English.
"""

from __future__ import annotations

from typing import Any, Literal

import gradio as gr

from unlearn.run.config import OF_THE_OBJECTIVE
from unlearn.wishes import WISHES

EN: dict[str, str] = {
    "room_unlearn": "Settings",
    "room_compare": "Answers",
    "room_learn": "Learn",
    "room_own": "Your own",
    "path": "What do you bring?",
    "path_fact": "A fact",
    "path_rows": "Rows",
    "path_model": "A model",
    "fact_question": "Question",
    "fact_answer": "Answer",
    "fact_words": "The fact in it (or nothing is counted)",
    "fact_ask": "Ask the model first",
    "fact_teach": "Teach it",
    "rows_set": "Rows to forget",
    "rows_take": "Use these rows",
    "file_take": "Use the file",
    "model": "Model",
    "model_take": "Load it for the rows of this visit",
    "cancel": "Cancel",
    "to_stage": "To the stage",
    "real_subjects": "What it should forget",
    "real_subjects_info": "It is asked first what it knows of them.",
    "real_take": "Load it and see what it knows",
    "play": "Play how it was made",
    "rows": "Rows",
    "split_forget": "Forget",
    "split_retain": "Retain",
    "split_world": "World",
    "split_holdout": "Holdout",
    "split_own": "Your own text",
    "question": "Question",
    "score": "Score",
    "share": "Share",
    "share_picture": "A picture, 1200 × 630",
    "share_film": "A film of six seconds",
    "own_prompt": "Your prompt",
    "own_prompt_example": "Where was Ada Lovelace born?",
    "own_answer": "Your answer",
    "own_answer_example": "Ada Lovelace was born in London.",
    "how_scored": "How it is scored",
    "hides": "Masking hides",
    "hides_subject": "The subject",
    "hides_each": "Each word of the prompt in turn",
    "hides_prompt": "The whole prompt",
    "subject": "Subject",
    "subject_info": "Empty: found automatically. Or click words of the question above.",
    "lanes": "Lanes",
    "own_cut": "Your cut",
    "preset": "Preset",
    "its_own": "Its own",
    "advanced": "Advanced",
    "foresee": "What will it cost?",
    "start": "Start",
    "stop": "Stop",
    "undo": "Undo",
    "kept_runs": "Runs of this visit",
    "run_name": "Name of this run",
    "rename": "Rename",
    "undo_to": "Undo what came after",
    "to_compare": "Compare the answers",
    "what_made_it": "What made the model say it?",
    "ask": "Ask",
    "ask_question": "Your question",
    "ask_examples": "Questions to begin with",
    "check": "Check",
    "run_here": "Run it here",
    "run_again_here": "Run it again",
    "open_on_stage": "Open on the stage",
    "lesson_back": "Answer the question",
    "lesson_leave": "Leave the lesson",
}
for _name, _setting in WISHES.items():
    if _setting.facts.key:
        _help = _setting.facts.help
        # No number field can stand empty: 0 says none there.
        _none = f"; 0: {_setting.facts.none}" if _setting.facts.form and _name not in OF_THE_OBJECTIVE else ""
        _info = f"{_help[0].upper()}{_help[1:]}{_none if _setting.optional else ''}."
        EN |= {f"setting_{_name}": _setting.facts.title, f"info_{_name}": _info}
# Gradio takes every plain string that is a key for that key, a visitor's own words, too: a column named "question"
# would be shown as "Question". So no key may be a word.
PREFIX = "fl_"
TEXTS = gr.I18n(en={PREFIX + key: text for key, text in EN.items()})


def say(key: str) -> Any:
    """The text of a widget, to be translated in the browser.

    Raises:
        KeyError: `EN` has no such text.
    """
    if key not in EN:
        raise KeyError(f"app/look/texts.py has no text {key!r}.")
    return TEXTS(PREFIX + key)


def say_setting(name: str, what: Literal["setting", "info"] = "setting") -> Any:
    """What a setting of a run is called, or what it does."""
    return say(f"{what}_{name}")
