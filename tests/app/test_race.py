"""The race: what takes part, how it is stopped, and what its table says."""

from __future__ import annotations

import dataclasses

import pytest

from app.api.race import as_dict
from app.look.figures import race_curves
from app.rooms.compare.words import status_html, table_html, tiles_html
from app.server.settings import Settings
from app.visit.session import Visit
from app.visit.studio import Studio
from app.visit.trials import Race, make_arms, run_race
from attribution import Rule
from unlearn import RunConfig, load_corpus
from unlearn.arms import Trial
from unlearn.arms.trial import Point

CUT = RunConfig(rule=Rule("entropy", "top", 0.3), steps=4, forget_batch=4, retain_batch=4)
ALL = ("hard", "soft", "sequence", "random", "oracle")


def rules(config: RunConfig, names: tuple[str, ...], marked: bool = True) -> dict[str, Rule]:
    return {arm.name: arm.config.rule for arm in make_arms(config, 0.5, names, marked)}


def test_arms_differ_in_their_tokens_alone() -> None:
    arms = make_arms(CUT, 0.5, ALL, True)
    assert [arm.name for arm in arms] == list(ALL)
    assert len({dataclasses.replace(arm.config, rule=CUT.rule, probe_every=0) for arm in arms}) == 1
    chosen = rules(CUT, ALL)
    assert chosen["hard"] == CUT.rule and chosen["soft"] == Rule("entropy", "soft", 0.5)
    assert chosen["sequence"].kind == "sequence" and chosen["random"] == Rule("random", "top", 0.3)
    assert chosen["oracle"] == Rule("oracle", "threshold", 0.5)
    edited = dataclasses.replace(CUT, by_hand="3:+4-9")
    assert [arm.config.by_hand for arm in make_arms(edited, 0.5, ALL, True)] == ["3:+4-9", "", "", "", ""]


def test_what_cannot_be_held_against_the_cut_is_left_out_or_said() -> None:
    assert list(rules(CUT, ALL, marked=False)) == ["hard", "soft", "sequence", "random"]
    assert list(rules(CUT, ("sequence",))) == ["hard", "sequence"]
    threshold = dataclasses.replace(CUT, rule=Rule("entropy", "threshold", 1.0))
    (arm,) = [arm for arm in make_arms(threshold, 0.5, ("random",), True) if arm.name == "random"]
    assert arm.config.rule == Rule("permuted", "threshold", 1.0) and arm.options == {"of": "entropy"}
    with pytest.raises(ValueError, match="did you mean 'oracle'"):
        make_arms(CUT, 0.5, ("oracl",), True)


def trial(name: str, forget: list[float], retain: list[float]) -> Trial:
    points = tuple(
        Point(5 * k, 0.1 * k, {"forget_recall": [f, f], "retain_recall": [r, r]})
        for k, (f, r) in enumerate(zip(forget, retain, strict=True))
    )
    groups = {figure: ["a", "b"] for figure in points[0].sums}
    counts = {figure: [1.0, 1.0] for figure in points[0].sums}
    return Trial(name, f"<i>{name}</i>", 0, {}, counts, groups, points, 3, 10, 1.0)


def finished() -> Race:
    arms = make_arms(CUT, 0.5, ("sequence",), True)
    trials = (trial("hard", [1.0, 0.4, 0.0], [1.0, 1.0, 0.9]), trial("sequence", [1.0, 0.8, 0.6], [1.0, 0.5, 0.4]))
    return Race(tuple(arms), trials, 10, 10, "Done")


def test_the_table_reads_arms_at_equal_forgetting_and_says_one_seed() -> None:
    table = table_html(finished())
    assert "<b>One seed.</b>" in table and "facts to forget n = 2" in table and "<i>" not in table
    # Halfway from 0.4 to 0.0 lies no mark of 0.5; it lies on the way from 1.0 to 0.4, and nothing was lost there yet.
    assert "facts to keep <b>1.00</b>" in table
    assert table.count("never: lowest 0.60") == 2
    told = as_dict(finished())
    assert told["arms"][1]["points"][-1] == {"step": 10, "forget_recall": 0.6, "retain_recall": 0.4}
    assert told["comparison"]["targets"] == (0.5, 0.1)


def test_a_short_race_is_read_where_the_cut_ended() -> None:
    arms = make_arms(CUT, 0.5, ("sequence",), True)
    trials = (trial("hard", [1.0, 0.8], [1.0, 0.9]), trial("sequence", [1.0, 0.6], [1.0, 0.6]))
    table = table_html(Race(tuple(arms), trials, 5, 5, "Done"))
    # The sequence was at 0.8 halfway, where it still kept 0.8.
    assert "At 0.8 of facts to forget left" in table and "facts to keep <b>0.80</b>" in table


def test_the_curves_have_a_line_per_arm_and_no_markup() -> None:
    state = finished()
    figure = race_curves(state.trials, state.forgetting, state.kept)
    assert [list(line.x) for line in figure.data] == [[1.0, 0.4, 0.0], [1.0, 0.8, 0.6]]
    said = [annotation.text for annotation in figure.layout.annotations]
    assert said == ["Facts to keep ↑", "Facts to forget: forgotten to the right"]
    assert "<i>" not in figure.to_json() and "Done: 2 of 2 arms" in status_html(state)


def test_every_arm_has_a_tile_with_what_it_says_as_text() -> None:
    arms = make_arms(CUT, 0.5, ("sequence", "random"), True)
    trials = (trial("hard", [0.8, 0.2], [1.0, 0.9]), trial("sequence", [0.8, 0.8], [1.0, 0.5]))
    state = Race(
        tuple(arms), trials, 10, 10, "", "Who is <i>Q</i>?", "Born in Torvik.", {"hard": "Born in <b>Elm</b>."}
    )
    shown = tiles_html(state)
    assert shown.count('<section class="pg-tile') == 3 and shown.count("pg-mine") == 1
    assert "<b>75%</b>" in shown and "<b>90%</b>" in shown and "<b>0%</b>" in shown and "<b>50%</b>" in shown
    assert "Not begun." in shown and "<i>Q" not in shown and "<b>Elm" not in shown and "<del>Torvik</del>" in shown


def test_arms_take_a_step_each_in_turn_and_say_what_they_answer(model) -> None:
    whole = load_corpus("forget01")
    corpus = dataclasses.replace(whole, forget=whole.forget[:2], retain=whole.retain[:4], paraphrase=(), world=())
    states = list(run_race(Visit(Studio(Settings(), model, corpus)), make_arms(CUT, 0.5, ("sequence",), True)))
    assert states[-1].ended == "Done" and states[-1].step == 2 * CUT.steps
    assert set(states[-1].samples) == {"hard", "sequence"} and states[-1].before
    together = [state for state in states if len(state.trials) == 2]
    assert any(state.step < CUT.steps for state in together), "the second begins before the first has ended"


def test_a_race_streams_is_stopped_and_leaves_the_visit_free(model) -> None:
    whole = load_corpus("forget01")
    corpus = dataclasses.replace(whole, forget=whole.forget[:2], retain=whole.retain[:4], paraphrase=(), world=())
    studio = Studio(Settings(), model, corpus)
    visit = Visit(studio)
    going = run_race(visit, make_arms(CUT, 0.5, ("sequence",), True))
    first = next(going)
    assert first.step == 1 and [one.arm for one in first.trials] == ["hard"] and visit.busy.locked()
    visit.stop()
    *_, last = going
    assert last.ended == "Stopped" and [one.arm for one in last.trials] == ["hard"] and not visit.busy.locked()
    assert last.trials[0].points[0].step == 0 and last.trials[0].points[-1].step <= 2
    assert not visit.runs
