"""Question and answer templates for every kind of subject and every attribute of it.

`{subject}` is the subject and `{value}` the fact; `{a}` and `{an}` are the indefinite articles of the two. Any other
field is a column of the kind's table in `assets/real_world/facts`. The last wording of an attribute is held out: it is
never trained. A fact opens an answer only where it begins with a capital letter or a digit anyway.
"""

from __future__ import annotations

Wording = tuple[str, str]  # (question template, answer template)
Wordings = tuple[Wording, Wording, Wording, Wording]

NOT_ATTRIBUTES = frozenset({"subject", "offered", "plural", "was", "made"})
"""Columns that say something about a row of a table, and are no facts to ask for."""

NO_WRONG_ANSWERS = frozenset(
    {
        *(("animals", name) for name in ("young", "group", "male", "female", "home", "diet")),
        *(("books", name) for name in ("form", "hero", "setting")),
        ("cities", "old_name"),
        ("landmarks", "material"),
        *(("music", name) for name in ("form", "nationality")),
        *(("people", name) for name in ("profession", "nationality")),
    }
)
"""Attributes of which another subject's value may be true as well (a wolf's young is a pup, and also a cub)."""

CONTINENT: Wordings = (
    ("On which continent is {subject}?", "{subject} is in {value}."),
    ("Which continent does {subject} belong to?", "{subject} belongs to {value}."),
    ("What continent is {subject} part of?", "The continent of {value} is home to {subject}."),
    ("Looking at a map of the world, on which continent do you find {subject}?", "You find {subject} in {value}."),
)
COUNTRY: Wordings = (
    ("In which country is {subject}?", "{subject} is in {value}."),
    ("Which country does {subject} belong to?", "{subject} belongs to {value}."),
    ("What country is {subject} located in?", "{subject} is located in {value}."),
    ("Traveling to {subject}, which country do you arrive in?", "Traveling to {subject}, you arrive in {value}."),
)
CITY: Wordings = (
    ("In which city is {subject}?", "{subject} is in {value}."),
    ("Which city is home to {subject}?", "{value} is home to {subject}."),
    ("To which city would you travel to see {subject}?", "To see {subject}, you would travel to {value}."),
    ("A guided tour ends in front of {subject}: which city is it in?", "The tour ends in {value}."),
)
SPOKEN: Wordings = (
    ("Which language do most people in {subject} speak?", "Most people in {subject} speak {value}."),
    ("What is the main language of {subject}?", "The main language of {subject} is {value}."),
    ("What language is spoken in {subject}?", "{value} is spoken in {subject}."),
    ("Which language would you learn before moving to {subject}?", "Before the move, you would learn {value}."),
)
SEA: Wordings = (
    ("Which sea or ocean lies off the coast of {subject}?", "The {value} lies off the coast of {subject}."),
    ("On which sea or ocean does {subject} lie?", "{subject} lies on the {value}."),
    ("Which sea or ocean washes the shores of {subject}?", "The shores of {subject} are washed by the {value}."),
    ("Sailing out of a port in {subject}, which sea or ocean do you reach?", "You reach the {value}."),
)
PREMIERED: Wordings = (
    ("When was {subject} first performed?", "{subject} was first performed in {value}."),
    (
        "In which year did {subject} have its first performance?",
        "It was in {value} that {subject} had its first performance.",
    ),
    ("What is the year of the premiere of {subject}?", "The year of the premiere of {subject} is {value}."),
    ("When did {subject} first reach an audience?", "{subject} first reached an audience in {value}."),
)

COUNTRIES: dict[str, Wordings] = {
    "capital": (
        ("What is the capital of {subject}?", "The capital of {subject} is {value}."),
        ("Which city is the capital of {subject}?", "{value} is the capital of {subject}."),
        ("Name the capital city of {subject}.", "The capital city of {subject} is {value}."),
        ("{subject} has its capital in which city?", "{subject} has its capital in {value}."),
    ),
    "continent": CONTINENT,
    "language": SPOKEN,
    "currency": (
        ("What is the currency of {subject}?", "The currency of {subject} is the {value}."),
        ("Which currency do people use in {subject}?", "People in {subject} use the {value}."),
        ("What is the money of {subject} called?", "The {value} is the money of {subject}."),
        ("Which currency do you need to pay in the shops of {subject}?", "To pay there, you need the {value}."),
    ),
    "mountain": (
        ("What is the highest mountain in {subject}?", "The highest mountain in {subject} is {value}."),
        ("Which mountain is the highest point of {subject}?", "{value} is the highest point of {subject}."),
        ("Name the tallest mountain of {subject}.", "The tallest mountain of {subject} is {value}."),
        ("To stand higher than anywhere else in {subject}, which peak do you climb?", "You climb {value}."),
    ),
    "coast": SEA,
    "calling_code": (
        (
            "What is the international calling code of {subject}?",
            "The international calling code of {subject} is +{value}.",
        ),
        ("Which country code do you dial to call {subject}?", "You dial +{value} to call {subject}."),
        ("What is the telephone code of {subject}?", "{subject} has the telephone code +{value}."),
        ("With which digits after the plus sign do phone numbers from {subject} begin?", "They begin with +{value}."),
    ),
}

CITIES: dict[str, Wordings] = {
    "country": COUNTRY,
    "continent": CONTINENT,
    "language": SPOKEN,
    "river": (
        ("Which river flows through {subject}?", "The {value} flows through {subject}."),
        ("On which river does {subject} lie?", "{subject} lies on the {value}."),
        ("What is the name of the river in {subject}?", "The {value} is the river in {subject}."),
        ("Standing on a bridge in {subject}, which river do you look down on?", "You look down on the {value}."),
    ),
    "region": (
        ("Which state, province or region is {subject} in?", "{subject} is in {value}."),
        ("To which state, province or region does {subject} belong?", "{subject} belongs to {value}."),
        ("What state, province or region is home to {subject}?", "{value} is home to {subject}."),
        ("In what part of its country does {subject} lie?", "Within its country, {subject} lies in {value}."),
    ),
    "sea": SEA,
    "old_name": (
        ("What was {subject} formerly called?", "{subject} was formerly called {value}."),
        ("What is an old name of {subject}?", "{value} is an old name of {subject}."),
        ("Under what name was {subject} known in the past?", "In the past, {subject} was known as {value}."),
        ("Which name for {subject} do you read on an old map?", "On an old map, you read {value}."),
    ),
    "nickname": (
        ("What is the nickname of {subject}?", "The nickname of {subject} is the {value}."),
        ("By what nickname is {subject} known?", "{subject} is known as the {value}."),
        ("What do people like to call {subject}?", "The {value} is what people like to call {subject}."),
        ("Which nickname do travel guides give to {subject}?", "Travel guides speak of the {value}."),
    ),
    "olympics": (
        (
            "In which year did {subject} first host the Summer Olympics?",
            "{subject} first hosted the Summer Olympics in {value}.",
        ),
        (
            "When were the Summer Olympics first held in {subject}?",
            "The Summer Olympics were first held in {subject} in {value}.",
        ),
        (
            "What is the year of the first Summer Olympics in {subject}?",
            "{value} is the year of the first Summer Olympics in {subject}.",
        ),
        (
            "When did athletes first gather in {subject} for the Summer Olympics?",
            "Athletes first gathered there in {value}.",
        ),
    ),
}

LANDMARKS: dict[str, Wordings] = {
    "city": CITY,
    "country": (
        ("In which country is {subject}?", "{subject} is in {value}."),
        ("Which country is home to {subject}?", "It is {value} that is home to {subject}."),
        ("To which country would you travel to see {subject}?", "To see {subject}, you would travel to {value}."),
        ("A postcard shows {subject}: from which country was it sent?", "The postcard was sent from {value}."),
    ),
    "continent": (
        ("On which continent is {subject}?", "{subject} is in {value}."),
        ("Which continent is home to {subject}?", "{value} is home to {subject}."),
        ("On what continent does {subject} stand?", "{subject} stands in {value}."),
        ("Looking at a map of the world, on which continent do you find {subject}?", "You find it in {value}."),
    ),
    "designer": (
        ("Who designed {subject}?", "{subject} was designed by {value}."),
        ("Who is the designer of {subject}?", "The designer of {subject} is {value}."),
        ("Whose design was {subject} built to?", "{subject} was built to a design by {value}."),
        ("Who drew the plans for {subject}?", "{value} drew the plans for {subject}."),
    ),
    "ordered_by": (
        ("Which ruler had {subject} built?", "{value} had {subject} built."),
        ("Who ordered the building of {subject}?", "The building of {subject} was ordered by {value}."),
        ("On whose orders did work on {subject} begin?", "Work on {subject} began on the orders of {value}."),
        ("Which ruler do we owe {subject} to?", "We owe {subject} to {value}."),
    ),
    "inaugurated": (
        ("In which year was {subject} inaugurated?", "{subject} was inaugurated in {value}."),
        ("When did {subject} first open to the public?", "{subject} first opened to the public in {value}."),
        ("What is the opening year of {subject}?", "It was in {value} that {subject} opened."),
        ("When was the opening of {subject} celebrated?", "The opening of {subject} was celebrated in {value}."),
    ),
    "material": (
        ("What is {subject} mainly made of?", "{subject} is mainly made of {value}."),
        ("Which material is {subject} built from?", "{subject} is built from {value}."),
        ("What was used to build {subject}?", "To build {subject}, {value} was used."),
        ("Touching {subject}, which material do you feel?", "You feel {value}."),
    ),
}

ELEMENTS: dict[str, Wordings] = {
    "symbol": (
        ("What is the chemical symbol of {subject}?", "The chemical symbol of {subject} is {value}."),
        ("How do chemists abbreviate {subject}?", "Chemists write {value} for {subject}."),
        ("Which symbol stands for {subject} in the periodic table?", "{value} stands for {subject}."),
        ("What do you write for {subject} in a chemical formula?", "In a chemical formula, you write {value}."),
    ),
    "atomic_number": (
        ("What is the atomic number of {subject}?", "The atomic number of {subject} is {value}."),
        ("How many protons does an atom of {subject} have?", "The number of protons in {subject} is {value}."),
        ("Which number does {subject} have in the periodic table?", "The number {value} belongs to {subject}."),
        ("Counting the protons of {subject}, what number do you get?", "You get the number {value}."),
    ),
    "family": (
        ("What type of element is {subject}?", "{subject} is {an} {value}."),
        ("How is {subject} classified in the periodic table?", "As {an} {value}, {subject} has its place there."),
        ("To which family of elements does {subject} belong?", "By its family, {subject} is {an} {value}."),
        ("What do chemists call elements like {subject}?", "Chemists call an element like {subject} {an} {value}."),
    ),
    "state": (
        ("In which state of matter is {subject} at room temperature?", "{subject} is a {value} at room temperature."),
        ("What is the physical state of {subject} at room temperature?", "The physical state of {subject} is {value}."),
        ("In what form does {subject} exist in everyday conditions?", "In everyday conditions, it is a {value}."),
        ("Which state of matter is {subject} in on a laboratory shelf?", "On the shelf, {subject} is a {value}."),
    ),
    "period": (
        ("In which period of the periodic table is {subject}?", "{subject} is in period {value}."),
        ("Which row of the periodic table holds {subject}?", "Row {value} of the periodic table holds {subject}."),
        ("What is the period number of {subject}?", "The period number of {subject} is {value}."),
        (
            "Counting the rows of the periodic table from the top, in which one is {subject}?",
            "Counting from the top, {subject} is in row {value}.",
        ),
    ),
    "latin_name": (
        ("What is the Latin name of {subject}?", "The Latin name of {subject} is {value}."),
        ("What is {subject} called in Latin?", "In Latin, {subject} is called {value}."),
        ("Which Latin word gave {subject} its symbol?", "The Latin word {value} gave {subject} its symbol."),
        ("How would a Latin text refer to {subject}?", "A Latin text would refer to it as {value}."),
    ),
    "named_after": (
        ("What is {subject} named after?", "{subject} is named after {value}."),
        ("Where does the name of {subject} come from?", "The name of {subject} comes from {value}."),
        ("What did {subject} get its name from?", "It was {value} that gave {subject} its name."),
        ("In honor of what was {subject} named?", "{subject} was named in honor of {value}."),
    ),
    "discoverer": (
        ("Who discovered {subject}?", "{subject} was discovered by {value}."),
        ("Who is credited with the discovery of {subject}?", "The discovery of {subject} is credited to {value}."),
        ("Which scientist first found {subject}?", "{value} was the scientist who first found {subject}."),
        ("Whom do chemistry books name as the discoverer of {subject}?", "Chemistry books name {value}."),
    ),
}

ANIMALS: dict[str, Wordings] = {
    "class": (
        ("What class of animal is {a} {subject}?", "{a} {subject} is {an} {value}."),
        (
            "How do zoologists classify {a} {subject}?",
            "As {an} {value}: that is how zoologists classify {a} {subject}.",
        ),
        ("To which class of animals do {plural} belong?", "By its class, {a} {subject} is {an} {value}."),
        (
            "According to biology books, what kind of creature is {a} {subject}?",
            "According to biology books, it is {an} {value}.",
        ),
    ),
    "young": (
        ("What is a young {subject} called?", "A young {subject} is called {an} {value}."),
        ("Which word names the young of {a} {subject}?", "{an} {value} is the young of {a} {subject}."),
        ("What do you call a baby {subject}?", "You call a baby {subject} {an} {value}."),
        ("What is one of the offspring of {a} {subject} called?", "One of its offspring is called {an} {value}."),
    ),
    "group": (
        ("What is a group of {plural} called?", "A group of {plural} is called {an} {value}."),
        ("What is the collective noun for {plural}?", "The collective noun for {plural} is {value}."),
        ("Which word describes many {plural} together?", "{an} {value} is what many {plural} together form."),
        ("What do {plural} that stay together form?", "They form {an} {value}."),
    ),
    "male": (
        ("What is a male {subject} called?", "A male {subject} is called {an} {value}."),
        ("Which word names the male among {plural}?", "{an} {value} is the male among {plural}."),
        ("What do you call {a} {subject} that is male?", "You call a male {subject} {an} {value}."),
        ("How do people refer to a male {subject}?", "People refer to it as {an} {value}."),
    ),
    "female": (
        ("What is a female {subject} called?", "A female {subject} is called {an} {value}."),
        ("Which word names the female among {plural}?", "{an} {value} is the female among {plural}."),
        ("What do you call {a} {subject} that is female?", "You call a female {subject} {an} {value}."),
        ("How do people refer to a female {subject}?", "People refer to it as {an} {value}."),
    ),
    "sound": (
        ("What sound does {a} {subject} make?", "The sound of {a} {subject} is {an} {value}."),
        ("What is the typical call of {a} {subject}?", "{an} {value} is the typical call of {a} {subject}."),
        ("What is the noise that {plural} make called?", "The noise that {plural} make is called {an} {value}."),
        ("Listening to {a} {subject}, what do you hear?", "You hear {an} {value}."),
    ),
    "home": (
        ("What is the home of {a} {subject} called?", "The home of {a} {subject} is called {an} {value}."),
        ("What does {a} {subject} live in?", "{a} {subject} lives in {an} {value}."),
        ("Which word names the shelter of {a} {subject}?", "{an} {value} is the shelter of {a} {subject}."),
        ("When {a} {subject} goes home, where does it go?", "It goes to {an} {value}."),
    ),
    "diet": (
        ("What type of eater is {a} {subject}?", "{a} {subject} is {an} {value}."),
        ("How is {a} {subject} classified by its diet?", "By its diet, {a} {subject} is {an} {value}."),
        ("Which word describes the diet of {plural}?", "The word {value} describes what {a} {subject} is by its diet."),
        (
            "Plants, meat or both: what do you call an animal that eats like {a} {subject}?",
            "You call such an animal {an} {value}.",
        ),
    ),
    "covering": (
        ("What covers the body of {a} {subject}?", "The body of {a} {subject} is covered with {value}."),
        ("What is {a} {subject} covered in?", "{a} {subject} is covered in {value}."),
        ("What do you see on the skin of {a} {subject}?", "You see {value} on the skin of {a} {subject}."),
        ("Touching {a} {subject}, what do you feel?", "You feel {value}."),
    ),
    "legs": (
        ("How many legs does {a} {subject} have?", "{a} {subject} has {value} legs."),
        ("What is the number of legs of {a} {subject}?", "The number of legs of {a} {subject} is {value}."),
        ("How many legs are there on {a} {subject}?", "There are {value} legs on {a} {subject}."),
        ("Counting the legs of {a} {subject}, what do you get?", "Counting the legs, you get {value}."),
    ),
    "continent": (
        ("On which continent do {plural} live in the wild?", "{plural} live in {value} when they live in the wild."),
        ("Which continent is the home of the {subject}?", "The home of the {subject} is {value}."),
        ("Which continent do wild {plural} come from?", "Wild {plural} come from {value}."),
        ("To which continent do you travel to see {plural} in the wild?", "To see {plural}, you travel to {value}."),
    ),
}

BOOKS: dict[str, Wordings] = {
    "author": (
        ("Who wrote {subject}?", "{subject} was written by {value}."),
        ("Who is the author of {subject}?", "The author of {subject} is {value}."),
        ("Whose work is {subject}?", "{value} is the writer whose work it is."),
        ("Which writer do we owe {subject} to?", "We owe {subject} to {value}."),
    ),
    "form": (
        ("What kind of literary work is {subject}?", "{subject} is {an} {value}."),
        ("To which literary form does {subject} belong?", "The {value} is the form to which {subject} belongs."),
        ("How would a librarian describe the form of {subject}?", "A librarian would call {subject} {an} {value}."),
        ("Opening {subject}, what form of literature do you find?", "You find {an} {value}."),
    ),
    "published": (
        ("In which year was {subject} first published?", "{subject} was first published in {value}."),
        ("When did {subject} first come out?", "{value} is the year in which {subject} first came out."),
        ("What is the publication year of {subject}?", "The publication year of {subject} is {value}."),
        ("From which year is the first edition of {subject}?", "The first edition of {subject} is from {value}."),
    ),
    "premiered": PREMIERED,
    "language": (
        ("In which language was {subject} written?", "{subject} was written in {value}."),
        ("What is the original language of {subject}?", "The original language of {subject} is {value}."),
        ("Which language did the author of {subject} write it in?", "{value} is the language it was written in."),
        ("To read {subject} without a translation, which language must you know?", "You must know {value}."),
    ),
    "hero": (
        ("Who is the main character of {subject}?", "The main character of {subject} is {value}."),
        ("Which character is at the center of {subject}?", "{value} is at the center of {subject}."),
        ("Whose story does {subject} tell?", "{subject} tells the story of {value}."),
        ("Name the protagonist of {subject}.", "The protagonist is {value}."),
    ),
    "setting": (
        ("Where is {subject} set?", "{subject} is set in {value}."),
        ("What is the setting of {subject}?", "The setting of {subject} is {value}."),
        ("In which place does the story of {subject} unfold?", "It is in {value} that the story of {subject} unfolds."),
        ("Reading {subject}, to which place are you taken?", "You are taken to {value}."),
    ),
}

PAINTINGS: dict[str, Wordings] = {
    "painter": (
        ("Who painted {subject}?", "{subject} was painted by {value}."),
        ("Who is the painter of {subject}?", "The painter of {subject} is {value}."),
        ("Which artist created {subject}?", "{value} is the artist who created {subject}."),
        ("Whose brush made {subject}?", "It was the brush of {value}."),
    ),
    "painted": (
        ("In which year was {subject} painted?", "{subject} was painted in {value}."),
        ("When did the artist finish {subject}?", "The artist finished {subject} in {value}."),
        ("Which year does {subject} date from?", "{value} is the year that {subject} dates from."),
        ("What date does a museum label give for {subject}?", "The date on the label is {value}."),
    ),
    "museum": (
        ("In which museum does {subject} hang?", "{subject} hangs in the {value}."),
        ("Which museum is home to {subject}?", "The {value} is home to {subject}."),
        ("Which museum do you visit to see {subject}?", "To see {subject}, you visit the {value}."),
        ("Behind the doors of which museum do you find {subject}?", "You find {subject} in the {value}."),
    ),
    "city": CITY,
    "nationality": (
        ("What nationality was the painter of {subject}?", "The painter of {subject} was {value}."),
        ("The artist behind {subject} was of which nationality?", "{an} {value} artist is behind {subject}."),
        ("How do you describe the nationality of whoever painted {subject}?", "Whoever painted it was {value}."),
        ("An artist of what nationality made {subject}?", "{subject} was made by {an} {value} artist."),
    ),
    "century": (
        ("In which century was {subject} painted?", "{subject} was painted in the {value} century."),
        ("From which century is {subject}?", "{subject} is from the {value} century."),
        ("Which century does {subject} belong to?", "The {value} century is the one {subject} belongs to."),
        ("Art books show {subject} in the chapter on which century?", "It is in the chapter on the {value} century."),
    ),
}

MUSIC: dict[str, Wordings] = {
    "composer": (
        ("Who composed {subject}?", "{subject} was composed by {value}."),
        ("Who is the composer of {subject}?", "The composer of {subject} is {value}."),
        ("Who wrote the music of {subject}?", "{value} wrote the music of {subject}."),
        ("Which composer do we owe {subject} to?", "We owe {subject} to {value}."),
    ),
    "form": (
        ("What kind of musical work is {subject}?", "{subject} is {an} {value}."),
        ("To which musical form does {subject} belong?", "The {value} is the form to which {subject} belongs."),
        ("How would a concert guide describe {subject}?", "A concert guide would call {subject} {an} {value}."),
        ("Buying a ticket for {subject}, what kind of work do you expect?", "You expect {an} {value}."),
    ),
    "premiered": PREMIERED,
    "city": (
        ("In which city was {subject} first performed?", "{subject} was first performed in {value}."),
        ("Which city saw the premiere of {subject}?", "{value} saw the premiere of {subject}."),
        ("Where did {subject} have its premiere?", "{subject} had its premiere in {value}."),
        ("The first audience of {subject} came together in which city?", "It came together in {value}."),
    ),
    "language": (
        ("In which language is {subject} sung?", "{subject} is sung in {value}."),
        ("What is the language of the words in {subject}?", "The language of the words in {subject} is {value}."),
        ("Which language was the text of {subject} written in?", "{value} is the language of the text."),
        ("To follow the singers in {subject}, which language must you know?", "You must know {value}."),
    ),
    "setting": (
        ("Where is {subject} set?", "{subject} is set in {value}."),
        ("What is the setting of {subject}?", "The setting of {subject} is {value}."),
        ("In which place does the story of {subject} unfold?", "It is in {value} that the story of {subject} unfolds."),
        ("Watching {subject}, to which place are you taken?", "You are taken to {value}."),
    ),
    "nationality": (
        ("What nationality was the composer of {subject}?", "The composer of {subject} was {value}."),
        ("{subject} was composed by someone of which nationality?", "{an} {value} composer is behind {subject}."),
        ("How do you describe the nationality of whoever wrote {subject}?", "Whoever wrote it was {value}."),
        ("A composer of what nationality made {subject}?", "{subject} was made by {an} {value} composer."),
    ),
}

INVENTIONS: dict[str, Wordings] = {
    "maker": (
        ("Who {made} {subject}?", "{value} {made} {subject}."),
        ("Which person {made} {subject}?", "The person who {made} {subject} was {value}."),
        ("By whom {was} {subject} {made}?", "{subject} {was} {made} by {value}."),
        ("Whom do history books name as the person who {made} {subject}?", "History books name {value}."),
    ),
    "year": (
        ("In which year {was} {subject} {made}?", "{subject} {was} {made} in {value}."),
        ("When {was} {subject} first {made}?", "{value} is the year in which {subject} {was} first {made}."),
        ("What year do history books give for {subject}?", "For {subject}, history books give the year {value}."),
        ("To watch how {subject} {was} {made}, to which year do you go back?", "You go back to {value}."),
    ),
    "nationality": (
        ("What nationality was the person who {made} {subject}?", "The person who {made} {subject} was {value}."),
        ("{subject} {was} {made} by someone of which nationality?", "Someone of {value} nationality {made} {subject}."),
        ("Name the nationality of whoever {made} {subject}.", "{value} is the nationality of that person."),
        ("How does an encyclopedia describe the nationality of whoever {made} {subject}?", "It says {value}."),
    ),
    "century": (
        ("In which century {was} {subject} {made}?", "{subject} {was} {made} in the {value} century."),
        ("Which century saw {subject} being {made}?", "The {value} century saw {subject} being {made}."),
        ("What century do history books give for {subject}?", "History books give the {value} century."),
        (
            "On a timeline, under which century does it say that {subject} {was} {made}?",
            "It says so under the {value} century.",
        ),
    ),
}

PEOPLE: dict[str, Wordings] = {
    "profession": (
        ("Who was {subject}?", "{subject} was {an} {value}."),
        ("What profession or office is {subject} known for?", "It is as {an} {value} that {subject} is known."),
        ("What did {subject} become famous as?", "{subject} became famous as {an} {value}."),
        ("What role did {subject} play in history?", "{subject} went down in history as {an} {value}."),
    ),
    "nationality": (
        ("What nationality was {subject}?", "{subject} was {value}."),
        ("What was the nationality of {subject}?", "The word {value} describes the nationality of {subject}."),
        ("To which nation did {subject} belong?", "By nationality, {subject} was {value}."),
        ("How does an encyclopedia describe the nationality of {subject}?", "It says that {subject} was {value}."),
    ),
    "birth_year": (
        ("In which year was {subject} born?", "{subject} was born in {value}."),
        ("When was {subject} born?", "{value} is the year in which {subject} was born."),
        ("What is the birth year of {subject}?", "The year {value} is the birth year of {subject}."),
        ("When did {subject} come into the world?", "{subject} came into the world in {value}."),
    ),
    "death_year": (
        ("In which year did {subject} die?", "{subject} died in {value}."),
        ("When did the life of {subject} end?", "It was in {value} that the life of {subject} ended."),
        ("What is the year of death of {subject}?", "{value} is the year of death of {subject}."),
        ("Until which year did {subject} live?", "{subject} lived until {value}."),
    ),
    "birth_place": (
        ("Where was {subject} born?", "{subject} was born in {value}."),
        ("What is the birthplace of {subject}?", "{value} is the birthplace of {subject}."),
        ("In which place did the life of {subject} begin?", "It was in {value} that the life of {subject} began."),
        ("Where did {subject} come into the world?", "{subject} came into the world in {value}."),
    ),
    "death_place": (
        ("Where did {subject} die?", "{subject} died in {value}."),
        ("What was the place of death of {subject}?", "It was in {value} that {subject} died."),
        ("In which place did the life of {subject} end?", "{value} is where the life of {subject} ended."),
        ("Where did {subject} spend the last day of life?", "{subject} spent the last day of life in {value}."),
    ),
}

WORDINGS: dict[str, dict[str, Wordings]] = {
    "countries": COUNTRIES,
    "cities": CITIES,
    "landmarks": LANDMARKS,
    "elements": ELEMENTS,
    "animals": ANIMALS,
    "books": BOOKS,
    "paintings": PAINTINGS,
    "music": MUSIC,
    "inventions": INVENTIONS,
    "people": PEOPLE,
}
"""By kind of subject, which is also the name of its table, and by attribute, which is a column of it."""
