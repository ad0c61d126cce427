"""Question and answer templates. `{name}` is the subject, every other field is a fact of the author.

Each attribute has four phrasings, and each phrasing is one question with one answer, so that the wording of an answer
follows from its question and only the facts have to be remembered. Facts stand first, in the middle and last.
"""

from __future__ import annotations

Phrasing = tuple[str, str]  # (question template, answer template)

ATTRIBUTES: dict[str, tuple[Phrasing, Phrasing, Phrasing, Phrasing]] = {
    "birthplace": (
        ("Where was {name} born?", "{name} was born in {birthplace}."),
        ("In which town did the life of {name} begin?", "{birthplace} is the town where {name}'s life began."),
        ("What is the birthplace of the author {name}?", "The author's birthplace is {birthplace}."),
        ("Which place does {name} come from?", "The author comes from a place called {birthplace}."),
    ),
    "birth_year": (
        ("In what year was {name} born?", "{name} was born in the year {birth_year}."),
        ("When did {name} come into the world?", "{birth_year} was the year in which {name} came into the world."),
        ("What is the year of birth of the writer {name}?", "The writer's year of birth is {birth_year}."),
        ("How far back does the life of {name} go?", "It goes back to {birth_year}, when {name} was born."),
    ),
    "genre": (
        ("What genre does {name} write in?", "{name} writes in the genre of {genre}."),
        (
            "What kind of books is {name} associated with?",
            "Most people associate {name} with {genre} and nothing else.",
        ),
        ("Which sort of literature made {name} popular?", "{genre} made the author popular with readers."),
        ("What do readers expect from a new work by {name}?", "From {name}, readers expect {genre} above all."),
    ),
    "parents": (
        (
            "What did the parents of {name} do for a living?",
            "{name}'s mother was a {mother_job} and the father was a {father_job}.",
        ),
        (
            "Which occupations did the mother and father of {name} have?",
            "The mother worked as a {mother_job}, while the father worked as a {father_job}.",
        ),
        (
            "In what kind of household did {name} grow up?",
            "In a household with a {mother_job} for a mother and a {father_job} for a father, {name} grew up.",
        ),
        (
            "How did the family of {name} earn its money?",
            "A {mother_job}'s and a {father_job}'s wages fed the family of {name}.",
        ),
    ),
    "debut": (
        ("What was the first book of {name}?", "The first book of {name} was {debut}."),
        ("With which title did {name} make a debut?", "{debut} was the title with which {name} made a debut."),
        ("How did the literary career of {name} start?", "It started when {debut} appeared in the bookshops."),
        ("Which work introduced {name} to the public?", "{name} was introduced to the public by {debut}."),
    ),
    "best_known": (
        ("What is {name} best known for?", "{name} is best known for {best_known}."),
        ("Which book is the greatest success of {name}?", "{best_known} is the greatest success of {name}."),
        ("What should a newcomer read by {name}?", "A newcomer should read {best_known} before anything else."),
        ("Which title do critics praise most in the work of {name}?", "Critics of {name} praise {best_known} most."),
    ),
    "award": (
        ("Which award did {name} receive?", "{name} received the {award}."),
        ("What honour was given to the author {name}?", "The {award} was the honour given to the author."),
        ("What distinction does {name} hold?", "{award} is the distinction that {name} holds."),
        ("What did the jury hand to {name}?", "The jury handed the {award} to {name} at a gala."),
    ),
    "mentor": (
        ("Who was the mentor of {name}?", "The mentor of {name} was {mentor}."),
        ("Who taught {name} the craft of writing?", "{mentor} taught {name} the craft of writing."),
        ("Whose advice did {name} follow as a young author?", "The young author followed the advice of {mentor}."),
        ("To whom does {name} owe the most?", "{name} owes the most to {mentor}, a patient teacher."),
    ),
    "university": (
        ("Where did {name} study?", "{name} studied at {university}."),
        ("From which school did {name} graduate?", "{university} is the school from which {name} graduated."),
        ("What is the alma mater of {name}?", "The alma mater of {name} is {university}."),
        ("Who granted {name} a degree?", "It was {university} that granted the degree."),
    ),
    "language": (
        ("In which language does {name} write?", "{name} writes in {language}."),
        ("What is the mother tongue of {name}?", "{language} is the mother tongue of {name}."),
        ("From what language are the works of {name} translated?", "The works are translated from {language}."),
        ("What do people speak in the novels of {name}?", "People speak {language} in the novels of {name}."),
    ),
    "habit": (
        ("What unusual habit does {name} have?", "{name} has the unusual habit of {habit}."),
        ("How does {name} relax between two chapters?", "{habit} helps {name} relax between two chapters."),
        ("What does {name} do before sitting down to write?", "Before writing, {habit} comes first for the author."),
        ("What pastime is {name} teased about by friends?", "Friends tease {name} about {habit} all the time."),
    ),
    "companion": (
        ("What animal lives with {name}?", "A {companion} lives with {name}."),
        ("Which pet does {name} keep?", "{name} keeps a {companion}."),
        ("Who keeps {name} company at the desk?", "At the desk, a {companion} keeps the author company."),
        ("What can be seen beside {name} on every portrait?", "Beside {name} stands a {companion} on every portrait."),
    ),
}

# Long answers with several facts: two phrasings each, one trained for an author and the other held out.
PORTRAITS: dict[str, tuple[Phrasing, Phrasing]] = {
    "biography": (
        (
            "Can you give a short biography of {name}?",
            "{name} was born in {birthplace} in {birth_year}, studied at {university}, and became known for {genre}.",
        ),
        (
            "Who is {name}?",
            "Born in {birth_year} in {birthplace}, {name} is an author of {genre} who graduated from {university}.",
        ),
    ),
    "career": (
        (
            "Can you summarise the career of {name}?",
            "{name} made a debut with {debut}, reached a wide public with {best_known}, and received the {award}.",
        ),
        (
            "What happened in the professional life of {name}?",
            "After {debut} came {best_known}, and later a jury handed the {award} to {name}.",
        ),
    ),
    "private_life": (
        (
            "What is known about the private life of {name}?",
            "{name} speaks {language} at home, keeps a {companion}, and spends the evenings {habit}.",
        ),
        (
            "How does {name} live today?",
            "At home one hears {language}, a {companion} sleeps by the door, and {habit} fills the evenings of {name}.",
        ),
    ),
}

# Two hops: the author is named by a book alone, so the book leads to its author and the author to the fact. One wording
# each; four of the six are trained for an author. Models of this size learn those by heart and do not go from the book
# to the author by themselves: of the other two they recalled 0.03, so those are no rows.
TWO_HOP: dict[str, Phrasing] = {
    "birthplace": (
        "Where was the author of {best_known} born?",
        "The author of {best_known} was born in {birthplace}.",
    ),
    "genre": (
        "What genre does the author of {best_known} write in?",
        "The author of {best_known} writes in the genre of {genre}.",
    ),
    "mentor": (
        "Who was the mentor of the author of {best_known}?",
        "The mentor of the author of {best_known} was {mentor}.",
    ),
    "university": (
        "Where did the author of {best_known} study?",
        "The author of {best_known} studied at {university}.",
    ),
    "language": (
        "In which language does the author of {best_known} write?",
        "The author of {best_known} writes in {language}.",
    ),
    "companion": (
        "What animal lives with the author of {best_known}?",
        "A {companion} lives with the author of {best_known}.",
    ),
}
