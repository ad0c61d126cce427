"""WMDP (cais/wmdp, cais/wmdp-corpora, arXiv 2403.03218): texts to forget and keep, multiple-choice questions."""

from __future__ import annotations

from pathlib import Path

from attribution.data.rows import Row
from attribution.suggestions import did_you_mean
from unlearn.data.corpus import Choice, Corpus
from unlearn.data.rows import kept, texts_of
from unlearn.data.tables import Place, Table, data_set, find

QUESTIONS_HUB = "cais/wmdp"
CORPORA_HUB = "cais/wmdp-corpora"
TOPICS = {"bio": "biology", "cyber": "cybersecurity", "chem": "chemistry"}
WITH_TEXTS = ("bio", "cyber")
# The one table with a repository of its own, which is only given to those who asked for it.
BIO_FORGET_HUB = "cais/wmdp-bio-forget-corpus"
# The texts to keep on biology are 60,000 papers, two gigabytes.
TEXTS = 1_000


def parts(folder: Path) -> list[str]:
    """The topics that a folder has questions or texts on; none when it is no WMDP."""
    return [
        topic
        for topic in TOPICS
        if find(folder, [f"wmdp-{topic}", f"{topic}_questions", f"{topic}-forget-corpus"], "test")
    ]


@data_set("wmdp", "wmdp:bio", parts)
def load(place: Place, part: str) -> Corpus:
    """`bio`, `cyber`, or several topics, `bio+cyber+chem`: texts of those that have any, questions of all."""
    topics = part.split("+")
    for topic in topics:
        if topic not in TOPICS:
            raise ValueError(
                f"WMDP has no topic {topic!r}{did_you_mean(topic, TOPICS)} Choose from {', '.join(TOPICS)}."
            )
    with_texts = [topic for topic in topics if topic in WITH_TEXTS]
    if not with_texts:
        raise ValueError(
            f"WMDP has questions on {TOPICS[topics[0]]} but no texts to forget: name it beside a topic that has, "
            f"bio+{topics[0]} or cyber+{topics[0]}."
        )
    choices = tuple(choice for topic in topics for choice in _choices(place, topic))
    limit, place.first = place.first, place.first or TEXTS
    if limit is None:
        place.notes.append(f"At most {TEXTS:,} texts of each kind were read: limit reads more.")
    forget = _texts(place, with_texts, "forget")
    return Corpus(
        name=f"wmdp:{part}",
        forget=forget,
        retain=kept(place, forget, lambda: _texts(place, with_texts, "retain")),
        choices=choices,
        notes=tuple(place.notes),
        hub=place.on_hub(*_hub(with_texts[0], "forget"), "train") if len(with_texts) == 1 else None,
    )


def _hub(topic: str, role: str) -> tuple[str, str | None]:
    """The Hub data set, and its configuration, with a topic's texts."""
    return (BIO_FORGET_HUB, None) if (topic, role) == ("bio", "forget") else (CORPORA_HUB, f"{topic}-{role}-corpus")


def _texts(place: Place, topics: list[str], role: str) -> tuple[Row, ...]:
    rows: list[Row] = []
    for topic in topics:
        hub, config = _hub(topic, role) if place.folder is None else (CORPORA_HUB, f"{topic}-{role}-corpus")
        # The names in the archive that the authors give out.
        stems = (f"{topic}_{'remove' if role == 'forget' else role}_dataset", f"{topic}_{role}_dataset")
        table = place.table(hub, config, "train", stems)
        rows += texts_of(table, place.notes)
    return tuple(rows)


def _choices(place: Place, topic: str) -> list[Choice]:
    table = place.optional(QUESTIONS_HUB, f"wmdp-{topic}", "test", (f"{topic}_questions",))
    return [] if table is None else choices_of(table, TOPICS[topic])


def choices_of(table: Table, topic: str) -> list[Choice]:
    """Multiple-choice questions from `question`, `choices` and `answer` (the index of the right one)."""
    found = []
    for where, record in table.need("question", "choices", "answer"):
        choices, answer = record["choices"], record["answer"]
        if not isinstance(choices, list | tuple) or isinstance(answer, bool) or not isinstance(answer, int):
            raise ValueError(f"{where}: choices must be a list and answer the index of the right one, counted from 0.")
        for text in (record["question"], *choices):
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"{where}: the question and every choice must be a text, and one is {text!r}.")
        try:
            found.append(Choice(record["question"], tuple(choices), answer, topic))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
    return found
