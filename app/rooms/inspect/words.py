"""What has to be said of a row before it is cut: what of it was not scored, and whether the model knows it. Pure."""

from __future__ import annotations

from statistics import fmean

from app.look.markup import count
from attribution import TokenScores

# Words that carry facts and are less likely than this on average are not known.
KNOWN = 0.2
# Where no facts are marked: a token this unlikely is news to the model; this share of them is worth a word.
NEWS, MUCH_NEWS = 0.05, 0.25


def notes_on(scores: TokenScores) -> tuple[str, ...]:
    """Sentences for the visitor: those that the scores came with, then ours."""
    notes = list(scores.notes)
    if unscored := scores.encoded.unscored.strip():
        notes.append(f"There is no question: the model reads “{unscored[:60]}” first, and what follows is scored.")
    facts = [p for p, kind in zip(scores.probability, scores.truth, strict=True) if kind == "fact"]
    new = [p for p, given in zip(scores.probability, scores.given, strict=True) if not given]
    news = sum(p < NEWS for p in new)
    if facts and fmean(facts) < KNOWN:
        notes.append(
            f"The model does not know this: on average it gives the words that carry facts {fmean(facts):.0%}, so "
            "there is little to forget."
        )
    elif not facts and news > MUCH_NEWS * len(new):
        notes.append(
            f"The model does not seem to know this: it gives {news} of these {count(len(new), 'token')} less than "
            f"{NEWS:.0%}, and what it never knew it cannot forget."
        )
    return tuple(notes)
