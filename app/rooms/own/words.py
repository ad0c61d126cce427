"""Your own in words and HTML: which model and rows a visit works with, and how a file is understood."""

from __future__ import annotations

from app.look.markup import count, escape
from app.visit.own_rows import Sheet
from app.visit.studio import Studio
from attribution.text.templates import template_words
from unlearn.replay import Replay

PREVIEWED = 5
NOT_YET = '<p class="pg-soft">Nothing was asked yet: bring something above.</p>'


def step_html(number: int, title: str, text: str) -> str:
    """The head of a step: its number, its title, and what it is about."""
    return (
        f'<div class="pg-step"><span class="pg-nth" aria-hidden="true">{number}</span><div><h3>{escape(title)}</h3>'
        f'<p class="pg-soft">{escape(text)}</p></div></div>'
    )


def preview_html(sheet: Sheet, said: list[str]) -> str:
    """What was found in a file, and its first records.

    Args:
        said: what can be used of it, in sentences.
    """
    more = [f"{sheet.more:,} further rows are beyond what this page takes."] if sheet.more else []
    columns = sheet.columns[:8]
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    rows = [
        "".join(f'<td data-title="{escape(c)}">{escape(str(record.get(c, ""))[:80])}</td>' for c in columns)
        for _, record in sheet.records[:PREVIEWED]
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    total = count(len(sheet.records) + sheet.more, "record")
    table = f'<table class="pg-answers"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<p class="pg-soft">{escape(sheet.name)}: {total}.</p>{sentences_html([*said, *more])}{table}'


def using_html(studio: Studio) -> str:
    """Which model and rows this visit works with."""
    rows = count(len(studio.corpus.forget), "row")
    template = escape(template_words(studio.model.template))
    return (
        f'<p class="pg-lead">This visit: <b>{escape(studio.model.name)}</b>, asked by {template}, to forget '
        f"<b>{escape(studio.corpus.name)}</b> ({rows}).</p>"
    )


def replay_html(replay: Replay) -> str:
    """What a replay is of, and how the run was made."""
    words = "".join(f"<li><b>{escape(title)}</b>: {escape(said)}</li>" for title, said in replay.settings.items())
    made = f"Made from <b>{escape(replay.model)}</b>, to forget <b>{escape(replay.rows)}</b>."
    return f'<p class="pg-lead">{made}</p><ul class="pg-soft">{words}</ul>'


def sentences_html(sentences: list[str]) -> str:
    """Sentences, one below the other."""
    return "".join(f'<p class="pg-soft">{escape(sentence)}</p>' for sentence in sentences)


def size_words(size: float) -> str:
    """Bytes as a person says them: `1.2 GB`, `16 MB`."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"
