"""Logs and settings of open-unlearning, in and out, on small files in its formats."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import hmean, ks_2samp

from unlearn.__main__ import main
from unlearn.metrics import Evaluation, Protocol, RowFigures
from unlearn.open_unlearning import Log, compare_logs, read_log, read_settings, write_logs
from unlearn.open_unlearning.logs import SHARE_OF_RIGHT, UTILITY, WRONG_OVER_RIGHT
from unlearn.open_unlearning.settings import METHODS

RIGHT = [1.0, 0.5, 2.0, 1.5]
WRONG = [[2.0, 3.0], [0.25, 0.5], [2.5, 1.0], [4.0, 2.0]]


def written(folder: Path, content: Any, name: str = "TOFU_EVAL.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def metric(values: list[float], key: str = "score", aggregate: float | None = None) -> dict[str, Any]:
    by_row = {str(row): {key: value} for row, value in enumerate(values)}
    return {"agg_value": float(np.mean(values)) if aggregate is None else aggregate, "value_by_index": by_row}


def truth_ratio(form: str, shift: float = 0.0, losses: bool = True) -> dict[str, Any]:
    """The entries that a truth ratio is made of, by their formula in either version."""
    p_right = np.exp(-np.array(RIGHT))
    p_wrong = np.exp(-(np.mean(WRONG, axis=1) + shift))
    if form == WRONG_OVER_RIGHT:
        scores = p_wrong / (p_right + 1e-10)
        aggregate = float(np.minimum(scores, 1 / (scores + 1e-10)).mean())
    else:
        scores = p_right / (p_right + p_wrong + 1e-10)
        aggregate = float(scores.mean())
    entries = {"forget_truth_ratio": metric(scores.tolist(), aggregate=aggregate)}
    if losses:
        answers = {
            "PARA": [(math.exp(-loss), loss) for loss in RIGHT],
            "PERT": [([math.exp(-loss - shift) for loss in row], [loss + shift for loss in row]) for row in WRONG],
        }
        for kind, rows in answers.items():
            by_row = {str(row): {"prob": prob, "avg_loss": loss} for row, (prob, loss) in enumerate(rows)}
            mean = float(np.mean([np.mean(prob) for prob, _ in rows]))
            entries[f"forget_Q_A_{kind}_Prob"] = {"agg_value": mean, "value_by_index": by_row}
    return entries


def logged(folder: Path, content: Any, name: str = "TOFU_EVAL.json") -> Log:
    return read_log(written(folder, content, name))


@pytest.mark.parametrize("losses", [True, False])
@pytest.mark.parametrize("form", [WRONG_OVER_RIGHT, SHARE_OF_RIGHT])
def test_both_forms_of_the_truth_ratio_are_found_and_compared_as_one(tmp_path, form, losses):
    log = logged(tmp_path, truth_ratio(form, losses=losses))
    expected = [math.exp(right - np.mean(wrong)) for right, wrong in zip(RIGHT, WRONG, strict=True)]
    assert max(expected) > 1
    assert log.normalisation[0] == form
    assert list(log.truth_ratios().values()) == pytest.approx(expected, rel=1e-6)
    other = logged(tmp_path, truth_ratio(WRONG_OVER_RIGHT, shift=-2.0), "B_EVAL.json")
    found = compare_logs(log, other)
    by_scipy = ks_2samp(expected, [ratio * math.exp(2) for ratio in expected])
    assert found.distance is not None
    assert (found.distance.d, found.distance.p) == pytest.approx((by_scipy.statistic, by_scipy.pvalue))
    assert (found.distance.n, found.distance.against, found.distance.higher) == (4, 4, False)
    assert form in found.notes[0]
    (line,) = [line for line in found.lines if line.name == "forget_truth_ratio"]
    assert line.better == ("higher" if form == WRONG_OVER_RIGHT else "not comparable: two forms")


def test_the_sentence_says_which_way(tmp_path):
    low, high = [0.1 + row / 1000 for row in range(40)], [2 + row / 1000 for row in range(40)]
    logs = [
        logged(tmp_path, {"forget_truth_ratio": metric(values, aggregate=aggregate)}, name)
        for values, aggregate, name in ((low + [1.5], 0.5, "a.json"), (high, 0.5, "b.json"))
    ]
    found = compare_logs(*logs)
    assert (
        (found.first, found.second) == ("a.json", "b.json")
        and "can be told apart" in found.sentence
        and "A's are lower" in found.sentence
    )
    assert "favours the right answer over wrong ones more" in found.sentence
    turned = compare_logs(*logs[::-1])
    assert "A's are higher" in turned.sentence and "less than B" in turned.sentence
    assert "cannot be told apart" in compare_logs(logs[0], logs[0]).sentence
    # An aggregate that nothing in the rows gives is named.
    assert sum("is stated as 0.5, but its rows give" in note for note in found.notes) == 2


def test_aggregates_follow_from_their_rows(tmp_path):
    shares = [0.25, 0.5, 0.9]
    utility = {name: metric(shares, "prob") for name in UTILITY}
    utility |= {name: metric(shares, "rougeL_recall") for name in UTILITY if name.endswith("ROUGE")}
    true_better = float(np.mean([max(0, 1 - ratio) for ratio in (0.2, 1.5)]))
    utility |= {name: metric([0.2, 1.5], aggregate=true_better) for name in UTILITY if name.endswith("Ratio")}
    nine = [entry["agg_value"] for entry in utility.values()]
    attack = {
        "forget": metric([1.0, 2.0]),
        "holdout": metric([1.5, 3.0]),
        # Losses: of the four pairs three have the row to forget below the other.
        "auc": 0.75,
        "agg_value": 0.75,
    }
    content = {**utility, "model_utility": {"agg_value": float(hmean(nine))}, "mia_min_k": attack}
    content["extraction_strength"] = metric(shares)
    log = logged(tmp_path, content)
    for name in content:
        made = log.recomputed(name)
        assert made is not None and made.agrees, name
        assert made.value == pytest.approx(log.metrics[name].aggregate, abs=1e-6)


def test_forget_quality_and_privleak_say_which_log_they_were_made_with(tmp_path):
    retain = truth_ratio(WRONG_OVER_RIGHT, shift=-0.5) | {"mia_min_k": {"agg_value": 0.4}}
    mine = truth_ratio(WRONG_OVER_RIGHT)
    ratios = [list(logged(tmp_path, entries).truth_ratios().values()) for entries in (mine, retain)]
    p = float(ks_2samp(*ratios).pvalue)
    leak = ((1 - 0.9) - (1 - 0.4)) / (1 - 0.4 + 1e-10) * 100
    mine |= {"forget_quality": {"agg_value": p}, "mia_min_k": {"agg_value": 0.9}, "privleak": {"agg_value": leak}}
    notes = compare_logs(logged(tmp_path, mine, "a.json"), logged(tmp_path, retain, "b.json")).notes
    assert sum("is the one against B" in note for note in notes) == 2
    notes = compare_logs(logged(tmp_path, mine, "a.json"), logged(tmp_path, mine, "c.json")).notes
    assert any("was made against another log" in note for note in notes)


def test_summaries_are_compared_by_their_aggregates(tmp_path, capsys):
    paths = [
        written(tmp_path, {"model_utility": value, "forget_knowmem_ROUGE": 0.5, "own": 1}, f"{value}_SUMMARY.json")
        for value in (0.5, 0.25)
    ]
    out = tmp_path / "out.json"
    assert main(["compare", *map(str, paths), "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "takes a log with values by row" in printed
    assert [line.split() for line in printed.splitlines() if line.startswith("model_utility")] == [
        ["model_utility", "0.5", "0.25", "higher"]
    ]
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["distance"] is None and [line["better"] for line in found["lines"]] == ["higher", "lower", ""]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('{"a": ' + "9" * 5000 + "}", "is no JSON"),
        ("[1, 2]", "is JSON, but no log"),
        ("null", "is JSON, but no log"),
        ("{}", "holds no metric"),
        ('{"forget_truth_ratio": "high", "b": null, "c": true, "d": NaN, "e": {"f": 1}}', "holds no metric"),
        ('{"other": 1}', "no metric in common"),
        (json.dumps(dict.fromkeys(map(str, range(1001)), 1)), "has 1,001 entries"),
    ],
)
def test_what_is_no_log_is_one_sentence(tmp_path, capsys, content, match):
    good = written(tmp_path, truth_ratio(WRONG_OVER_RIGHT))
    assert main(["compare", str(good), str(written(tmp_path, content, "bad.json"))]) == 2
    error = capsys.readouterr().err.strip()
    assert match in error and "\n" not in error


@pytest.mark.parametrize(
    "entry",
    [
        {"agg_value": [1, "x"], "value_by_index": [1, 2]},
        {"agg_value": None, "value_by_index": {"0": None, "1": {"score": None}, "2": {"score": [[]]}}},
        {"agg_value": 10**400, "value_by_index": {"0": {"score": -1e308}, "1": {"score": 1e308}, "2": {"score": 0}}},
        {"agg_value": 0.5, "value_by_index": {"0": {"score": True}}, "forget": 3, "holdout": {"value_by_index": 4}},
        {"agg_value": 0.5, "value_by_index": {"0": {"score": [1e308, 1e308]}, "1": {"score": 1e308}}},
        {"agg_value": 0.5, "value_by_index": {"0": {"score": -1e-10}}},
    ],
)
@pytest.mark.filterwarnings("error")
def test_odd_entries_are_left_out_and_never_a_fault(tmp_path, entry):
    log = logged(tmp_path, {"forget_truth_ratio": entry, "mia_loss": entry, "model_utility": 0.5}, "odd.json")
    found = compare_logs(log, logged(tmp_path, truth_ratio(WRONG_OVER_RIGHT) | {"model_utility": 0.5}))
    assert found.sentence and json.dumps(found.to_dict(), allow_nan=False)


def test_a_log_that_is_not_there_is_one_sentence(tmp_path, capsys):
    assert main(["compare", str(tmp_path / "none.json"), str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err


# Writing -------------------------------------------------------------------------------------------------------------


def row_figures(split: str, number: int, **figures: float) -> RowFigures:
    return RowFigures(split, f"{split}:{number}", "Who wrote it?", "Ada wrote it.", figures, "Bo did.")


@pytest.fixture
def evaluation() -> Evaluation:
    """Two rows to forget, one to keep and a holdout row; one ratio is beyond every number."""
    rows = (
        row_figures("forget", 0, truth_ratio=0.5, probability=0.25, rouge_l=0.2, membership_min_k=-1.0),
        row_figures("forget", 1, truth_ratio=math.inf, probability=0.5, rouge_l=0.4, membership_min_k=-3.0),
        row_figures("retain", 0, truth_ratio=0.25, probability=0.9),
        row_figures("holdout", 0, membership_min_k=-2.0),
    )
    metrics = {
        "forget_truth_ratio": 0.25,
        "forget_probability": 0.375,
        "forget_rouge_l": 0.3,
        "forget_recall": 1.0,
        "retain_truth_ratio": 0.75,
        "retain_probability": 0.9,
        "membership_min_k": 0.5,
        "model_utility": 0.6,
    }
    return Evaluation(metrics, dict.fromkeys(metrics, 2), (), rows=rows)


@pytest.mark.parametrize("form", ["geometric", "prob_mean"])
def test_our_figures_are_written_so_that_theirs_are_made_from_them(tmp_path, evaluation, form):
    if form == "prob_mean":
        share = {"forget_truth_ratio": (1 / 1.5 + 0) / 2, "retain_truth_ratio": 0.8}
        evaluation = dataclasses.replace(evaluation, metrics=evaluation.metrics | share)
    full, summary = write_logs(evaluation, tmp_path / "logs", "tofu:forget05", Protocol(truth_ratio=form))
    assert (full.name, summary.name) == ("TOFU_EVAL.json", "TOFU_SUMMARY.json")
    theirs = json.loads(full.read_text(encoding="utf-8"))
    # What their own metrics read: `ks_test` the scores, `privleak` the aggregate of mia_min_k.
    scores = [row["score"] for row in theirs["forget_truth_ratio"]["value_by_index"].values()]
    assert scores == pytest.approx([1 / 1.5, 0.0] if form == "prob_mean" else [0.5, 1e10])
    assert theirs["mia_min_k"]["agg_value"] == 0.5
    assert theirs["mia_min_k"]["forget"]["value_by_index"] == {"0": {"score": 1.0}, "1": {"score": 3.0}}
    assert theirs["forget_Q_A_Prob"]["value_by_index"]["0"]["avg_loss"] == pytest.approx(math.log(4))
    assert theirs["forget_Q_A_ROUGE"]["value_by_index"]["1"]["generation"] == "Bo did."
    log = read_log(full)
    for name in ("forget_truth_ratio", "retain_Truth_Ratio", "forget_Q_A_Prob", "forget_Q_A_ROUGE", "mia_min_k"):
        made = log.recomputed(name)
        assert made is not None and made.agrees, name
    expected = {name: entry["agg_value"] for name, entry in theirs.items()}
    assert json.loads(summary.read_text(encoding="utf-8")) == expected


def test_suites_have_their_names_and_nothing_to_write_is_said(tmp_path, evaluation):
    rows = (*evaluation.rows, row_figures("own_verbmem", 0, verbmem_forget=0.5))
    muse = dataclasses.replace(evaluation, metrics=evaluation.metrics | {"verbmem_forget": 0.5}, rows=rows)
    full = write_logs(muse, tmp_path, "muse:news")[0]
    assert full.name == "MUSE_EVAL.json"
    made = read_log(full).recomputed("forget_verbmem_ROUGE")
    assert made is not None and made.agrees and made.way == "mean of rougeL_f1"
    with pytest.raises(ValueError, match="measure the group tofu or membership"):
        write_logs(Evaluation({"forget_recall": 1.0}, {"forget_recall": 1}, ()), tmp_path, "tofu:forget05")


# Settings ------------------------------------------------------------------------------------------------------------

HYDRA = """
model:
  model_args:
    pretrained_model_name_or_path: open-unlearning/tofu_Llama-3.2-1B-Instruct_full
trainer:
  handler: NPO
  args:
    per_device_train_batch_size: 8
    gradient_accumulation_steps: 4
    learning_rate: 1e-5
    bf16: true
    optim: paged_adamw_32bit
    weight_decay: 0.01
    num_train_epochs: 10
    warmup_epochs: 1.0
    seed: 3
    output_dir: ${paths.output_dir}
    gradient_checkpointing: true
  method_args:
    gamma: 0.5
    alpha: 2
    beta: 0.1
    retain_loss_type: KL
    preferences: [1.0, 1.0]
data:
  anchor: forget
  forget:
    TOFU_QA_forget:
      handler: QADataset
      args: {hf_args: {name: '${forget_split}', path: locuslab/TOFU}}
forget_split: forget05
retain_split: retain90
"""


def test_their_settings_are_a_run_of_ours(tmp_path):
    found = read_settings(written(tmp_path, HYDRA, "config.yaml"))
    config = found.config
    assert (found.model, found.forget) == ("open-unlearning/tofu_Llama-3.2-1B-Instruct_full", "tofu:forget05")
    assert (config.objective, config.gamma, config.alpha, config.beta, config.retain) == ("npo", 0.5, 2, 0.1, "kl")
    assert (config.forget_batch, config.retain_batch, config.micro_batch) == (32, 32, 8)
    # 200 rows are 25 batches of 8, which are 7 steps an epoch; a warm-up of an epoch is 200 // 32 of them.
    assert (config.steps, config.warmup, config.seed) == (70, 6, 3)
    assert (config.learning_rate, config.precision, config.gradient_checkpointing) == (1e-5, "bfloat16", True)
    assert config.rule.kind == "sequence" and config.optimiser == "adamw"
    # From the end of the warm-up on in a line.
    assert config.rate_at(6) == 1e-5 and config.rate_at(38) == pytest.approx(1e-5 * 33 / 65)
    said = " ".join(found.notes)
    assert "No counterpart: trainer.method_args.preferences." in said
    assert "Its 10 epochs are 70 steps over the 200 rows of tofu:forget05" in said
    assert "weight_decay" in said and "'retain90', and those of forget05 here are retain95" in said


@pytest.mark.parametrize("handler", METHODS)
def test_every_method_of_theirs_that_we_have_is_read(tmp_path, handler):
    found = read_settings(written(tmp_path, HYDRA.replace("NPO", handler), "config.yaml"))
    assert found.config.objective == METHODS[handler]
    # What a file leaves out is what their classes take, and not what we do.
    bare = HYDRA[: HYDRA.index("  method_args")] + HYDRA[HYDRA.index("data:") :]
    values = read_settings(written(tmp_path, bare.replace("NPO", handler), "config.yaml")).config.resolved
    weights = {"GradAscent": (1, 0), "SatImp": (1, 0.1)}.get(handler, (1, 1))
    assert (values["gamma"], values["alpha"]) == weights
    assert values["beta"] == {"SatImp": 5, "RMU": 2}.get(handler, 1)


def test_rmu_names_its_layer_and_its_own_states(tmp_path):
    layer = "'module_regex': 'model\\.layers\\.7'"
    method = f"method_args: {{alpha: 1000, steering_coeff: 300, retain_loss_type: EMBED_DIFF, {layer}}}"
    text = HYDRA[: HYDRA.index("  method_args")] + f"  {method}\n" + HYDRA[HYDRA.index("data:") :]
    found = read_settings(written(tmp_path, text.replace("NPO", "RMU"), "config.yaml"))
    config = found.config
    assert (config.layer, config.layer_position, config.retain, config.alpha) == (8, "own", "states", 1000)
    assert "steering_coeff is a length" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (HYDRA, "", "holds no settings by name"),
        (HYDRA, "- 1", "holds no settings by name"),
        (HYDRA, "{", "is no YAML"),
        (HYDRA, "[" * 900_000, "has hundreds of brackets"),
        (HYDRA, "a: &a [1]\nb: *a", "refers to parts of itself"),
        (HYDRA, "!!python/object/apply:os.getcwd []", "is no YAML"),
        (HYDRA, "a: 1", "names no trainer.handler"),
        ("NPO", "PDU", "The method 'PDU' has no counterpart"),
        ("NPO", "npo", "did you mean 'NPO'"),
        ("KL", "JSD", "The retain loss 'JSD' has no counterpart"),
        ("1e-5", "fast", "trainer.args.learning_rate is 'fast': a number is needed"),
        ("1e-5", ".nan", "a number is needed"),
        ("size: 8", "size: 0", "less than one row"),
        ("beta: 0.1", "beta: 0", "divides by beta"),
        ("epochs: 10", "epochs: 1e400", "a number is needed"),
        ("epochs: 10", "epochs: 1e308", "num_train_epochs is '1e308': a number is needed"),
        ("steps: 4", "steps: 1e308", "a number is needed, up to 1e+12"),
        ("KL", "[KL]", "has no counterpart"),
        ("seed: 3", "seed: 2020-13-45", "is no YAML"),
    ],
)
def test_settings_that_cannot_be_read_are_one_sentence(tmp_path, capsys, old, new, match):
    path = written(tmp_path, HYDRA.replace(old, new), "config.yaml")
    assert main(["--from-hydra", str(path)]) == 2
    error = capsys.readouterr().err.strip()
    assert match in error and "\n" not in error
