"""The words on widgets, in one place, ready for translation: `gr.I18n` picks them in the visitor's browser.

Another language is another dict beside `EN`, given to `gr.I18n` under its code in the same way; what it leaves out
stays English.
Sentences with numbers in them are written where the numbers are, in Python and in the lanes' script, in English.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

EN: dict[str, str] = {
    "room_inspect": "Inspect",
    "room_unlearn": "Unlearn",
    "room_compare": "Compare",
    "room_learn": "Learn",
    "room_own": "Your own",
    "rows": "Rows",
    "split_forget": "Forget",
    "split_retain": "Retain",
    "split_world": "World",
    "split_holdout": "Holdout",
    "split_own": "Your own text",
    "question": "Question",
    "score": "Score",
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
    "subject_info": "Empty: found automatically. Or click words of the prompt below.",
    "lanes": "Lanes",
    "onward": "Unlearn this cut",
    "own_cut": "Your cut",
    "preset": "Preset",
    "pushed": "What is pushed",
    "its_own": "Its own",
    "softness": "Softness",
    "softness_info": "Small: nearly only the best token. Large: nearly all alike.",
    "objective": "Objective",
    "steps": "Steps",
    "rate": "Learning rate",
    "advanced": "Advanced",
    "retain": "What holds the rest",
    "alpha": "alpha",
    "gamma": "gamma",
    "beta": "beta",
    "normaliser": "The forget loss is a mean per",
    "every": "Steps between scorings",
    "every_info": "0: once, with the original model. 1: live.",
    "lora": "Rank of adapters",
    "lora_info": "0: all weights are trained.",
    "until": "End at forget recall",
    "until_info": "Up to 1. 0: not early.",
    "seed": "Seed",
    "seed_info": "Same seed, same run.",
    "rollback": "Keep the best sound step",
    "rollback_info": "Ends a run that collapses and goes back. Takes one more copy of the weights.",
    "start": "Start",
    "stop": "Stop",
    "undo": "Undo",
    "kept_runs": "Runs of this visit",
    "run_name": "Name of this run",
    "rename": "Rename",
    "undo_to": "Undo what came after",
    "to_compare": "Compare the answers",
    "check": "Check",
    "lesson_back": "Answer the question",
    "lesson_leave": "Leave the lesson",
}
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
