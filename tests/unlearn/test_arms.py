"""Arms: what they are, how they are read at equal forgetting, and the command that runs them."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest

from attribution import Rule
from unlearn import RunConfig, run
from unlearn.__main__ import main
from unlearn.arms import Arm, Bench, Point, Trial, compare, parse_arms, text_table
from unlearn.arms.curves import at_place, crossing
from unlearn.arms.figure import html_page
from unlearn.arms.measure import Measure
from unlearn.arms.table import markdown_table
from unlearn.arms.trial import point_steps
from unlearn.cli.arms import differences, parse_seeds
from unlearn.metrics import MAIN_FIGURES, Judge
from unlearn.run.diagnostics import update_size
from unlearn.run.gradients import Gradients

pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = RunConfig(
    rule=Rule("entropy", "top", 0.3), steps=6, probe_every=0, forget_batch=3, retain_batch=3, learning_rate=1e-3
)


def kept(model, corpus, arm: Arm) -> list[tuple[bool, ...]]:
    return [selection.kept for selection in run(model, corpus, arm.config, **arm.options).selections]


# What an arm is ------------------------------------------------------------------------------------------------------


def test_controls_differ_from_their_arm_in_the_tokens_alone():
    arms = parse_arms(["random", "permuted", "inverse", "oracle", "sequence", "masking"], "ours")
    assert [arm.name for arm in arms] == ["ours", "random", "permuted", "inverse", "oracle", "sequence", "masking"]
    for arm in arms[1:]:
        assert dataclasses.replace(arm.config, rule=arms[0].config.rule) == arms[0].config


def test_controls_select_as_many_tokens_of_each_answer(tiny, small_corpus):
    arms = {arm.name: arm for arm in parse_arms(["random", "permuted", "inverse", "others"], "entropy")}
    found = {name: kept(tiny, small_corpus, arm) for name, arm in arms.items()}
    for name in ("random", "permuted", "inverse"):
        assert [sum(row) for row in found[name]] == [sum(row) for row in found["entropy"]]
        assert found[name] != found["entropy"]


def test_the_others_are_exactly_what_the_reference_leaves_out(tiny, small_corpus):
    arms = {arm.name: arm for arm in parse_arms(["others"], "entropy")}
    job = run(tiny, small_corpus, arms["entropy"].config)
    others = kept(tiny, small_corpus, arms["others"])
    for row, selection, rest in zip(job.weighting.scores, job.selections, others, strict=True):
        for given, mine, other in zip(row.given, selection.kept, rest, strict=True):
            assert (mine, other) == (False, False) if given else mine != other


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 1.0])
def test_the_others_are_no_token_of_the_reference_where_scores_tie(tiny, small_corpus, share):
    """`capitalised` scores every token 0 or 1."""
    arms = {arm.name: arm for arm in parse_arms(["others"], f"capitalised+top={share}")}
    job = run(tiny, small_corpus, arms[f"capitalised+top={share}"].config)
    if share == 1:
        with pytest.raises(ValueError, match="selects no token"):
            run(tiny, small_corpus, arms["others"].config)
        return
    others = kept(tiny, small_corpus, arms["others"])
    for row, selection, rest in zip(job.weighting.scores, job.selections, others, strict=True):
        assert [a + b for a, b in zip(selection.kept, rest, strict=True)] == [not given for given in row.given]


def test_an_arm_may_change_settings():
    arms = parse_arms(["etw+learning_rate=1e-4+steps=40", "fused/soft", "ours+top=0.2+objective=npo"], "ours")
    assert (arms[1].config.learning_rate, arms[1].config.steps) == (1e-4, 40)
    assert (arms[2].config.rule.scorer, arms[2].config.rule.kind) == ("fused", "soft")
    assert (arms[3].config.rule.cut, arms[3].config.objective, arms[3].config.beta) == (0.2, "npo", None)


@pytest.mark.parametrize(
    ("names", "reference", "words"),
    [
        (["sequense"], "ours", "'sequense' is unknown: did you mean 'sequence'"),
        (["ours+step=4"], "etw", "'step'.*did you mean 'steps'"),
        (["random", "random"], "ours", "named twice: random"),
        (["ours"], "random", "is a control itself"),
        (["others"], "etw", "needs a reference that selects a top share"),
        (["fused/hardest"], "ours", "unknown"),
        (["ours+steps=0"], "etw", "Steps is 0: a whole number of at least 1"),
    ],
)
def test_names_that_cannot_be_say_why(names, reference, words):
    with pytest.raises(ValueError, match=words):
        parse_arms(names, reference)


# Reading a run -------------------------------------------------------------------------------------------------------


def test_the_crossing_lies_on_the_line_between_two_points():
    curves = np.array([[1.0, 0.6, 0.2, 0.4], [1.0, 0.9, 0.8, 0.7], [0.05, 0.5, 0.5, 0.5], [1.0, 0.3, 0.3, 0.3]])
    places = crossing(curves, 0.3)
    assert places[0] == pytest.approx(1.75)
    assert np.isnan(places[1])
    assert places[2] == 0
    assert places[3] == pytest.approx(1.0)
    assert at_place(np.array([[10.0, 20.0, 40.0, 0.0]] * 4), places)[[0, 2, 3]] == pytest.approx([35, 10, 20])


def made(arm: str, seed: int, forget: list[list[float]], retain: list[list[float]]) -> Trial:
    """A trial from what each of two authors recalls at every point, of ten facts each."""
    points = tuple(
        Point(step, float(step), {"forget_recall": [10 * f for f in row], "retain_recall": [10 * r for r in kept]})
        for step, (row, kept) in enumerate(zip(forget, retain, strict=True))
    )
    counts = {"forget_recall": [10.0, 10.0], "retain_recall": [10.0, 10.0]}
    groups = {"forget_recall": ["a", "b"], "retain_recall": ["c", "d"]}
    return Trial(arm, arm, seed, {}, counts, groups, points, 3, 10, 1.0)


def test_arms_are_read_at_the_same_forgetting():
    fast = [[1.0, 1.0], [0.5, 0.5], [0.0, 0.0]]
    trials = [made("good", s, fast, [[1.0, 1.0], [1.0, 1.0], [0.9, 0.9]]) for s in range(5)]
    trials += [made("bad", s, fast, [[1.0, 1.0], [0.8, 0.8], [0.4, 0.2]]) for s in range(5)]
    trials += [made("slow", s, [[1.0, 1.0], [0.9, 0.9], [0.6, 0.6]], [[1.0, 1.0]] * 3) for s in range(5)]
    good, bad, slow = compare(trials, "good", (0.25,), draws=200).arms
    assert good.at[0].figures["retain_recall"].value == pytest.approx(0.95)
    assert bad.at[0].figures["retain_recall"].value == pytest.approx((0.8 + 0.3) / 2)
    assert bad.at[0].step == pytest.approx(1.5) and bad.at[0].update_size == pytest.approx(1.5)
    difference = bad.at[0].against["retain_recall"]
    assert difference.interval.value == pytest.approx(-0.4)
    assert difference.interval.low <= -0.4 <= difference.interval.high < 0
    assert difference.better_seeds == 5
    # Two authors that both fell: one in four sign patterns on each side.
    assert difference.p == pytest.approx(0.5)
    assert slow.at[0].reached == 0 and slow.lowest == pytest.approx(0.6)
    assert slow.at[0].figures["retain_recall"].value is None


def test_the_interval_covers_seeds_and_authors():
    """A figure that only seeds vary, and one that only authors do, have a width; one that nothing varies has none."""
    flat = [[1.0, 1.0], [0.0, 0.0]]
    by_seed = [made("x", s, flat, [[1.0, 1.0], [s / 10, s / 10]]) for s in range(5)]
    by_author = [made("x", s, flat, [[1.0, 1.0], [0.2, 0.8]]) for s in range(5)]
    constant = [made("x", s, flat, [[1.0, 1.0], [0.5, 0.5]]) for s in range(5)]
    widths = []
    for trials in (by_seed, by_author, constant):
        interval = compare(trials, "x", (0.5,), draws=500).arms[0].final["retain_recall"]
        widths.append(interval.high - interval.low)
    assert widths[0] > 0.1 and widths[1] > 0.1 and widths[2] == pytest.approx(0)
    # Two authors drawn with replacement: both the worse one in a quarter of the draws.
    assert widths[1] == pytest.approx(0.6)


def test_an_arm_that_gets_there_in_some_seeds_says_in_how_many():
    there, short = [[1.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.9, 0.9]]
    trials = [made("x", s, there if s < 2 else short, [[1.0, 1.0], [0.5, 0.5]]) for s in range(5)]
    (result,) = compare(trials, "x", (0.5,), draws=200).arms
    assert result.at[0].reached == 2 == result.at[0].figures["retain_recall"].seeds
    assert result.at[0].figures["retain_recall"].value == pytest.approx(0.75)


def test_points_are_denser_early_and_end_at_the_last_step():
    assert point_steps(80, 6) == [5, 9, 15, 26, 46, 80]
    assert point_steps(2, 5) == [2]
    assert point_steps(4, 8) == [4]


def test_a_target_that_the_original_meets_is_none():
    with pytest.raises(ValueError, match="0.5 is no target: the original model's forget_recall is 0.500 already"):
        compare([made("x", 0, [[0.5, 0.5], [0.0, 0.0]], [[1.0, 1.0]] * 2)], "x", (0.5,))


@pytest.mark.parametrize("targets", [(), (0.0,), (1.5,)])
def test_a_target_is_a_share(targets):
    with pytest.raises(ValueError, match="between 0 and 1"):
        compare([made("x", 0, [[1.0, 1.0]], [[1.0, 1.0]])], "x", targets)


# Trials --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bench(knowing, small_corpus) -> Bench:
    return Bench(knowing, small_corpus, points=3)


def test_a_trial_measures_the_run_it_trains(bench, tmp_path):
    trial = bench.trial(Arm("short", "", SHORT), seed=1)
    assert [point.step for point in trial.points] == [0, 5, 6]
    assert trial.points[0].update_size == 0
    again = run(bench.model, bench.corpus, dataclasses.replace(SHORT, seed=1))
    for _ in again:
        pass
    assert trial.points[-1].update_size == pytest.approx(update_size(bench.model, again.model), rel=1e-5)
    _, sums, counts = bench.measure(again.model)
    assert sums == trial.points[-1].sums and counts == trial.counts
    trial.save(tmp_path / "trial.json")
    assert Trial.load(tmp_path / "trial.json") == trial


def test_a_trial_can_be_watched_and_stopped(bench):
    jobs = []
    seen = []
    for trial in bench.along(Arm("short", "", SHORT), seed=1, begun=jobs.append):
        seen.append((len(jobs[0].steps), len(trial.points)))
        if len(jobs[0].steps) == 2:
            jobs[0].stop()
    # A trial after each step and the whole one: what the stopped run had reached is measured.
    assert seen == [(1, 1), (2, 1), (2, 2)] and trial.points[-1].step == 2


def test_fewer_rows_may_be_asked_than_are_trained_on(knowing, small_corpus):
    asked = dataclasses.replace(small_corpus, forget=small_corpus.forget[:2])
    some, whole = Bench(knowing, small_corpus, asked=asked), Bench(knowing, small_corpus)
    assert [len(b.measure.rows["forget"]) for b in (some, whole)] == [2, 6] and some.corpus is small_corpus


def test_a_cut_made_by_hand_has_controls_too():
    mine = Arm("mine", "my cut", dataclasses.replace(SHORT, rule=Rule("entropy", "top", 0.17)))
    first, chance = parse_arms(["random"], mine)
    assert first is mine and chance.config == dataclasses.replace(mine.config, rule=Rule("random", "top", 0.17))


def test_the_measure_agrees_with_the_metrics(model, small_corpus):
    """Sums over authors are the same figures that `evaluate` gives."""
    from unlearn import evaluate

    judge = Judge(model, small_corpus.retain)
    _, sums, counts = Measure(small_corpus, judge=judge)(model)
    metrics = evaluate(model, small_corpus, judge=judge).metrics
    for figure in MAIN_FIGURES:
        assert sum(sums[figure]) / sum(counts[figure]) == pytest.approx(metrics[figure]), figure


@pytest.mark.parametrize("share", [0.5, 3.0])
def test_a_matched_arm_ends_at_exactly_the_update_size(bench, share):
    """Half the way stops early; three times as far is scaled up. Both say so."""
    free = bench.trial(Arm("free", "", SHORT), seed=0)
    size = share * free.points[-1].update_size
    trial = bench.trial(Arm("matched", "", SHORT, matches="free"), seed=0, size=size)
    assert trial.points[-1].update_size == pytest.approx(size, rel=1e-5)
    assert trial.points[-1].step <= 6
    assert ("Stopped after step" if share < 1 else "scaled up") in trial.note


@pytest.mark.parametrize("share", [0.5, 3.0])
def test_adapters_race_too(bench, share):
    """|delta theta| is that of the merged weights, which a matched arm's adapters end at."""
    config = dataclasses.replace(SHORT, lora=2, learning_rate=1e-2)
    free = bench.trial(Arm("free", "", config), seed=0)
    assert not free.note and [point.step for point in free.points] == [0, 5, 6]
    assert 0 < free.points[1].update_size < free.points[2].update_size
    size = share * free.points[-1].update_size
    assert bench.trial(Arm("matched", "", config, matches="free"), 0, size).points[-1].update_size == pytest.approx(
        size, rel=1e-4
    )


def test_a_loss_that_is_no_number_ends_a_trial_and_any_other_fault_is_told(bench, monkeypatch):
    real = Gradients.add

    def add(self, *rest):
        losses = real(self, *rest)
        return losses._replace(forget=float("nan")) if next(calls) == 2 else losses

    calls = iter(range(9))
    monkeypatch.setattr(Gradients, "add", add)
    trial = bench.trial(Arm("short", "", SHORT), seed=1)
    assert "no longer a number at step 3" in trial.note and trial.points[-1].step == 2

    def fail(*_):
        raise ValueError("Memory ran out with one row in a forward.")

    monkeypatch.setattr(Gradients, "add", fail)
    with pytest.raises(ValueError, match="Memory ran out"):
        bench.trial(Arm("short", "", SHORT), seed=1)


def test_a_matched_arm_needs_the_one_it_matches(bench):
    with pytest.raises(ValueError, match="run that one first"):
        bench.trial(Arm("matched", "", SHORT, matches="free"), seed=0)


# The command ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def experiment(tmp_path_factory, knowing, small_corpus):
    """The command on the half-learned tiny model, two arms and two seeds, and what it printed."""
    folder = tmp_path_factory.mktemp("arms")
    patch = pytest.MonkeyPatch()
    patch.setattr("unlearn.cli.arms.load_model", lambda name, **_: knowing)
    patch.setattr("unlearn.cli.common.Rows.read", lambda rows: small_corpus)
    changes = "+steps=3+forget_batch=3+retain_batch=3"
    arguments = ["arms", "--arms", f"random{changes},sequence-matched", "--against", f"entropy{changes}"]
    arguments += ["--seeds", "0,1", "--points", "2", "--target", "0.1", "--out", str(folder), "--diagnostics"]
    yield folder, arguments
    patch.undo()


def test_the_command_writes_table_json_and_a_page_of_its_own(experiment, capsys):
    folder, arguments = experiment
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "At equal forgetting: forget_recall = 0.1" in printed and "sequence-matched" in printed
    report = json.loads((folder / "arms.json").read_text(encoding="utf-8"))
    assert [arm["seeds"] for arm in report["arms"]] == [[0, 1]] * 3
    page = (folder / "arms.html").read_text(encoding="utf-8")
    assert "Plotly.newPlot" in page
    # Nothing is fetched: the library itself is in the page.
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=", page)
    trials = sorted((folder / "trials").glob("*.json"))
    assert len(trials) == 6
    assert len(Trial.load(trials[0]).diagnostics) == 3


def test_parts_of_an_array_make_the_trials_of_one_process(experiment, tmp_path, capsys):
    folder, arguments = experiment
    assert main(arguments) == 0
    shared = [*arguments, "--out", str(tmp_path)]
    capsys.readouterr()
    assert main([*shared, "--part", "1/2"]) == 0
    assert capsys.readouterr().out == "" and not (tmp_path / "arms.json").exists()
    # Two arms and one that stops at the first one's size are two shares under each seed.
    names = sorted(path.name for path in (tmp_path / "trials").iterdir())
    assert len(names) == 2 and all(name.startswith("random") for name in names)
    assert main([*shared, "--part", "0/2"]) == 0
    assert "At equal forgetting" in capsys.readouterr().out and (tmp_path / "arms.html").exists()
    for path in (folder / "trials").iterdir():
        mine, whole = (Trial.load(trials / path.name) for trials in (tmp_path / "trials", path.parent))
        assert dataclasses.replace(mine, seconds=whole.seconds) == whole


def test_what_is_done_is_not_done_again(experiment, capsys, monkeypatch):
    folder, arguments = experiment
    assert main(arguments) == 0
    before = capsys.readouterr().out
    monkeypatch.setattr(Bench, "trial", lambda *_: pytest.fail("a trial was made again"))
    assert main(arguments) == 0
    assert capsys.readouterr().out == before


def test_a_trial_of_other_settings_is_not_taken_for_this_one(experiment, capsys):
    folder, arguments = experiment
    assert main(arguments) == 0
    assert main([*arguments, "--points", "3"]) == 2
    assert "made with other settings (points)" in capsys.readouterr().err


def test_a_setting_that_is_newer_than_a_trial_counts_as_its_default(bench):
    wanted = bench.setup(Arm("short", "", SHORT), 0)
    older = {**wanted, "config": {name: value for name, value in wanted["config"].items() if name != "optimiser"}}
    assert differences(older, wanted) == []
    changed = {**wanted, "config": {**wanted["config"], "optimiser": "sgd"}}
    assert differences(older, changed) == ["optimiser"]
    assert differences({**wanted, "points": 9}, wanted) == ["points"]


def test_a_trial_on_the_same_rows_in_another_order_is_another(bench):
    arm = Arm("short", "", SHORT)
    turned = Bench(bench.model, dataclasses.replace(bench.corpus, forget=bench.corpus.forget[::-1]), points=3)
    assert differences(bench.setup(arm, 0), turned.setup(arm, 0)) == ["forget rows"]


def test_a_damaged_trial_is_named(experiment, tmp_path):
    path = tmp_path / "trial.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="holds no trial"):
        Trial.load(path)


def test_names_are_escaped_on_the_page():
    trials = [made("<b>&", 0, [[1.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.5, 0.5]])]
    comparison = compare(trials, "<b>&", draws=20)
    page = html_page(comparison, trials)
    assert "<b>&" not in page.split("</script>")[-1]
    assert "0.500" in text_table(comparison) and "`<b>&`" in markdown_table(comparison)


def test_seeds_are_ranges_and_lists():
    assert parse_seeds("0-2") == [0, 1, 2] and parse_seeds("3, 1") == [3, 1]
    for wrong in ("", "a", "4-2", "-1"):
        with pytest.raises(ValueError, match="write 0-4"):
            parse_seeds(wrong)
