"""The rooms' handlers, pressed without a browser: what goes wrong is one sentence where the person looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from app.address import learn_address, open_address
from app.page import Page
from app.rooms.compare.words import table_html
from app.server.line import Place
from app.server.settings import Settings
from app.visit import own_rows
from app.visit.models import REAL_MODEL, Loading, Wish
from app.visit.run_config import OWN_CUT
from app.visit.session import Visit
from app.visit.studio import Studio
from app.visit.training import train
from app.visit.trials import make_arms, run_race
from app.visit.visits import Visits, explained
from attribution import Example, LanguageModel, Rule, select
from unlearn import Corpus, RunConfig, load_corpus
from unlearn.stress import Stress

REQUEST: Any = SimpleNamespace(session_hash="a")


@pytest.fixture(scope="module")
def page(model) -> Page:
    whole = load_corpus("forget01")
    corpus = replace(whole, forget=whole.forget[:4], retain=whole.retain[:4], paraphrase=(), world=())
    made = Page(Visits(Studio(Settings(max_visits=1), model, corpus)))
    made.build()
    return made


@pytest.fixture
def visit(page: Page) -> Iterator[Visit]:
    yield page.visits.of("a")
    page.visits.close("a")


def test_a_generator_that_fails_says_why_after_what_it_put_right() -> None:
    class Room:
        notice, button = "notice", "button"

        @explained
        def press(self, fails: bool) -> Iterator[dict[str, Any]]:
            try:
                yield {self.button: "held"}
                if fails:
                    raise ValueError("No <room>.")
            except ValueError:
                yield {self.button: "free"}
                raise
            yield {self.button: "done"}

    held = {"notice": "", "button": "held"}
    assert list(Room().press(False)) == [held, {"notice": "", "button": "done"}]
    *before, said = Room().press(True)
    assert before == [held, {"notice": "", "button": "free"}]
    # Told again: a browser may still be at what came before, and draw that last.
    assert said["button"] == "free" and 'role="alert"' in said["notice"] and "No &lt;room&gt;." in said["notice"]


def test_a_generator_that_is_left_lets_go_at_once() -> None:
    let_go = []

    class Room:
        notice = "notice"

        @explained
        def press(self) -> Iterator[dict[str, Any]]:
            try:
                yield {}
            finally:
                let_go.append(True)

    going = Room().press()
    next(going)
    going.close()
    assert let_go == [True]


def test_where_all_places_train_every_room_says_so(page: Page, visit: Visit) -> None:
    """A lesson, a stress, a recovery, a comparison: none of them may find a place, and each says so itself."""
    other: Any = SimpleNamespace(session_hash="somebody else")
    with visit.training():
        shown = [
            page.learn.cards[2].set_up(other),
            page.learn.cards[2].check("kept", [], other),
            *page.compare.stress.start("relearning", other),
            *page.unlearn.recover(other),
            *page.compare.compare("all", False, 10, "reference", other),
            page.inspect.as_json({"scorer": "learned"}, other),
        ]
    assert len(shown) == 6
    for said in shown:
        (sentence,) = said.values()
        assert "try again in a minute" in sentence


def test_a_lesson_cannot_begin_on_other_rows_while_a_run_trains(page: Page, visit: Visit) -> None:
    card = page.learn.cards[2]
    visit.take(Studio(page.studio.settings, page.studio.model, page.studio.corpus))
    with visit.training():
        said = card.set_up(REQUEST)
    assert list(said) == [card.notice] and "still training" in said[card.notice]
    # What another model was trained on is asked of no figure.
    assert "work with another one" in card.check("kept", [], REQUEST)[card.notice]
    assert "work with another one" in page.learn.refreshed(visit)[card.claim]
    shown = card.set_up(REQUEST)
    assert visit.studio is page.studio and shown[card.notice] == "" and page.learn.strip in shown


def test_a_figure_trains_what_it_shows_and_is_missing_and_says_what_goes_wrong(
    page: Page, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = page.learn.cards[4]
    with visit.training():
        (said,) = card.run_here(5, REQUEST)
    assert list(said) == [card.notice] and "still training" in said[card.notice]
    asked = []

    def failing(visit: Visit, config: RunConfig, name: str) -> Iterator[dict[Any, Any]]:
        asked.append((config.rule.scorer, name))
        yield {}
        raise ValueError("No <memory>.")

    monkeypatch.setattr(page.unlearn, "run", failing)
    (refused,) = card.run_here(-1, REQUEST)
    assert list(refused) == [card.notice] and not asked
    first, *_, last, said = card.run_here(5, REQUEST)
    assert first[card.here]["interactive"] is False and page.inspect.lanes in first
    # It is held against the cut, which comes first; the buttons are free again.
    assert asked == [("learned", "sequence-ga")] and last[card.here]["interactive"]
    assert said == {**last, card.notice: said[card.notice]} and "No &lt;memory&gt;." in said[card.notice]


def test_a_stress_that_is_stopped_says_so_and_frees_its_buttons(
    page: Page, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = page.compare.stress
    *_, said = card.start("relearning", REQUEST)
    assert "start one first" in said[card.notice]
    *_, free, said = _stopped(page, visit, monkeypatch)
    assert all(free[button]["interactive"] for button in card.buttons.values())
    assert "Stopped" in said[card.notice]


def _stopped(page: Page, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[Any, Any]]:
    def stresses(model: Any, corpus: Any, kinds: Any, keep: Any) -> Iterator[Stress]:
        visit.stop()
        yield Stress(kinds[0], "20 steps", "fact recall", 0.1, 0.6, 49, 49, {})

    monkeypatch.setattr("app.visit.trials.stress", stresses)
    run: Any = SimpleNamespace(number=1, name="Run 1", model="run", stressed={})
    visit.runs.append(run)
    return page.compare.stress.start("relearning", REQUEST)


def scored(studio: Studio, row: int, subject: str, scope: str) -> Visit:
    example = studio.corpus.forget[row].example
    chosen = Example(example.prompt, example.answer, example.spans, example.id, subject)
    return Visit(studio, studio.score(chosen, ("masking",), scope), "forget", row, scope)


@pytest.mark.parametrize("scope", ["subject", "each"])
def test_the_race_runs_on_the_visible_cut(page: Page, scope: str) -> None:
    """Its first arm selects what the lanes underline: by the subject that was picked and the scope that was chosen."""
    studio = page.studio
    subject = studio.corpus.forget[1].example.prompt.split()[0]
    visit = scored(studio, 1, subject, scope)
    rule = Rule("masking", "top", 0.3)
    config = RunConfig(rule=rule, steps=1, forget_batch=2, retain_batch=2)
    racing = run_race(visit, make_arms(config, 0.5, (), True))
    next(racing)
    assert visit.job is not None and visit.scores is not None
    trained = visit.job.selections[1].weights
    racing.close()
    assert trained == pytest.approx(select(visit.scores, rule).weights)
    # The row tells the two apart: as the page opens, other tokens would be selected.
    plain = studio.score(studio.corpus.forget[1].example, ("masking",))
    assert trained != pytest.approx(select(plain, rule).weights)


def test_a_race_of_adapters_gives_a_result(page: Page) -> None:
    config = RunConfig(rule=Rule("random"), steps=2, forget_batch=2, retain_batch=2, lora=2)
    *_, last = run_race(Visit(page.studio), make_arms(config, 0.5, ("sequence",), True))
    assert last.ended == "Done" and [trial.points[-1].step for trial in last.trials] == [2, 2]
    # Adapters begin at nothing: what they add is what moved.
    assert all(trial.points[-1].update_size > 0 for trial in last.trials) and "Hard" in table_html(last)


def test_no_answers_are_of_two_models(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Going back waits while the run is asked, and what was asked before is asked again."""
    visit = Visit(page.studio)
    config = RunConfig(rule=Rule("random"), steps=2, forget_batch=2, retain_batch=2, roll_back=True, probe_every=1)
    list(train(visit, config))
    kept = visit.last
    assert kept is not None and kept.guard is not None
    asking, go_on, order = threading.Event(), threading.Event(), []

    def slow(model: Any, corpus: Any, judge: Any) -> Any:
        asking.set()
        assert go_on.wait(20)
        order.append("asked")
        return SimpleNamespace(metrics={})

    def restore() -> int:
        order.append("went back")
        return 1

    monkeypatch.setattr("app.visit.session.evaluate", slow)
    monkeypatch.setattr(kept.guard, "restore", restore)
    asked = threading.Thread(target=kept.evaluated, args=(page.studio.corpus, page.studio.judge))
    asked.start()
    assert asking.wait(20)
    back = threading.Thread(target=visit.go_back)
    back.start()
    back.join(0.2)
    assert order == [] and back.is_alive()
    with pytest.raises(ValueError, match="still training"), visit.training():
        raise AssertionError("nothing may train while weights are swapped")
    go_on.set()
    asked.join(20)
    back.join(20)
    assert order == ["asked", "went back"] and kept.evaluation is None and kept.rolled_back_to == 1


def test_a_page_that_was_opened_anew_takes_up_what_waits_what_trains_and_what_was_kept(
    page: Page, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig(Rule("random"), steps=2, probe_every=0)
    job = train(visit, config)
    places = iter([Place(1, None), Place(1, None), Place(None, None), Place(None, None), None])
    monkeypatch.setattr(page.visits, "place", lambda session: next(places))
    # Its turn comes after two looks at the line; something else drives it.
    turns = iter([lambda: None, lambda: next(job), lambda: list(job), lambda: None])
    monkeypatch.setattr("app.rooms.unlearn.room.time", SimpleNamespace(sleep=lambda seconds: next(turns)()))
    clock = SimpleNamespace(sleep=lambda seconds: list(job), monotonic=time.monotonic)
    monkeypatch.setattr("app.visit.training.time", clock)
    updates = list(page.unlearn.follow(REQUEST))
    frames = [update[page.stage.frame] for update in updates if page.stage.frame in update]
    assert [frame["phase"] for frame in frames] == ["queued", "waiting", "done"]
    assert "1 other run comes first" in frames[0]["note"]
    assert updates[0][page.unlearn.go] == updates[1][page.unlearn.go] == {"__type__": "update", "interactive": False}
    assert visit.last is not None and visit.now is None and frames[-1]["run"] == visit.last.number


def test_how_an_address_is_written_is_told_the_browser_once(page: Page) -> None:
    told = learn_address(page.inspect, page.unlearn, page.own)
    assert len(told) > 2_000 and len(page.follow["js"]) < 100, "5 KB for each of thirty listeners"


def test_a_link_asks_the_model_by_its_template(page: Page, visit: Visit) -> None:
    request: Any = SimpleNamespace(session_hash="a")
    asked = quote("Q {prompt} A {answer}")
    _, shown = open_address(page.inspect, page.unlearn, page.own, f"?template={asked}", request)
    assert visit.studio.model.template == shown[page.own.asked] == "Q {prompt} A {answer}"
    assert visit.studio.model.model is page.studio.model.model
    assert "asked by the template" in shown[page.own.using]
    _, shown = open_address(page.inspect, page.unlearn, page.own, "?template=chat", request)
    assert "has no chat template" in shown[page.inspect.notice]


def test_a_real_model_and_a_subject_are_one_press_and_the_form_fits_them(
    page: Page, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Wish] = []

    def get(wish: Wish, loading: Loading) -> LanguageModel:
        asked.append(wish)
        return page.studio.model

    def known(model: LanguageModel, corpus: Corpus, progress: Any) -> Corpus:
        progress("the neighbours")
        parts = {kind: getattr(corpus, kind)[:3] for kind in ("forget", "retain", "paraphrase", "world")}
        return replace(corpus, **parts, only_known=False, notes=("Of 36 rows the model answers 3 right.",))

    monkeypatch.setattr(page.shelf, "get", get)
    monkeypatch.setattr(own_rows, "known_part", known)
    own, form = page.own, page.unlearn.form
    wish = dict(zip(own.model.wish, (REAL_MODEL, "", "float32", "", 0, False, "auto"), strict=True))
    subjects = own.model.subjects
    assert "No subject is chosen" in list(own.model.take_real({**wish, subjects: []}, REQUEST))[-1][own.notice]
    shown = list(own.model.take_real({**wish, subjects: ["Japan", "France"]}, REQUEST))[-1]
    assert asked == [Wish(REAL_MODEL)] and visit.studio.corpus.name == "real:Japan,France"
    assert "answers 3 right" in shown[own.knows] and "It was asked 3 and answers" in shown[own.knows]
    assert (shown[form.preset]["value"], shown[form.strategy]["value"]) == ("real", "hard")
    # And back: the embedded rows have their own settings again.
    shown = list(own.rows.take_set("forget01", REQUEST))[-1]
    assert visit.studio.corpus.name == "forget01" and shown[form.preset]["value"] == OWN_CUT
    assert "answers 8 right" in shown[own.knows] and "There is something to forget" in shown[own.knows]
    said = list(own.rows.take_set("real:Atlantis", REQUEST))[-1][own.notice]
    assert "no subject &#x27;Atlantis&#x27;" in said or "no subject 'Atlantis'" in said


@pytest.mark.parametrize(
    ("fact", "sentence"),
    [
        (("", "Ada was born in Ost.", ""), "type both"),
        (("Where was Ada born?", " ", ""), "type both"),
        (("Where was Ada born?", "Ada was born in Ost.", "<b>"), "does not hold &#x27;&lt;b&gt;&#x27;"),
        (("Where was Ada born?", "Ada was born. " * 60, ""), "at most 128 are taught"),
    ],
)
def test_half_a_fact_or_a_long_one_is_not_taught(
    page: Page, visit: Visit, fact: tuple[str, str, str], sentence: str
) -> None:
    asked, taught = page.own.fact.look(*fact, REQUEST), list(page.own.fact.take_fact(*fact, REQUEST))[-1]
    assert sentence in asked[page.own.notice] and sentence in taught[page.own.notice]
    assert visit.studio is page.studio


def test_a_fact_that_is_not_learned_or_meets_a_run_leaves_the_visit_as_it_was(
    page: Page, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    fact = ("Where was Ada born?", "Ada was born in Ost.", "Ost")
    with visit.training():
        *_, free, said = page.own.fact.take_fact(*fact, REQUEST)
    assert "still training" in said[page.own.notice] and free[page.own.fact.teach]["interactive"]
    monkeypatch.setattr("app.rooms.own.fact.MOST_STEPS", 1)
    *_, free, said = page.own.fact.take_fact(*fact, REQUEST)
    assert "not learned it in 1 steps" in said[page.own.notice] and visit.studio is page.studio
