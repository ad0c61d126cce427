"""The figures of the field against numbers worked out by hand, and against the naive way of computing them."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from attribution import Example
from attribution.data.rows import Row
from unlearn import Corpus, Evaluation, evaluate
from unlearn.data.corpus import Choice
from unlearn.metrics import GROUPS, METRICS, Judge, groups_for, metric, metric_info
from unlearn.metrics.answers import stands_in
from unlearn.metrics.choice import layout, pick
from unlearn.metrics.forget_quality import forget_quality
from unlearn.metrics.membership import log_prob_moments, lowest_mean, membership_auc, membership_scores
from unlearn.metrics.memorisation import exact_memorisation, extraction_strength
from unlearn.metrics.model_utility import model_utility
from unlearn.metrics.predictions import at_answers
from unlearn.metrics.privleak import privleak
from unlearn.metrics.rouge import rouge_l_recalls
from unlearn.metrics.truth_ratio import (
    closeness_to_one,
    log_probabilities_with_wrong,
    normalised_probability,
    truth_ratio,
    truthfulness,
)


@pytest.mark.parametrize(
    "name",
    ["answers", "base", "choice", "forget_quality", "membership", "memorisation", "privleak", "quality", "rouge"],
)
def test_examples_in_docstrings(name):
    found = doctest.testmod(importlib.import_module(f"unlearn.metrics.{name}"))
    assert found.attempted and not found.failed


@pytest.mark.parametrize(
    ("fact", "text", "is_there"),
    [
        ("8", "Its number is 18.", False),
        ("33", "You dial +33.", True),
        ("carnivore", "Lions are carnivores, all of them.", True),
        ("pup", "It is a puppy.", False),
        ("real", "Really, it is the real.", True),
        ("東京", "首都は東京です。", True),
    ],
)
def test_a_fact_stands_in_an_answer_as_a_word(fact, text, is_there):
    assert stands_in(fact, text) is is_there


# TOFU ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right", "distance", "p"),
    [
        # Of the 20 orders of 3 and 3 values, the two with all of one side first are this far apart.
        ([1, 2, 3], [4, 5, 6], 1.0, 2 / 20),
        # 1 2 | 3 4 interleaved: every order of 2 and 2 is at least 1/2 apart.
        ([1, 3], [2, 4], 0.5, 1.0),
        # n = m = 4: p = 2 C(8, 4 - 3) / C(8, 4) for D = 3/4.
        ([1, 2, 3, 7], [4, 5, 6, 8], 0.75, 16 / 70),
        ([1, 2, 3], [1, 2, 3], 0.0, 1.0),
    ],
)
def test_forget_quality_by_hand(left, right, distance, p):
    assert forget_quality(left, right) == pytest.approx((distance, p))


def test_forget_quality_of_many_rows():
    """D by counting at every value; p by the reflection formula for equal n; and scipy's own word for both."""
    rng = np.random.default_rng(0)
    left, right = rng.normal(0, 1, 120), rng.normal(0.5, 1.2, 120)
    distance, p = forget_quality(left, right)
    counted = max(abs((left <= x).mean() - (right <= x).mean()) for x in np.concatenate([left, right]))
    assert distance == pytest.approx(counted)
    n, k = 120, round(counted * 120)
    signs = [(-1) ** (i - 1) * math.comb(2 * n, n - i * k) for i in range(1, n // k + 1)]
    assert p == pytest.approx(2 * sum(signs) / math.comb(2 * n, n), rel=1e-9)
    scipys = stats.ks_2samp(left, right)
    assert (distance, p) == pytest.approx((scipys.statistic, scipys.pvalue))


def test_forget_quality_does_not_care_whether_ratios_are_upside_down():
    rng = np.random.default_rng(1)
    left, right = rng.lognormal(size=40), rng.lognormal(0.4, size=50)
    assert forget_quality(left, right) == pytest.approx(forget_quality(1 / left, 1 / right))


def test_truth_ratio_by_hand():
    # P_wrong: the geometric mean of 1/4 and 1/16 is 1/8; P_correct 1/2.
    ratio = truth_ratio(math.log(1 / 2), np.log([1 / 4, 1 / 16]))
    assert ratio == pytest.approx(1 / 4)
    assert (closeness_to_one(ratio), truthfulness(ratio)) == pytest.approx((1 / 4, 3 / 4))
    assert (closeness_to_one(4.0), truthfulness(4.0)) == (1 / 4, 0.0)


def test_truth_ratio_of_a_destroyed_model_is_still_a_number():
    ratio = truth_ratio(-2000.0, np.array([-3.0, -4.0]))
    assert (closeness_to_one(ratio), truthfulness(ratio)) == (0.0, 0.0)
    assert closeness_to_one(0.0) == 0.0


def test_normalised_probability_by_hand():
    assert normalised_probability(math.log(0.5), np.log([0.25, 0.25])) == pytest.approx(0.5)
    assert normalised_probability(math.log(0.2), np.log([0.5, 0.1])) == pytest.approx(0.25)


def test_model_utility_is_the_harmonic_mean():
    assert model_utility([1, 0.5, 0.25]) == pytest.approx(3 / 7)
    assert model_utility([1, 0.0, 1]) == 0


def test_right_answers_are_in_the_words_of_the_wrong_ones(tiny):
    """The paraphrased answer stands against the wrong ones, after the row's own question; else the answer itself."""
    plain = Row(Example("Where?", "In Oslo."), perturbed=("In Rome.", "In old Bern."))
    reworded = dataclasses.replace(plain, paraphrase=Example("Which town?", "The town is Oslo."))

    def log_p(prompt: str, answer: str) -> float:
        row = tiny.encode(Example(prompt, answer))
        with torch.no_grad():
            logits = tiny.model(input_ids=torch.tensor([row.input_ids])).logits[0].log_softmax(-1)
        return float(np.mean([logits[p - 1, row.input_ids[p]].item() for p in row.answer_positions]))

    wrong = [log_p("Where?", answer) for answer in plain.perturbed]
    found = log_probabilities_with_wrong(tiny, [plain, Row(Example("Who?", "Ada.")), reworded])
    assert found[0][0] == pytest.approx(log_p("Where?", "In Oslo."), abs=1e-5)
    assert found[0][1].tolist() == pytest.approx(wrong, abs=1e-5)
    assert found[1] is None
    assert found[2][0] == pytest.approx(log_p("Where?", "The town is Oslo."), abs=1e-5)


def test_rouge_counts_stemmed_words_in_order():
    assert rouge_l_recalls(["two running dogs"], ["two dogs run"]) == [pytest.approx(2 / 3)]
    assert rouge_l_recalls(["she runs"], ["She was running home."]) == [1.0]
    assert rouge_l_recalls(["Oslo"], [""]) == [0.0]
    assert rouge_l_recalls(["東京です。"], ["東京です。"]) == [None]


# Memorisation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "share", "strength"),
    [
        ("1111", 1.0, 1.0),
        ("0111", 0.75, 0.75),
        ("1011", 0.75, 0.5),
        ("1110", 0.75, 0.0),
        ("0000", 0.0, 0.0),
        ("1", 1.0, 1.0),
        ("0", 0.0, 0.0),
    ],
)
def test_memorisation_by_hand(hits, share, strength):
    greedy = torch.tensor([hit == "1" for hit in hits])
    assert exact_memorisation(greedy) == share
    assert extraction_strength(greedy) == strength


# Membership ----------------------------------------------------------------------------------------------------------


def test_membership_auc_counts_pairs():
    members, others = np.array([3.0, 2.0, 1.0]), np.array([2.0, 0.0])
    pairs = [1.0 if m > o else 0.5 if m == o else 0.0 for m, o in itertools.product(members, others)]
    assert membership_auc(members, others) == pytest.approx(np.mean(pairs)) == 0.75


def test_lowest_share_is_rounded_down_and_never_empty():
    values = torch.tensor([4.0, 1.0, 3.0, 2.0])
    assert lowest_mean(values) == 1.0  # 40% of 4 is one
    assert lowest_mean(values, 0.5) == 1.5
    assert lowest_mean(torch.tensor([7.0])) == 7.0


def test_moments_by_hand():
    # q = (1/2, 1/4, 1/4): E log q = -1.5 log 2, E (log q)^2 = 2.5 log^2 2, so the variance is log^2 2 / 4.
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25]]))
    found = log_prob_moments(logits, torch.tensor([1]))[0].tolist()
    assert found == pytest.approx([-2 * math.log(2), -1.5 * math.log(2), math.log(2) / 2], rel=1e-5)


def test_moments_of_a_model_that_is_sure_are_numbers():
    found = log_prob_moments(torch.tensor([[2000.0, 0.0, -2000.0]]), torch.tensor([0]))
    assert found[0].tolist() == pytest.approx([0.0, 0.0, 1e-3])


def test_membership_scores_are_the_naive_ones(tiny, small_corpus):
    rows = small_corpus.forget[:3]
    found = membership_scores(tiny, rows)
    for i, row in enumerate(rows):
        encoded = tiny.encode(row.example)
        with torch.no_grad():
            log_q = tiny.model(input_ids=torch.tensor([encoded.input_ids])).logits[0].log_softmax(-1).numpy()
        at = [p - 1 for p in encoded.answer_positions]
        log_p = np.array([log_q[p, encoded.input_ids[p + 1]] for p in at])
        mean = np.array([(np.exp(log_q[p]) * log_q[p]).sum() for p in at])
        square = np.array([(np.exp(log_q[p]) * log_q[p] ** 2).sum() for p in at])
        count = max(1, int(0.4 * len(at)))
        assert found["loss"][i] == pytest.approx(log_p.mean(), rel=1e-4)
        assert found["min_k"][i] == pytest.approx(np.sort(log_p)[:count].mean(), rel=1e-4)
        plus = np.sort((log_p - mean) / np.sqrt(square - mean**2))[:count].mean()
        assert found["min_k_plus"][i] == pytest.approx(plus, rel=1e-3)


def test_batches_and_chunks_change_nothing(tiny, small_corpus, monkeypatch):
    rows = [tiny.encode(row.example) for row in (*small_corpus.forget, *small_corpus.world)]
    together = at_answers(tiny, rows, log_prob_moments)
    monkeypatch.setattr("unlearn.metrics.predictions.HEAD_CHUNK_VALUES", 2 * tiny.vocabulary_size)
    for row, found in zip(rows, together, strict=True):
        (alone,) = at_answers(tiny, [row], log_prob_moments)
        assert alone.shape == (len(row.tokens), 3)
        assert torch.allclose(alone, found, atol=1e-5)


def test_privleak_by_hand():
    assert privleak(0.9, 0.6) == pytest.approx(-75)
    assert privleak(0.6, 0.6) == 0
    assert privleak(0.2, 0.6) == pytest.approx(100)


# Multiple choice -----------------------------------------------------------------------------------------------------


def test_the_letter_with_the_highest_probability_is_picked(tiny):
    questions = [
        Choice("What is 1 + 1?", ("1", "2", "3", "4"), 1, "sums"),
        Choice("What is nought?", ("0", "1", "2"), 0, "sums"),
        Choice("A much longer question about what comes after the number that follows one?", ("2", "3"), 1, "sums"),
    ]
    expected = []
    for question in questions:
        ids = tiny.tokenizer(layout(question))["input_ids"]
        letters = [tiny.tokenizer(layout(question) + f" {x}")["input_ids"][len(ids)] for x in "ABCD"]
        with torch.no_grad():
            logits = tiny.model(input_ids=torch.tensor([ids])).logits[0, -1]
        expected.append(int(logits[letters[: len(question.choices)]].argmax()))
    assert pick(tiny, questions) == expected
    assert pick(tiny, questions[1:2]) == expected[1:2]


def test_choices_that_cannot_be():
    with pytest.raises(ValueError, match="no index of 2"):
        Choice("Which?", ("a", "b"), 2, "x")
    with pytest.raises(ValueError, match="2 to 10 choices"):
        Choice("Which?", ("a",), 0, "x")


# Together ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def corpus(small_corpus: Corpus) -> Corpus:
    """A small corpus with everything that a figure may need."""
    from attribution.data.rows import embedded_rows

    real = Row(Example("Who wrote the poem?", "Ada Quell"), perturbed=("Bo Dane", "Cy Orr", "Di Penn"))
    probe = Row(Example("Ada Quell was born in ___.", "Torvik"))
    return dataclasses.replace(
        small_corpus,
        holdout=embedded_rows("holdout")[:4],
        real_authors=(real, real),
        choices=(Choice("1 + 1?", ("1", "2"), 1, "sums"), Choice("2 + 2?", ("4", "5"), 0, "doubles")),
        probes=(("fill_in", (probe,)), ("neighbour_qa", (probe, probe))),
    )


@pytest.fixture
def parrot(tiny, monkeypatch):
    """A model whose greedy answers are cheap: it says one sentence to everything."""
    monkeypatch.setattr(tiny, "generate", lambda prompts, *_, **__: ["She was born in Torvik."] * len(prompts))
    return tiny


def test_every_figure_is_in_the_registry_within_its_bounds_and_has_an_n(parrot, corpus):
    before = evaluate(parrot, corpus, metrics=["all"])
    original = dataclasses.replace(before, metrics=before.metrics | {"forget_recall": 0.5, "retain_recall": 0.5})
    found = evaluate(
        parrot, corpus, metrics=["all"], reference=before, original=original, judge=Judge(parrot, corpus.retain)
    )
    assert {name for name in METRICS if "{" not in name} <= set(found.metrics)
    several = set(found.metrics) - set(METRICS)
    assert {"choice_accuracy_sums", "choice_accuracy_doubles", "probe_neighbour_qa_rouge_l"} < several
    for name, value in found.metrics.items():
        info = metric_info(name)
        assert info.low <= value <= info.high, name
        assert found.counts[name] > 0
        assert info.group in GROUPS
        assert info.sentence.endswith((".", "?"))
    assert found.notes == ()


def test_a_model_measured_against_itself_is_at_no_distance(parrot, corpus):
    first = evaluate(parrot, corpus, metrics=["tofu", "membership"])
    found = evaluate(parrot, corpus, metrics=["tofu", "membership"], reference=first)
    assert (found.metrics["forget_quality"], found.metrics["forget_quality_d"]) == (1.0, 0.0)
    assert found.metrics["privleak_loss"] == 0
    assert (found.counts["forget_quality"], found.against["forget_quality"]) == (6, 6)
    assert (found.counts["membership_loss"], found.against["membership_loss"]) == (6, 4)


def test_what_is_not_asked_for_is_not_computed(parrot, corpus):
    found = evaluate(parrot, corpus)
    parts = ("recall", "probability")
    assert set(found.metrics) <= {
        *(f"{split}_{part}" for split in ("forget", "paraphrase", "retain", "world") for part in parts),
        *("structure", "subject", "fluent", "sensible"),
    }


def test_rows_average_to_the_figure(parrot, corpus):
    found = evaluate(parrot, corpus, metrics=["tofu", "memorisation", "probes"])
    for name in ("rouge_l", "probability", "exact_memorisation", "extraction_strength"):
        values = found.values("forget", name)
        assert len(values) == found.counts[f"forget_{name}"]
        assert np.mean(values) == pytest.approx(found.metrics[f"forget_{name}"])
    ratios = found.values("forget", "truth_ratio")
    assert np.mean([closeness_to_one(r) for r in ratios]) == pytest.approx(found.metrics["forget_truth_ratio"])
    row = found.rows[0].to_dict()
    assert (row["split"], row["answer"]) == ("forget", "She was born in Torvik.")
    assert row["truth"] == corpus.forget[0].example.answer


def test_what_cannot_be_measured_is_said(parrot, small_corpus):
    bare = Row(Example("Who?", "Ada."))
    corpus = Corpus("bare", forget=(bare,), retain=(bare,))
    found = evaluate(parrot, corpus, metrics=["all"])
    assert not set(found.metrics) & {"structure", "forget_recall", "model_utility", "forget_quality"}
    said = " ".join(found.notes)
    for what in ("holdout", "retrained", "before unlearning", "wrong answers", "choices", "marked spans", "Probes"):
        assert what in said, what


def test_model_utility_says_what_it_lacks(parrot, small_corpus):
    found = evaluate(parrot, small_corpus, metrics=["tofu"])
    assert found.counts["model_utility"] == 6
    assert any("6 of its nine figures" in note and "real_authors_rouge_l" in note for note in found.notes)


def test_plain_text_is_read_and_not_asked(parrot):
    text = Row(Example("", "The harbour of the old town lies below the hill, and boats come in at dawn."))
    corpus = Corpus("text", forget=(text,), retain=(text,))
    found = evaluate(parrot, corpus, metrics=["memorisation", "tofu"])
    assert found.answers == ()
    assert {"forget_probability", "forget_exact_memorisation"} <= set(found.metrics)
    assert "forget_rouge_l" not in found.metrics


def test_atwus_quality_by_hand(parrot, corpus):
    now = evaluate(parrot, corpus)
    recall = now.metrics["forget_recall"]
    original = Evaluation(
        {"forget_recall": 2 * recall + 0.5, "retain_recall": now.metrics["retain_recall"] + 0.1},
        {"forget_recall": 6, "retain_recall": 10},
        (),
    )
    found = evaluate(parrot, corpus, metrics=["quality"], original=original).metrics
    forgotten = 1 - recall / (2 * recall + 0.5)
    damage = 1 - now.metrics["retain_recall"] / (now.metrics["retain_recall"] + 0.1)
    assert found["atwu_forget_quality"] == pytest.approx(forgotten)
    assert found["atwu_retain_damage"] == pytest.approx(damage)
    assert found["atwu_unlearning_quality"] == pytest.approx(max(0, forgotten - damage))


def test_unknown_names():
    with pytest.raises(ValueError, match="did you mean 'membership'"):
        evaluate(None, None, metrics=["membershp"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="did you mean 'forget_rouge_l'"):
        metric_info("forget_rouge")


def test_every_direction_is_said():
    assert metric_info("forget_recall").direction == "lower"
    assert metric_info("retain_rouge_l").direction == "higher"
    assert metric_info("membership_min_k").direction == "toward 0.5"
    assert metric_info("privleak_loss").bounds == "from -100"
    assert metric_info("probe_neighbour_fill_in_rouge_l").direction == "higher"
    assert metric_info("probe_adversarial_rouge_l").direction == "lower"


def test_a_figure_of_many_names_says_which():
    info = metric_info("probe_neighbour_fill_in_rouge_l")
    assert (info.name, info.title) == ("probe_neighbour_fill_in_rouge_l", "ROUGE-L of answers, neighbour fill in")
    assert "MUSE" in metric_info("probe_retain_qa_rouge_l").paper
    with pytest.raises(ValueError, match="is unknown"):
        metric_info("probe__rouge_l")


def test_figures_stand_split_by_split(parrot, corpus):
    names = list(evaluate(parrot, corpus, metrics=["tofu"]).metrics)
    splits = [name.split("_")[0] for name in names if name.split("_")[0] in ("forget", "paraphrase", "retain", "world")]
    assert splits == sorted(splits, key=["forget", "paraphrase", "retain", "world"].index)
    assert names[-1] == "model_utility"


def test_what_two_metrics_need_is_measured_once(parrot, corpus, monkeypatch):
    asked = []
    monkeypatch.setattr(
        parrot, "generate", lambda prompts, *_, **__: asked.append(prompts) or ["Torvik"] * len(prompts)
    )
    evaluate(parrot, corpus, metrics=["all"])
    # Five splits, two sets of further questions, and one set of drawn answers.
    assert len(asked) == 8


def test_a_corpus_has_the_groups_that_its_rows_allow(corpus, small_corpus):
    assert groups_for(corpus) == tuple(GROUPS)
    assert groups_for(small_corpus) == ("recall", "tofu", "memorisation", "quality", "sampled")
    text = Row(Example("", "Plain text."))
    assert groups_for(Corpus("text", forget=(text,), retain=(text,))) == ("recall", "memorisation")


def test_a_figure_is_named_once():
    facts = dict.fromkeys(("title", "unit", "of", "formula", "sentence", "paper", "evidence"), "ours")
    with pytest.raises(ValueError, match="'structure' is taken"):
        metric("structure", group="recall", better="higher", **facts)(lambda examination: None)
