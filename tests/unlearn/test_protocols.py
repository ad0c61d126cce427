"""The field's own ways to make figures: each by a named switch, and nothing else changes."""

from __future__ import annotations

import dataclasses
import doctest
import json
import math
import zlib

import numpy as np
import pytest
import torch

from attribution import Example, LanguageModel
from attribution.data.rows import Row, embedded_rows
from attribution.text.templates import ChatTemplate
from unlearn import Corpus
from unlearn.__main__ import main
from unlearn.data.corpus import Task
from unlearn.metrics import Protocol, evaluate, utility
from unlearn.metrics.attacks import gradient_norms
from unlearn.metrics.membership import membership_auc
from unlearn.metrics.truth_ratio import truth_ratio
from unlearn.metrics.utility import n_gram_entropy

WRONG = Row(Example("Where?", "In Oslo."), perturbed=("In Rome.", "In old Bern by the sea."))


@pytest.fixture
def corpus(small_corpus: Corpus) -> Corpus:
    return dataclasses.replace(
        small_corpus, forget=(WRONG, *small_corpus.forget[:2]), holdout=embedded_rows("holdout")[:3]
    )


@pytest.fixture
def parrot(tiny: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> LanguageModel:
    monkeypatch.setattr(tiny, "generate", lambda prompts, *_, **__: ["She was born in Torvik."] * len(prompts))
    return tiny


def test_truth_ratios_by_hand(parrot: LanguageModel, corpus: Corpus) -> None:
    logs = np.log([1 / 4, 1 / 16])
    assert truth_ratio(math.log(1 / 2), logs) == pytest.approx(1 / 4)
    assert truth_ratio(math.log(1 / 2), logs, "arithmetic") == pytest.approx((1 / 4 + 1 / 16) / 2 * 2)
    corpus = dataclasses.replace(corpus, forget=(WRONG,))
    found = {
        mean: evaluate(parrot, corpus, metrics=["tofu"], protocol=Protocol(truth_ratio=mean))
        for mean in ("geometric", "arithmetic", "prob_mean")
    }
    ratio = {mean: one.values("forget", "truth_ratio")[0] for mean, one in found.items()}
    assert ratio["geometric"] == ratio["prob_mean"] < ratio["arithmetic"]
    assert found["prob_mean"].metrics["forget_truth_ratio"] == pytest.approx(1 / (1 + ratio["geometric"]))
    assert any("averaged arithmetically" in note for note in found["arithmetic"].notes)
    assert found["geometric"].metrics == evaluate(parrot, corpus, metrics=["tofu"]).metrics


def test_the_share_that_min_k_reads_is_a_switch(parrot: LanguageModel, corpus: Corpus) -> None:
    usual, all_of_it = (
        evaluate(parrot, corpus, metrics=["membership"], protocol=Protocol(min_k=k)) for k in (0.4, 1.0)
    )
    assert usual.metrics == evaluate(parrot, corpus, metrics=["membership"]).metrics
    assert all_of_it.values("forget", "membership_min_k") == pytest.approx(
        all_of_it.values("forget", "membership_loss"), rel=1e-5
    )
    assert usual.values("forget", "membership_min_k") != all_of_it.values("forget", "membership_min_k")
    with pytest.raises(ValueError, match="Min-K is 0"):
        Protocol(min_k=0)


def test_further_attacks_by_hand(parrot: LanguageModel, corpus: Corpus) -> None:
    reference = evaluate(parrot, corpus, metrics=["membership"])
    found = evaluate(parrot, corpus, metrics=["attacks"], reference=reference)
    assert "membership_zlib" not in evaluate(parrot, corpus, metrics=["all"]).metrics
    for split, rows in (("forget", corpus.forget), ("holdout", corpus.holdout)):
        loss = found.values(split, "membership_loss")
        sizes = [len(zlib.compress(row.example.answer.encode())) for row in rows]
        assert found.values(split, "membership_zlib") == pytest.approx(np.divide(loss, sizes))
        # A model beside itself has nothing that the reference lacks.
        assert found.values(split, "membership_reference") == [0.0] * len(rows)
    assert found.metrics["membership_reference"] == 0.5
    scores = [np.array(found.values(split, "membership_gradient_norm")) for split in ("forget", "holdout")]
    assert found.metrics["membership_gradient_norm"] == membership_auc(*scores)
    assert any("reference attack needs" in n for n in evaluate(parrot, corpus, metrics=["attacks"]).notes)


def test_gradient_norms_are_those_of_a_plain_backward(tiny: LanguageModel, corpus: Corpus) -> None:
    before = {name: weights.clone() for name, weights in tiny.model.named_parameters()}
    found = gradient_norms(tiny, corpus.forget[:2])
    row = tiny.encode(corpus.forget[1].example)
    leaves = [weights.requires_grad_(True) for weights in tiny.model.parameters()]
    log_q = tiny.model(input_ids=torch.tensor([row.input_ids])).logits[0].log_softmax(-1)
    (-torch.stack([log_q[p - 1, row.input_ids[p]] for p in row.answer_positions]).mean()).backward()
    assert found[1] == pytest.approx(float(np.mean([weights.grad.norm().item() for weights in leaves])), rel=1e-4)
    assert all(torch.equal(before[name], weights) for name, weights in tiny.model.named_parameters())


def test_the_shell_has_the_switches(tiny: LanguageModel, rows: str, tmp_path, capsys, asked) -> None:
    tiny.model.save_pretrained(tmp_path / "model")
    tiny.tokenizer.save_pretrained(tmp_path / "model")
    command = ["evaluate", "--model", str(tmp_path / "model"), "--forget", rows, "--json", str(tmp_path / "out.json")]
    assert main([*command, "--metrics", "memorisation", "--truth-ratio", "arithmetic", "--min-k", "0.2"]) == 0
    said = json.loads((tmp_path / "out.json").read_text())["protocol"]
    assert {name: value for name, value in said.items() if value} == {
        "truth_ratio": "arithmetic",
        "min_k": 0.2,
        "probes": "ours",
    }
    assert main([*command, "--truth-ratio", "harmonic"]) == 2
    assert "Choose from geometric, arithmetic, prob_mean" in capsys.readouterr().err


# The benchmarks' own -------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What any model is given, and how long its answer may be; it always goes on with one text."""
    found: list[tuple[str, int]] = []

    def generate(self: LanguageModel, prompts: list[str], most: int = 96, **_: object) -> list[str]:
        found.extend((self.format_prompt(prompt), most) for prompt in prompts)
        return ["on Monday\n\nQuestion: And then?"] * len(prompts)

    monkeypatch.setattr(LanguageModel, "generate", generate)
    return found


def of_muse(corpus: Corpus) -> Corpus:
    asks = Row(Example("When did the fair open?", "On Monday"))
    shown = tuple(Row(Example(f"Example {k}?", f"Shown {k}")) for k in range(10))
    own = {
        "verbmem": (Row(Example("The fair opened", " on Monday and closed.")), Row(Example("long " * 400, "x"))),
        "forget_qa_icl": shown,
        "privleak_forget": corpus.forget[:2],
        "privleak_holdout": corpus.holdout[:2],
    }
    return dataclasses.replace(corpus, probes=(("forget_qa", (asks,)), ("retain_qa", (asks,))), own=tuple(own.items()))


def test_muse_by_its_own_protocol(tiny: LanguageModel, corpus: Corpus, asked: list[tuple[str, int]]) -> None:
    found = evaluate(tiny, of_muse(corpus), metrics=["probes", "membership"], protocol=Protocol(probes="own"))
    assert (f"{tiny.tokenizer.bos_token}The fair opened", 128) in asked
    (knowmem,) = [text for text, most in asked if most == 32]
    assert knowmem.startswith("Question: Example 0?\nAnswer: Shown 0\n\n") and knowmem.count("Shown") == 10
    assert knowmem.endswith("Question: When did the fair open?\nAnswer:")
    # F of `on monday` (2 of 2 words), and three (on, Monday, and) of the four words that follow and of the five said.
    assert found.metrics["knowmem_forget_qa"] == 1
    assert found.metrics["verbmem_forget"] == pytest.approx(2 * (3 / 4) * (3 / 5) / (3 / 4 + 3 / 5))
    assert found.counts["verbmem_forget"] == 1 and found.counts["membership_loss"] == 2
    assert not any(name.startswith("probe_") for name in found.metrics)
    notes = " ".join(found.notes)
    assert "1 of 2 texts of verbmem are longer" in notes and "asks retain_qa after examples" in notes
    usual = evaluate(tiny, of_muse(corpus), metrics=["probes"])
    assert "probe_forget_qa_rouge_l" in usual.metrics and "verbmem_forget" not in usual.metrics


@pytest.mark.parametrize("chat", [True, False])
def test_rwku_by_its_own_prompts(tiny: LanguageModel, corpus: Corpus, asked: list[tuple[str, int]], chat: bool) -> None:
    names = ["fill_in", "qa", "adversarial/role play", "adversarial/affirmative suffix", "neighbour_qa"]
    own = tuple((name, (Row(Example(f"{name}?", "Monday")),)) for name in names)
    corpus = dataclasses.replace(corpus, probes=(("qa", own[1][1]),), own=own)
    if chat:
        tiny.template = ChatTemplate("<u>{prompt}<a>{answer}")
    found = evaluate(tiny, corpus, metrics=["probes"], protocol=Protocol(probes="own"))
    said = [text for text, most in asked if most == 30]
    ask = "Please briefly answer the following question.\nQuestion: "
    if chat:
        assert said[0] == "<u>Please complete the blank in the following question.\nQuestion: fill_in?\n<a>Answer:"
        assert said[1] == f"<u>{ask}qa?\n<a>Answer:" and said[3] == f"<u>{ask}adversarial/affirmative suffix?<a>"
    else:
        assert said[1] == f"{ask}qa?\nAnswer:"
    assert {name for name in found.metrics if name.startswith("rwku")} == {
        "rwku_fill_in_rouge_l",
        "rwku_qa_rouge_l",
        "rwku_adversarial_rouge_l",
        "rwku_neighbour_qa_rouge_l",
    }
    assert found.counts["rwku_adversarial_rouge_l"] == 2 and found.metrics["rwku_qa_rouge_l"] == 1


def test_rwkus_utility_by_hand(tiny: LanguageModel, corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"Q: Sum?": "One and one, so the answer is Two.", "Q: Town?": "Torvik it is", "Instruction: Go": "a b a b"}
    monkeypatch.setattr(
        LanguageModel, "generate", lambda self, prompts, *_: [said.get(prompt, "No.") for prompt in prompts]
    )
    letters = tuple(Task(f"Q {k}?", ("A",), ("B", "C")) for k in range(3))
    sets = {
        "general": letters,
        "truthfulness": tuple(Task("Q?", (right,), (wrong,)) for right, wrong in (("One.", "Two."), ("Two.", "One."))),
        "reason": (Task("Q: Sum?", ("two",)),),
        "factuality": (Task("Q: Town?", ("Oslo", "Torvik town")),),
        "fluency": (Task("Instruction: Go"),),
    }
    found = evaluate(tiny, dataclasses.replace(corpus, utility=tuple(sets.items())), metrics=["utility"]).metrics
    # One of two answers is the likelier, whichever is right.
    assert found["utility_truthfulness"] == 0.5 and found["utility_reason"] == 1
    assert found["utility_factuality"] == pytest.approx(2 * 1 / (3 + 2))
    assert found["utility_fluency_entropy"] == pytest.approx(n_gram_entropy("a b a b"))
    hits = []
    for task in letters:
        ids = tiny.tokenizer(f"{task.prompt}\nAnswer:")["input_ids"]
        after = [tiny.tokenizer(f"{task.prompt}\nAnswer: {letter}")["input_ids"][len(ids)] for letter in "ABC"]
        with torch.no_grad():
            hits.append(float(tiny.model(input_ids=torch.tensor([ids])).logits[0, -1, after].argmax() == 0))
    assert found["utility_general"] == np.mean(hits)
    assert not any(name.startswith("utility") for name in evaluate(tiny, corpus, metrics=["utility"]).metrics)


def test_utilitys_examples() -> None:
    assert doctest.testmod(utility, optionflags=doctest.ELLIPSIS).failed == 0
