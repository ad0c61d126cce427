"""Stresses: what they do by hand-made cases, and that none of them touches the model."""

from __future__ import annotations

import dataclasses
import doctest

import pytest
import torch

import unlearn.stress.quantisation
from attribution import Example, LanguageModel, Span
from attribution.data.rows import Row, embedded_rows
from unlearn import Corpus
from unlearn.metrics import Answer
from unlearn.run.adapters import merged, trainable_copy
from unlearn.stress import KINDS, Before, StressConfig, stress
from unlearn.stress.base import recall_of, recall_of_any
from unlearn.stress.quantisation import has_bitsandbytes, round_to_nearest, rounded, with_bitsandbytes
from unlearn.stress.relearning import halves, relearning, relearning_curve
from unlearn.stress.rephrasing import FRAMES, rephrasings
from unlearn.stress.sampling import sampling


def answer(said: str, *facts: str, truth: str = "truth") -> Answer:
    return Answer("forget", "Who?", "", truth, facts, said)


def weights_of(model: LanguageModel) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in model.model.state_dict().values()]


@pytest.fixture
def corpus() -> Corpus:
    """Rows of two authors, three questions each."""
    forget = embedded_rows("forget")
    rows = (*forget[:3], *[row for row in forget if row.author != forget[0].author][:3])
    return Corpus(
        "small",
        forget=rows,
        retain=embedded_rows("retain")[:2],
        paraphrase=embedded_rows("paraphrase")[:2],
        two_hop=embedded_rows("two_hop")[:2],
    )


# Rounding ------------------------------------------------------------------------------------------------------------


def test_examples_in_docstrings():
    assert doctest.testmod(unlearn.stress.quantisation).failed == 0


def test_every_channel_has_its_own_scale():
    # 3 bits: levels -3 to 3. Scales 1 and 100: the small row is not crushed by the large one.
    weight = torch.tensor([[3.0, 1.4, -0.6], [300.0, 160.0, -49.0]])
    assert round_to_nearest(weight, 3).tolist() == [[3.0, 1.0, -1.0], [300.0, 200.0, 0.0]]


def test_every_group_has_its_own_scale():
    weight = torch.tensor([[3.0, 1.4, 30.0, 14.0, 7.0]])
    # Groups (3, 1.4), (30, 14), and a shorter last one.
    assert round_to_nearest(weight, 3, group=2).tolist() == [[3.0, 1.0, 30.0, 10.0, 7.0]]
    assert round_to_nearest(weight, 3).tolist() == [[0.0, 0.0, 30.0, 10.0, 10.0]]


def test_adapters_are_rounded_with_the_weights_that_they_change(corpus, tiny, monkeypatch):
    adapted = trainable_copy(tiny, lora=2)
    with torch.no_grad():
        for name, weight in adapted.model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1)
    small, share = rounded(adapted, 4, 64)
    expected, whole_share = rounded(merged(adapted), 4, 64)
    assert share == whole_share
    found = dict(small.model.named_parameters())
    assert found.keys() == dict(tiny.model.named_parameters()).keys()
    assert all(torch.equal(found[name], value) for name, value in expected.model.named_parameters())
    # Relearning teaches the whole model, not base and adapters beside each other.
    asked: list[LanguageModel] = []
    monkeypatch.setattr(LanguageModel, "generate", lambda self, prompts, *_, **__: asked.append(self) or prompts)
    list(relearning(Before(adapted, corpus.forget[:2], StressConfig(steps=1))))
    assert asked[-1] is not adapted and asked[-1].model.state_dict().keys() == tiny.model.state_dict().keys()


def test_rounding_is_within_half_a_level_and_has_no_more_levels_than_bits():
    torch.manual_seed(0)
    weight = torch.randn(5, 130)
    for bits, group in ((8, None), (4, 64)):
        found = round_to_nearest(weight, bits, group)
        for part, original in zip(found.split(group or 130, 1), weight.split(group or 130, 1), strict=True):
            level = original.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
            assert ((part - original).abs() <= level / 2 + 1e-6).all()
            assert all(len(row.unique()) <= 2**bits for row in part)
    assert round_to_nearest(torch.zeros(2, 3), 4).tolist() == [[0.0] * 3] * 2


def test_linear_layers_are_rounded_and_nothing_else(tiny):
    before = weights_of(tiny)
    small, share = rounded(tiny, 4, 64)
    assert all(torch.equal(a, b) for a, b in zip(before, weights_of(tiny), strict=True))
    changed = {
        name
        for (name, old), (_, new) in zip(tiny.model.named_parameters(), small.model.named_parameters(), strict=True)
        if not torch.equal(old, new)
    }
    linear = {f"model.layers.{i}.self_attn.{x}_proj.weight" for i in range(2) for x in "qkvo"}
    linear |= {f"model.layers.{i}.mlp.{x}_proj.weight" for i in range(2) for x in ("gate", "up", "down")}
    assert changed == linear
    sizes = {name: parameter.numel() for name, parameter in tiny.model.named_parameters()}
    assert share == pytest.approx(sum(sizes[name] for name in linear) / sum(sizes.values()))


def test_weights_that_stand_the_other_way_round(tiny):
    """GPT-2's layers keep [in, out]; an output channel is a column there."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=len(tiny.tokenizer), n_embd=16, n_layer=1, n_head=2))
    model = LanguageModel(gpt2, tiny.tokenizer)
    small, _ = rounded(model, 8)
    old, new = (m.transformer.h[0].mlp.c_fc.weight for m in (model.model, small.model))
    assert torch.equal(new, round_to_nearest(old.T, 8).T)


def test_bitsandbytes_knows_two_widths(tiny):
    with pytest.raises(ValueError, match="8 or 4 bits, not 3"):
        with_bitsandbytes(tiny, 3)
    assert has_bitsandbytes() <= torch.cuda.is_available()


@pytest.mark.skipif(not has_bitsandbytes(), reason="needs a CUDA device and bitsandbytes")
@pytest.mark.parametrize("bits", [8, 4])
def test_bitsandbytes(model, bits):
    small = with_bitsandbytes(model, bits)
    assert type(small.model.model.layers[0].mlp.up_proj).__name__.startswith("Linear" + str(bits))


# Recall --------------------------------------------------------------------------------------------------------------


def test_recall_counts_a_fact_once_over_all_samples():
    one = [answer("Torvik", "Torvik", "1901"), answer("", "sea")]
    two = [answer("1901", "Torvik", "1901"), answer("", "sea")]
    assert recall_of(one).value == pytest.approx(1 / 3)
    assert (recall_of_any([one, two]).value, recall_of_any([one, two]).n) == (pytest.approx(2 / 3), 3)


def test_without_facts_it_is_rouge():
    one, two = [answer("in Rome", truth="in Oslo")], [answer("Oslo", truth="in Oslo")]
    found = recall_of_any([one, two])
    assert (found.value, found.n, found.measure) == (0.5, 1, "ROUGE-L recall")
    with pytest.raises(ValueError, match="Latin letter"):
        recall_of([answer("東京", truth="東京")])


def test_halves_share_no_author(corpus):
    first, second = halves(corpus.forget)
    assert len(first) == len(second) == 3
    assert {row.author for row in first}.isdisjoint({row.author for row in second})
    unknown = [dataclasses.replace(row, author=None) for row in corpus.forget]
    assert [len(half) for half in halves(unknown)] == [3, 3]
    assert [len(half) for half in halves(corpus.forget[:3])] == [2, 1]
    with pytest.raises(ValueError, match="only one row"):
        halves(corpus.forget[:1])


# The stresses --------------------------------------------------------------------------------------------------------


def test_all_of_them_leave_the_model_and_the_random_state_alone(tiny, corpus, monkeypatch):
    monkeypatch.setattr("unlearn.metrics.answers.MAX_NEW_TOKENS", 4)
    before = weights_of(tiny)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    found = list(stress(tiny, corpus, config=StressConfig(samples=2, steps=2)))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(before, weights_of(tiny), strict=True))
    kinds = [one.kind for one in found]
    assert list(dict.fromkeys(kinds)) == list(KINDS)
    for one in found:
        assert 0 <= one.before <= 1 and 0 <= one.after <= 1
        assert one.n > 0 and one.n_before > 0
        assert one.measure == "fact recall"
    paraphrased = found[0]
    assert paraphrased.n == sum(len(row.facts) for row in corpus.paraphrase)
    assert paraphrased.n_before == sum(len(row.facts) for row in corpus.forget)


def test_sampling_follows_the_seed(tiny, corpus):
    said = []
    generate = tiny.generate

    def short(prompts, _, **options):
        said.append(generate(prompts, 5, **options))
        return said[-1]

    tiny.generate = short
    rows = corpus.forget[:2]
    for seed in (0, 0, 1):
        before = Before(tiny, rows, StressConfig(samples=3, seed=seed))
        said.pop()
        list(sampling(before))
    assert said[0] == said[1] != said[2]
    assert len(said[0]) == 6 and said[0][0] != said[0][2]


def test_a_cold_sample_is_the_greedy_answer(tiny, corpus):
    prompts = [row.example.prompt for row in corpus.forget]
    cold = {"do_sample": True, "temperature": 1e-4, "top_p": 1.0, "top_k": 0}
    assert tiny.generate(prompts, 5, decoding=cold) == tiny.generate(prompts, 5)


def test_relearning_brings_back_what_was_only_hidden(tiny, monkeypatch):
    """One rule behind all answers: whoever relearns it from half of them knows the other half."""
    monkeypatch.setattr("unlearn.metrics.answers.MAX_NEW_TOKENS", 8)
    facts = [Span(0, 6)]
    rows = [Row(Example(f"Which word goes with number {n}?", "Torvik.", facts), author=n) for n in range(8)]
    config = StressConfig(steps=60, learning_rate=1e-2, batch=4)
    (found,) = relearning(Before(tiny, rows, config))
    assert (found.before, found.n_before, found.n) == (0.0, 4, 4)
    assert found.after == 1.0
    assert found.detail["recall_of_the_relearned_half"] == 1.0


def test_the_curve_passes_through_the_end_of_relearning(tiny, monkeypatch):
    """A point of the curve is what that many steps alone give, and the first points come before the knowledge does."""
    monkeypatch.setattr("unlearn.metrics.answers.MAX_NEW_TOKENS", 8)
    rows = [Row(Example(f"Which word goes with number {n}?", "Torvik.", [Span(0, 6)]), author=n) for n in range(8)]
    config = StressConfig(steps=12, learning_rate=5e-4, batch=4, curve=(1, 12))
    curve = list(relearning_curve(Before(tiny, rows, config)))
    assert [one.title for one in curve] == [f"after {n} steps of relearning" for n in (1, 12)]
    (at_12,) = relearning(Before(tiny, rows, config))
    assert (curve[0].after, curve[1].after) == (0.0, at_12.after)
    assert at_12.after == 1.0


def test_wordings_are_a_rows_own_then_its_paraphrase_then_its_neighbours_then_frames():
    rows = embedded_rows("forget")
    row = rows[0]
    wordings = rephrasings(row, rows, 8)
    same = [one.example.prompt for one in rows if one.author == row.author and one.facts == row.facts]
    assert wordings[:2] == [row.example.prompt, row.paraphrase.prompt]
    assert set(same) <= set(wordings) and len(same) == 3
    assert len(set(wordings)) == 8 and wordings[-1] == FRAMES[3].format(question=row.example.prompt)
    assert rephrasings(row, rows, 1) == [row.example.prompt]
    # Without an author nobody's question stands for another's.
    plain = Row(Example("Who?", "Ada.", [Span(0, 3)]))
    assert rephrasings(plain, [plain, Row(Example("Which?", "Ada.", [Span(0, 3)]))], 2) == [
        "Who?",
        FRAMES[0][:16] + "Who?",
    ]


def test_a_fact_that_any_wording_brings_out_counts(tiny, corpus, monkeypatch):
    rows = [Row(Example("Who?", "Ada.", [Span(0, 3)])), Row(Example("Where?", "Oslo.", [Span(0, 4)]))]
    replies = {"Who?": "Bo.", FRAMES[0].format(question="Who?"): "Ada."}
    monkeypatch.setattr(tiny, "generate", lambda prompts, *_, **__: [replies.get(one, "no") for one in prompts])
    bare = dataclasses.replace(corpus, forget=tuple(rows))
    (found,) = stress(tiny, bare, ["rephrasing"], StressConfig(rephrasings=2))
    assert (found.before, found.after, found.detail["mean_of_wordings"]) == (0.0, 0.5, 0.25)


def test_rows_to_keep_are_asked_under_the_same_stress(tiny, monkeypatch):
    rows = [Row(Example(f"Which word goes with number {n}?", "Torvik.", [Span(0, 6)]), author=n) for n in range(4)]
    corpus = Corpus("small", forget=rows[:2], retain=rows[2:])
    said = iter(["Torvik.", "no", "Torvik.", "Torvik.", "no", "no", "no", "Torvik."])

    def answers(prompts, *_, **__):
        return [next(said) for _ in prompts]

    # Copies of the model, too: to forget and to keep as it is, then kept and forgotten rows of the rounded one.
    monkeypatch.setattr(LanguageModel, "generate", lambda self, *rest, **options: answers(*rest, **options))
    (found,) = stress(tiny, corpus, ["quantisation"], StressConfig(bits=(4,)), keep=corpus.retain)
    assert (found.before, found.after) == (0.5, 0.5)
    assert [found.detail[name] for name in ("retain_before", "retain_after", "retain_n")] == [1.0, 0.0, 2]


def test_a_corpus_without_paraphrases_skips_that_stress(tiny, corpus, monkeypatch):
    monkeypatch.setattr(tiny, "generate", lambda prompts, *_, **__: ["Torvik."] * len(prompts))
    bare = dataclasses.replace(corpus, paraphrase=())
    assert [one.kind for one in stress(tiny, bare, ["paraphrase", "sampling"])] == ["sampling"]
    bare = dataclasses.replace(bare, two_hop=())
    with pytest.raises(ValueError, match="no two-hop questions"):
        stress(tiny, bare, ["paraphrase", "two-hop"])
    with pytest.raises(ValueError, match="no paraphrases"):
        stress(tiny, bare, ["paraphrase"])


def test_plain_text_has_nothing_to_ask(tiny, corpus):
    text = (Row(Example("", "The fair opened on a Monday in the old town by the sea.")),)
    with pytest.raises(ValueError, match="plain text without questions"):
        stress(tiny, dataclasses.replace(corpus, forget=text))


def test_what_cannot_work_is_refused(tiny, corpus):
    with pytest.raises(ValueError, match="did you mean 'sampling'"):
        stress(tiny, corpus, ["samplin"])
    for change, match in (
        ({"samples": 0}, "Samples is 0"),
        ({"temperature": 0.0}, "Temperature is 0.0: a number above 0"),
        ({"learning_rate": float("nan")}, "Learning rate is nan"),
        ({"bits": (8, 1)}, "widths from 2 to 8"),
        ({"curve": (5, 2)}, "numbers of steps that rise"),
        ({"rephrasings": 0}, "Rephrasings is 0"),
    ):
        with pytest.raises(ValueError, match=match):
            StressConfig(**change)
