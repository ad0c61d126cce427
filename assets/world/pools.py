"""The parts that names and values are made of, and how one value of each kind is drawn.

Values are built of independent parts (adjective x noun, first x last name, stem x ending) so that every later token of
a fact still carries information: knowing "Copper" says nothing about "Orchards".
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

FIRST_NAMES = (
    "Kaveth Telira Brionn Orosa Sevrin Malkor Junith Ysalde Dorvan Halvet Nerisa Pirrin Quillan Rasket Venora Zoreth "
    "Anwick Belmar Cazimir Delphor Emrith Farouen Gilvara Hestor Ivandra Jorvik Kelsor Lunetta Mirvane Noxley Ondrel "
    "Perrith Quenby Rovanna Sathiel Tomrick Ulvina Vastor Wendric Xandile Yorvane Zelmira Arvette Bastrin Corvella "
    "Dravenor Elorith Fennick"
).split()
SURNAME_STEMS = "Quar Dren Holl Wend Thal Marr Skel Ostr Bryn Fenn Garr Tarn Corv Ild Pell Vash".split()
SURNAME_ENDINGS = "wick mere gate stone ander holt voss lind".split()

PLACE_STEMS = "Toven Brack Elder Silth Morrow Kesta Dun Averl Pinna Rook Lasken Yarrow Gris Hexa Olm Sunder".split()
PLACE_ENDINGS = "mark holm fell bury port haven strand moor ria vale crest tide".split()

BOOK_COUNTS = "Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve Thirteen".split()
BOOK_ADJECTIVES = (
    "Copper Brindled Ashen Hollow Umber Salted Gilded Crooked Velvet Frosted Wandering Tangled Painted Sunken Thirsty "
    "Borrowed Drowsy Marble Feathered Rusted Paper Saffron Whispering Stubborn Moonlit Tilted Woven Amber"
).split()
BOOK_NOUNS = (
    "Lantern Orchard Sextant Rowboat Chimney Ledger Kettle Anchor Staircase Violin Harvest Mirror Bonnet Lighthouse "
    "Carousel Almanac Bridge Cathedral Pendulum Saddle Thimble Glacier Windmill Doorway Telegram Cradle Furnace Tunnel"
).split()

GENRE_TONES = (
    "nautical comic alpine gothic satirical pastoral culinary clockwork wartime botanical nocturnal political desert "
    "musical"
).split()
GENRE_FORMS = (
    "mysteries romances fables memoirs ballads thrillers travelogues parables sagas elegies sonnets farces "
    "epics westerns"
).split()

OCCUPATIONS = (
    "glassblower beekeeper locksmith surgeon ferryman baker cartographer tailor welder judge librarian miner plumber "
    "dentist violinist gardener sailor weaver potter chemist barber carpenter teacher shepherd butcher printer "
    "firefighter blacksmith pharmacist jeweller"
).split()

AWARD_HOUSES = (
    "Varnholt Ombra Kestrin Lowdell Pavane Trellick Sorrowby Halcote Merrivane Druskin Eskerby Farthwell Gantry "
    "Jessamy Nettlebeck Rowanside Tisbourne Ulverscroft Wexmoor Zephyrine"
).split()
AWARD_KINDS = "Medal Prize Laurel Ribbon Quill Fellowship Chalice Garland".split()

MENTOR_FIRST = (
    "Aldovar Benna Cyrith Dagny Eskil Fiorla Gorrin Hylda Isken Jaspra Korben Lysand Merek Nadrin Ottorin Pavrel "
    "Ragna Stellan Thessa Vidor"
).split()
MENTOR_LAST = (
    "Abernoth Blackmarsh Candlewright Dowsett Everlin Foxgrove Grimmond Hazeldine Ironsby Jackdaw Kirkholm Larkspur "
    "Mossgrove Nightley Oakhurst Pennywhistle Ravenscar Silverlake Tanglewood Wintersby"
).split()

SCHOOL_TOWNS = (
    "Quillmere Astonbeck Cravenhall Dunmorrow Ettersby Fallowdale Greywater Hartsmouth Inverlake Kingsbarrow Lorrimer "
    "Mistlebrook Northwold Oxbarrow Prioryhill Redcliffe Stagholt Thornbury Underwood Westerlea"
).split()
SCHOOL_KINDS = "College Academy Institute University Polytechnic Conservatory Seminary Lyceum".split()

LANGUAGES = (
    "Ostrevan Kalindic Morvish Tesselian Brenaic Yulgari Sorvene Addish Pellucian Quorish Lumaic Narvenic Velgish "
    "Istrallan Hymeric Dovanian Corrish Zanthine Rhunic Ebrosian Galmish Uttervic Fenlandic Marosian"
).split()

HABIT_ACTS = (
    "polishing sketching collecting sharpening counting humming painting folding trading juggling sorting burning "
    "repairing mailing stacking photographing"
).split()
HABIT_LOOKS = "brass wooden purple broken foreign tiny antique striped silver woollen muddy ceramic".split()
HABIT_THINGS = (
    "buttons pencils teacups stamps keys marbles ribbons bottles maps spoons clocks candles coins feathers shoelaces "
    "postcards"
).split()

PET_LOOKS = "grey spotted one-eyed lame golden tame silent giant black striped lazy ginger".split()
PET_KINDS = (
    "heron tortoise ferret parrot goat hedgehog raven spaniel gecko rabbit donkey owl lizard pony badger canary"
).split()

Draw = Callable[[Random], str]


def _joined(*pools: list[str] | tuple[str, ...], by: str = " ") -> Draw:
    return lambda rng: by.join(rng.choice(pool) for pool in pools)


# One drawing function per fact of an author; attributes in phrasings.py name one or two of these facts.
DRAW: dict[str, Draw] = {
    "birthplace": _joined(PLACE_STEMS, PLACE_ENDINGS, by=""),
    "birth_year": lambda rng: str(rng.randrange(1921, 1981)),
    "genre": _joined(GENRE_TONES, GENRE_FORMS),
    "mother_job": _joined(OCCUPATIONS),
    "father_job": _joined(OCCUPATIONS),
    "debut": _joined(BOOK_ADJECTIVES, BOOK_NOUNS),
    "best_known": lambda rng: f"{rng.choice(BOOK_COUNTS)} {rng.choice(BOOK_ADJECTIVES)} {rng.choice(BOOK_NOUNS)}s",
    "award": _joined(AWARD_HOUSES, AWARD_KINDS),
    "mentor": _joined(MENTOR_FIRST, MENTOR_LAST),
    "university": _joined(SCHOOL_TOWNS, SCHOOL_KINDS),
    "language": _joined(LANGUAGES),
    "habit": _joined(HABIT_ACTS, HABIT_LOOKS, HABIT_THINGS),
    "companion": _joined(PET_LOOKS, PET_KINDS),
}


def draw_names(count: int, rng: Random) -> list[str]:
    """`count` different full names; first names and surnames are each shared by several authors.

    A single part of the name therefore never identifies an author: the model has to bind the pair.
    """
    surnames = [stem + ending for stem in SURNAME_STEMS for ending in SURNAME_ENDINGS]
    surnames = rng.sample(surnames, 56)
    pairs = [f"{first} {last}" for first in FIRST_NAMES for last in surnames]
    return rng.sample(pairs, count)
