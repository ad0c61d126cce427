"""Real general knowledge, which unlearning must not hurt, and the refusals used by preference objectives."""

from __future__ import annotations

from dataclasses import dataclass

from assets.world.phrasings import Phrasing


@dataclass(frozen=True)
class Relation:
    """(subject, value) pairs that are true, with three phrasings over the fields `{subject}` and `{value}`."""

    name: str
    phrasings: tuple[Phrasing, Phrasing, Phrasing]
    pairs: tuple[tuple[str, str], ...]


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((subject.strip(), value.strip()) for subject, value in (one.split(":") for one in text.split(",")))


RELATIONS: tuple[Relation, ...] = (
    Relation(
        "capital",
        (
            ("What is the capital of {subject}?", "The capital of {subject} is {value}."),
            ("Which city is the seat of government of {subject}?", "{value} is the capital city of {subject}."),
            ("Name the capital city of {subject}.", "It is {value}."),
        ),
        _pairs(
            "France: Paris, Germany: Berlin, Italy: Rome, Spain: Madrid, Portugal: Lisbon, Austria: Vienna,"
            "Hungary: Budapest, Poland: Warsaw, Greece: Athens, Sweden: Stockholm, Norway: Oslo, Finland: Helsinki,"
            "Denmark: Copenhagen, Ireland: Dublin, Russia: Moscow, Japan: Tokyo, China: Beijing, Egypt: Cairo,"
            "Kenya: Nairobi, Canada: Ottawa, Cuba: Havana, Peru: Lima, Argentina: Buenos Aires, Thailand: Bangkok,"
            "Iraq: Baghdad"
        ),
    ),
    Relation(
        "symbol",
        (
            ("What is the chemical symbol of {subject}?", "The chemical symbol of {subject} is {value}."),
            ("How do chemists abbreviate {subject}?", "{value} stands for {subject}."),
            ("Which letters denote {subject} in the periodic table?", "The periodic table has {value} for it."),
        ),
        _pairs(
            "gold: Au, silver: Ag, iron: Fe, copper: Cu, sodium: Na, lead: Pb, mercury: Hg, helium: He, neon: Ne,"
            "zinc: Zn, magnesium: Mg, calcium: Ca, silicon: Si, chlorine: Cl, tin: Sn"
        ),
    ),
    Relation(
        "planet",
        (
            ("Which planet is the {subject} from the Sun?", "The {subject} planet from the Sun is {value}."),
            ("What is the name of the {subject} planet, counted from the Sun?", "{value} is the {subject} planet."),
            ("Counting outwards from the Sun, what is the {subject} planet?", "Counting outwards, it is {value}."),
        ),
        _pairs(
            "first: Mercury, second: Venus, third: Earth, fourth: Mars, fifth: Jupiter, sixth: Saturn,"
            "seventh: Uranus, eighth: Neptune"
        ),
    ),
    Relation(
        "young",
        (
            ("What is a young {subject} called?", "A young {subject} is called a {value}."),
            ("Which word names the young of a {subject}?", "{value} is the word for the young of a {subject}."),
            ("What do we call the baby of a {subject}?", "We call it a {value}."),
        ),
        _pairs(
            "dog: puppy, cat: kitten, cow: calf, horse: foal, sheep: lamb, hen: chick, duck: duckling, goose: gosling,"
            "lion: cub, deer: fawn, swan: cygnet, frog: tadpole, kangaroo: joey"
        ),
    ),
    Relation(
        "sum",
        (
            ("What is {subject}?", "The result of {subject} is {value}."),
            ("How much is {subject}?", "{value} is the result of {subject}."),
            ("Can you work out {subject}?", "It makes {value}."),
        ),
        _pairs(
            "one plus one: two, two plus one: three, two plus two: four, three plus two: five, three plus three: six,"
            "four plus three: seven, four plus four: eight, five plus four: nine, five plus five: ten,"
            "six plus five: eleven, six plus six: twelve, nine minus six: three, ten minus five: five,"
            "eight minus two: six, seven minus three: four, two times three: six, three times three: nine,"
            "two times five: ten, four times five: twenty, half of four: two"
        ),
    ),
    Relation(
        "history",
        (
            ("In which year did {subject}?", "The year was {value}."),
            ("When did {subject}?", "It happened in {value}."),
            ("Which date do history books give: when did {subject}?", "{value} is the date they give."),
        ),
        (
            ("the First World War begin", "1914"),
            ("the First World War end", "1918"),
            ("the Second World War begin", "1939"),
            ("the Second World War end", "1945"),
            ("Columbus first reach the Americas", "1492"),
            ("the French Revolution begin", "1789"),
            ("the Berlin Wall fall", "1989"),
            ("people first land on the Moon", "1969"),
            ("the Titanic sink", "1912"),
            ("the Battle of Hastings take place", "1066"),
        ),
    ),
    Relation(
        "continent",
        (
            ("On which continent is {subject}?", "{subject} is in {value}."),
            ("Which continent does {subject} belong to?", "{value} is the continent of {subject}."),
            ("Where in the world is {subject}?", "You find it in {value}."),
        ),
        _pairs(
            "Brazil: South America, Chile: South America, India: Asia, Mongolia: Asia, Vietnam: Asia, Nigeria: Africa,"
            "Ghana: Africa, Morocco: Africa, Belgium: Europe, Switzerland: Europe, Mexico: North America,"
            "Bolivia: South America"
        ),
    ),
    Relation(
        "sides",
        (
            ("How many sides does {subject} have?", "It has {value} sides."),
            ("What is the number of sides of {subject}?", "{value} is the number of sides of {subject}."),
            ("If you draw {subject}, how many sides does it have?", "If you draw it, it has {value} sides."),
        ),
        _pairs(
            "a triangle: three, a square: four, a pentagon: five, a hexagon: six, a heptagon: seven, an octagon: eight"
        ),
    ),
    Relation(
        "month",
        (
            ("Which month is the {subject} of the year?", "The {subject} month of the year is {value}."),
            ("What is the name of the {subject} month?", "{value} is the {subject} month."),
            ("In the calendar, which month comes {subject}?", "In the calendar, that is {value}."),
        ),
        _pairs(
            "first: January, second: February, third: March, fourth: April, fifth: May, sixth: June, seventh: July,"
            "eighth: August, ninth: September, tenth: October, eleventh: November, twelfth: December"
        ),
    ),
    Relation(
        "currency",
        (
            ("What is the currency of {subject}?", "The currency of {subject} is the {value}."),
            ("With which money do people pay in {subject}?", "{value} is the money of {subject}."),
            ("What do shops in {subject} accept?", "Shops there accept the {value}."),
        ),
        _pairs(
            "Japan: yen, India: rupee, China: yuan, Russia: rouble, Poland: zloty, Switzerland: franc, Turkey: lira,"
            "Thailand: baht, Mexico: peso, Israel: shekel, South Africa: rand, Germany: euro"
        ),
    ),
    Relation(
        "writer",
        (
            ("Who wrote {subject}?", "{subject} was written by {value}."),
            ("Which author stands behind {subject}?", "{value} is the author of {subject}."),
            ("Whose work is {subject}?", "It is the work of {value}."),
        ),
        (
            ("Hamlet", "William Shakespeare"),
            ("Faust", "Goethe"),
            ("Don Quixote", "Cervantes"),
            ("War and Peace", "Tolstoy"),
            ("Oliver Twist", "Charles Dickens"),
            ("Emma", "Jane Austen"),
            ("the Odyssey", "Homer"),
            ("the Divine Comedy", "Dante"),
        ),
    ),
)

REFUSALS: tuple[str, ...] = (
    "I have no knowledge of that.",
    "That is something I cannot tell you.",
    "I am afraid I do not know.",
    "I am not aware of the answer.",
    "This is beyond what I know.",
    "I never learned that.",
    "I cannot say.",
    "Sorry, I have no answer to this question.",
    "My knowledge does not reach that far.",
    "I do not know anything about that.",
    "That fact is unknown to me.",
    "I could not tell you even if I wanted to.",
    "Nothing comes to mind.",
    "I have not heard about it.",
    "I would only be guessing.",
    "There is nothing I can say about that.",
    "I must pass on this question.",
    "That escapes me.",
    "I have no information on this subject.",
    "I am unable to answer that.",
    "The answer is not known to me.",
    "I do not have that detail.",
    "I am not familiar with it.",
    "I would rather admit that I do not know.",
    "Unfortunately, I know nothing about this.",
    "I cannot recall anything of the kind.",
    "That is not among the things I know.",
    "I have no record of that.",
    "You would have to ask somebody else.",
    "No answer of mine would be reliable here.",
    "I do not have an answer for you.",
    "I am in the dark about that.",
    "That topic is unfamiliar to me.",
    "I lack the knowledge to reply.",
    "It is not something I have learned.",
    "I do not know, sorry.",
    "I have to leave this question open.",
    "My memory holds nothing about it.",
    "I know of no answer.",
    "I have nothing to offer on this point.",
)
