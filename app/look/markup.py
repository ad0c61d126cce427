"""Small pieces of text and HTML that several rooms show.

Whatever comes from a model, a file or a visitor is escaped here.
"""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Sequence
from typing import Any

import gradio as gr

from attribution import Rule
from attribution.scorers import scorer_info
from unlearn import RunConfig
from unlearn.objectives import get_objective

_WORDS = re.compile(r"\s+|\w+(?:[-'’]\w+)*|[^\w\s]")


def block(value: str = "", **layout: Any) -> gr.HTML:
    """HTML of ours on the page, without Gradio's styles for running text."""
    return gr.HTML(value, apply_default_css=False, padding=False, **layout)


def escape(text: object) -> str:
    """Text as HTML; half a character of a file, which no answer can carry, as a question mark."""
    return html.escape(str(text), quote=True).encode(errors="replace").decode()


def alert(sentence: str) -> str:
    """What went wrong, for the person, at the place where they look."""
    return f'<div class="pg-alert" role="alert">{escape(sentence)}</div>'


def differences(before: str, after: str) -> str:
    """`after` as HTML: words that `before` had and it lost in `<del>`, words it gained in `<ins>`.

    >>> differences("born in Torvik.", "born in Elmport.")
    'born in <del>Torvik</del> <ins>Elmport</ins>.'
    """
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    # Spaces are no anchors: two answers that share nothing else would be cut into confetti.
    matcher = difflib.SequenceMatcher(str.isspace, old, new, autojunk=False)
    pieces: list[str] = []
    for change, i1, i2, j1, j2 in matcher.get_opcodes():
        if change == "equal":
            pieces.append(escape("".join(new[j1:j2])))
            continue
        gone, come = "".join(old[i1:i2]), "".join(new[j1:j2])
        marked = [_tagged("del", gone), _tagged("ins", come)]
        pieces.append((" " if gone.strip() and come.strip() else "").join(marked))
    return "".join(pieces)


def _tagged(tag: str, text: str) -> str:
    """The text inside a tag, its outer spaces outside of it."""
    inner = text.strip()
    if not inner:
        return escape(text) if tag == "ins" else ""
    left, right = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return f"{left}<{tag}>{escape(inner)}</{tag}>{right}"


def with_facts(text: str, facts: Sequence[str]) -> str:
    """The text as HTML, every fact that stands in it in `<mark>`; the longest first where facts overlap."""
    known = sorted({fact for fact in facts if fact}, key=len, reverse=True)
    if not known:
        return escape(text)
    pattern = re.compile("|".join(map(re.escape, known)))
    pieces, reached = [], 0
    for match in pattern.finditer(text):
        pieces += [escape(text[reached : match.start()]), f"<mark>{escape(match.group())}</mark>"]
        reached = match.end()
    return "".join(pieces) + escape(text[reached:])


def duration(seconds: float) -> str:
    """Seconds as a person says them: `under a second`, `8 s`, `2 min 5 s`."""
    if seconds < 1:
        return "under a second"
    whole = round(seconds)
    return f"{whole} s" if whole < 90 else f"{whole // 60} min {whole % 60} s"


def count(number: int, noun: str) -> str:
    """`1 row`, `390 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def progress_html(step: int, of: int, text: str, advice: str = "") -> str:
    """The progress bar, `Steps: 12 of 60`, and what else there is to say."""
    return (
        f'<div class="pg-progress" role="progressbar" aria-label="Steps" aria-valuemin="0" aria-valuemax="{of}" '
        f'aria-valuenow="{step}"><i style="width:{100 * step / of:.1f}%"></i></div>'
        f'<p class="pg-steps"><b>Steps: {step} of {of}</b> <span class="pg-soft">{escape(text)}</span></p>{advice}'
    )


# A run in words ------------------------------------------------------------------------------------------------------


def cut_words(rule: Rule) -> str:
    """The cut of a rule in words: `top 30%`, `from 0.62 up`."""
    return f"top {rule.cut:.0%}" if rule.kind == "top" else f"from {rule.cut:.3g} up"


def rule_words(rule: Rule) -> str:
    """A rule in a few words: `Learned, top 30%`."""
    scorer = scorer_info(rule.scorer).title
    return {
        "sequence": "Whole sequence",
        "soft": f"{scorer}, soft",
        "proportional": f"{scorer}, in proportion",
        "raw": f"{scorer}, the score itself",
    }.get(rule.kind) or f"{scorer}, {cut_words(rule)}"


def describe(config: RunConfig) -> str:
    """A run in a few words: `Learned, top 30%, WGA, 60 steps`."""
    return f"{rule_words(config.rule)}, {get_objective(config.objective).title}, {count(config.steps, 'step')}"
