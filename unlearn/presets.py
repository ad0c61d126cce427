"""Runs with a name: the papers' methods, the whole-sequence baselines, and ours.

A preset is a `RunConfig` and, for every setting that matters, where it comes from: what a paper or its authors' code
says, what is known from a summary alone, and what is ours. Papers report settings for models of 1 to 8 billion
parameters; learning rates and numbers of steps here are ours throughout, and fit models of a few million.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from attribution.scorers import EVIDENCE_TEXT, Evidence
from attribution.selection import Rule
from attribution.settings import settings_of, written
from attribution.suggestions import did_you_mean
from unlearn.objectives import OBJECTIVES, get_objective, get_retention
from unlearn.run.config import OF_THE_OBJECTIVE, OURS, RunConfig
from unlearn.run.scorer_learning import ScorerSettings

DEFAULT_PRESET = "ours"
REAL_PRESET = "real"
HARD_SHARE = 0.3
LEARNED = "the learned scores of the original model"
# Normalised ranks lie in [0, 1]; at this temperature the best token weighs about 50 times the worst.
SOFT_TEMPERATURE = 0.25
# Gradient ascent has no floor: it goes on after the facts are gone, and takes the rest along.
ASCENT_STEPS = 40
# About a minute of training on two cores, for a model of a hundred million parameters of which half is trained.
REAL_STEPS = 24
# Settings of a run that presets tell of in words of their own.
TOLD = {*OF_THE_OBJECTIVE, "objective", "score_every", "learn", "normaliser", "layer_position"} | {
    "steps",
    "learning_rate",
}


@dataclass(frozen=True)
class Setting:
    """One setting of a preset, in words, and how sure we are that it is the method's own.

    Attributes:
        evidence: `paper`, `code`, `summary` or `ours` (see `attribution.scorers.EVIDENCE_TEXT`).
    """

    name: str
    value: str
    evidence: Evidence

    def __str__(self) -> str:
        return f"{self.name}: {self.value} ({EVIDENCE_TEXT[self.evidence]})"


@dataclass(frozen=True)
class Preset:
    """A run with a name.

    Attributes:
        sentence: what it does, for the page.
        paper: whose method it is; "ours" for our own.
        config: the run.
        settings: where the config's settings come from. What it sets beside the settings that these tell of is added,
            by its own title, as ours.
    """

    name: str
    title: str
    sentence: str
    paper: str
    config: RunConfig
    settings: tuple[Setting, ...]

    def __post_init__(self) -> None:
        untold = [
            Setting(described.facts.title.lower(), written(getattr(self.config, name)), "ours")
            for name, described in settings_of(RunConfig).items()
            if name not in TOLD and getattr(self.config, name) != described.default
        ]
        object.__setattr__(self, "settings", (*self.settings, *untold))

    @property
    def ours(self) -> tuple[Setting, ...]:
        """The settings that no paper stands behind."""
        return tuple(setting for setting in self.settings if setting.evidence == "ours")

    @property
    def caveat(self) -> str:
        """One sentence for the page: what of this is ours, or not checked against the paper."""
        if self.paper == "ours":
            return "This method and all its settings are ours."
        parts = []
        unchecked = [setting.name for setting in self.settings if setting.evidence == "summary"]
        if self.ours:
            parts.append(f"ours: {', '.join(setting.name for setting in self.ours)}")
        if unchecked:
            parts.append(f"known only from a summary: {', '.join(unchecked)}")
        return f"{self.paper}. {'; '.join(parts).capitalize()}."


def preset_for(forget: str) -> str:
    """The preset of a run that names none, by the rows that are forgotten: facts about the real world have their own.

    >>> preset_for("real:Japan"), preset_for("forget05")
    ('real', 'ours')
    """
    return REAL_PRESET if forget.partition(":")[0] in ("real", "about") else DEFAULT_PRESET


def preset(name: str) -> Preset:
    """The preset of that name. ValueError names those that exist."""
    if name not in PRESETS:
        raise ValueError(
            f"The preset {name!r} is unknown{did_you_mean(name, PRESETS)} Choose from {', '.join(PRESETS)}."
        )
    return PRESETS[name]


def _training(config: RunConfig, papers: str = "1e-5 at 1 to 8 billion parameters") -> tuple[Setting, ...]:
    return (
        Setting(
            "learning rate", f"{config.learning_rate:g}, for a model of a few million parameters; {papers}", "ours"
        ),
        Setting("steps", f"{config.steps} of {config.forget_batch} + {config.retain_batch} rows", "ours"),
    )


def _loss(config: RunConfig, balance: Evidence | None = None) -> tuple[Setting, ...]:
    """The objective's own constants, weights and retain term, as its registry entry has them.

    `balance` says where gamma and alpha come from, where that is not where the objective comes from.
    """
    chosen, values = get_objective(config.objective), config.resolved
    weights: Evidence = "ours" if config.objective == "rmu" else balance or chosen.evidence
    found = [Setting("objective", f"{chosen.title}, {chosen.formula}", chosen.evidence)]
    if chosen.uses:
        constants = ", ".join(f"{name} {values[name]:g}" for name in chosen.uses)
        found.append(Setting("constants", constants, "ours" if config.objective == "rmu" else chosen.evidence))
    if values["alpha"] > 0:
        weighing = f"gamma {values['gamma']:g}, alpha {values['alpha']:g}, {get_retention(values['retain']).title}"
        found.append(Setting("retain term", weighing, weights))
    return tuple(found)


def _selected(config: RunConfig, scores: str) -> tuple[Setting, ...]:
    return (
        Setting("tokens", f"the top {config.rule.cut:g} of {scores}", "ours"),
        Setting("left out", "tokens of the subject's name, which the prompt gives", "ours"),
    )


def _ours(name: str, title: str, scorer: str, whose: str, tokens: str) -> Preset:
    config = dataclasses.replace(OURS, rule=Rule(scorer))
    return Preset(
        name=name,
        title=title,
        sentence=f"The tokens that {whose} highest learn what the model would say of somebody else, by the same inner "
        "states; the rest of the answer is held, and what the prompt gives is left alone.",
        paper="ours",
        config=config,
        settings=(*_selected(config, tokens), *_loss(config), *_training(config)),
    )


def _ours_answers() -> Preset:
    # The default until inner states: it forgets as well in what it says, and less below.
    config = dataclasses.replace(OURS, inner=None, alpha=4.0, retain_batch=32, cooldown=RunConfig().cooldown)
    return Preset(
        name="ours-answers",
        title="Ours, answers alone",
        sentence="The selected tokens learn what the model would say of somebody else; the states below are left to "
        "follow.",
        paper="ours",
        config=config,
        settings=(*_selected(config, LEARNED), *_loss(config), *_training(config)),
    )


def _ours_ascent() -> Preset:
    # The default until the counterfactual teacher: it forgets as well, and leaves answers that are no language.
    config = RunConfig(beta=4.0, alpha=3.0)
    return Preset(
        name="ours-wga",
        title="Ours, by ascent",
        sentence="Weighted gradient ascent on the tokens that a learned scorer, fitted before, ranks highest; what the "
        "prompt gives is left alone.",
        paper="ours",
        config=config,
        settings=(
            *_selected(config, LEARNED),
            Setting("objective", get_objective("wga").formula, "code"),
            Setting("constants", "beta 4 (the authors' is 1)", "ours"),
            Setting("balance", "gamma 1, alpha 3, likelihood of the retain rows", "ours"),
            *_training(config),
        ),
    )


def _real() -> Preset:
    config = RunConfig(
        rule=Rule("new-info", "top", HARD_SHARE),
        objective="counterfactual",
        steps=REAL_STEPS,
        learning_rate=4e-4,
        inner=4.0,
        forget_batch=12,
        retain_batch=8,
    )
    return Preset(
        name=REAL_PRESET,
        title="A real model",
        sentence="What the model would say of somebody else is learned for the words that the question does not give; "
        "the rest of the answer is held.",
        paper="ours",
        config=config,
        settings=(
            Setting("tokens", f"the top {HARD_SHARE:g} by what the answer adds to the question (new-info)", "ours"),
            *_loss(config),
            Setting("learning rate", f"{config.learning_rate:g}, for a model of a hundred million parameters", "ours"),
            Setting("steps", f"{config.steps} of {config.forget_batch} + {config.retain_batch} rows", "ours"),
        ),
    )


def _etw() -> Preset:
    config = RunConfig(
        rule=Rule("entropy", "proportional", keep_given=True), objective="graddiff", score_every=1, steps=ASCENT_STEPS
    )
    return Preset(
        name="etw",
        title="ETW",
        sentence="Gradient ascent on every token, weighted by the entropy of the model as it stands at every step.",
        paper="ETW, arXiv 2604.17785",
        config=config,
        settings=(
            Setting("weights", "w_t = n H_t / sum_j H_j, from the current model at every step, detached", "summary"),
            Setting("temperature", "1", "ours"),
            Setting("loss", "weighted gradient ascent and the likelihood of the retain rows", "summary"),
            Setting("balance", "gamma 1, alpha 1", "ours"),
            *_training(config),
        ),
    )


def _token_unlearn(name: str, form: str) -> Preset:
    rule = (
        Rule("fused", "top", HARD_SHARE, keep_given=True)
        if form == "hard"
        else Rule("fused", "soft", SOFT_TEMPERATURE, keep_given=True)
    )
    ascent = name == "ga"
    # Its GA with a retain term is GradDiff.
    config = RunConfig(rule=rule, objective="graddiff" if ascent else name)
    if ascent:
        config = dataclasses.replace(config, steps=ASCENT_STEPS)
    tokens = (
        Setting("share", f"the top {HARD_SHARE:g} of each answer", "ours")
        if form == "hard"
        else Setting("softmax", f"over ranks, tau {SOFT_TEMPERATURE:g}", "ours")
    )
    how = "on the tokens that masking and entropy together rank highest" if form == "hard" else "weighted by both ranks"
    title = "GA" if ascent else get_objective(name).title
    return Preset(
        name=f"tokenunlearn-{name}-{form}",
        title=f"TokenUnlearn {title}, {form}",
        sentence=f"{title} {how}, scored once with the original model.",
        paper="TokenUnlearn, arXiv 2605.00364",
        config=config,
        settings=(
            Setting("scores", "a masking + (1 - a) entropy, normalised", "summary"),
            Setting("fusion", "a 0.5, ranks in the answer, the subject masked by attention", "ours"),
            tokens,
            # That the paper's GA has a retain term is our guess.
            *_loss(config, "ours" if ascent else None),
            *_training(config),
        ),
    )


ATWU_PAPER = ScorerSettings(scorer_every=5, beta=7.0, lambda_w=1.0, position="own")
ATWU_SMALL = ScorerSettings()


def _atwu(name: str, title: str, learn: str, scorer: ScorerSettings, sentence: str) -> Preset:
    config = RunConfig(
        rule=Rule("learned", "raw", keep_given=True),
        objective="satga",
        normaliser="label",
        learn=learn,  # type: ignore[arg-type]
        scorer_settings=scorer,
        beta=scorer.beta,
    )
    papers = scorer == ATWU_PAPER
    return Preset(
        name=name,
        title=title,
        sentence=sentence,
        paper="ATWU, arXiv 2606.06320",
        config=config,
        settings=(
            Setting("weights", "the score g_t itself, in [0, 1]", "paper"),
            Setting("objective", get_objective("satga").formula, "paper"),
            Setting("balance", "gamma 3, alpha 0.5, likelihood of the retain rows", "paper"),
            Setting("saturation", f"beta {scorer.beta:g}", "paper" if papers else "ours"),
            Setting("scored state", f"the token's {scorer.position} position", "paper" if papers else "ours"),
            Setting("scorer steps", f"one in {scorer.scorer_every} model steps", "paper" if papers else "ours"),
            Setting("scorer decay", f"lambda_w {scorer.lambda_w:g}", "paper" if papers else "ours"),
            Setting("scorer", "lr 0.05, lambda_H 1, lambda_rho 15, rho 0.2", "paper"),
            *_training(config, "the paper's is 1e-5 to 2e-5 at 1 to 8 billion"),
        ),
    )


def _sequence(name: str) -> Preset:
    chosen = OBJECTIVES[name]
    steps = ASCENT_STEPS if name in ("ga", "graddiff") else RunConfig().steps
    config = RunConfig(rule=Rule(kind="sequence", keep_given=True), objective=name, steps=steps, layer_position="own")
    rates = {"undial": "the authors' is 1e-4 at 7 billion parameters"}
    return Preset(
        name=f"sequence-{name}",
        title=f"Whole sequence, {chosen.title}",
        sentence=f"{chosen.title} on every token of the answer, the end included: the baseline.",
        paper=chosen.paper,
        config=config,
        settings=(*_loss(config), *_training(config, *([rates[name]] if name in rates else []))),
    )


PRESETS: dict[str, Preset] = {
    entry.name: entry
    for entry in (
        _ours(
            DEFAULT_PRESET,
            "Ours",
            "learned",
            "a learned scorer, fitted before, ranks",
            LEARNED,
        ),
        _ours(
            "ours-fused",
            "Ours, fused scores",
            "fused",
            "masking and entropy together, with nothing fitted, rank",
            "masking and entropy fused, from the original model",
        ),
        _ours_answers(),
        _ours_ascent(),
        _real(),
        _etw(),
        *(_token_unlearn(name, form) for name in ("ga", "wga", "npo", "rmu") for form in ("hard", "soft")),
        _atwu(
            "atwu",
            "ATWU",
            "alternate",
            ATWU_PAPER,
            "SatGA+ weighted by a scorer that is learned in alternation with the model.",
        ),
        _atwu(
            "atwu-refit",
            "ATWU, refitted",
            "refit",
            ATWU_PAPER,
            "The scorer is learned in alternation first, then frozen, and the model starts again from the original.",
        ),
        _atwu(
            "atwu-small",
            "ATWU, our settings",
            "alternate",
            ATWU_SMALL,
            "ATWU with the settings that find the facts in a small model: a token is scored where it is predicted.",
        ),
        *(_sequence(name) for name in OBJECTIVES),
    )
}


def listing() -> str:
    """Every preset in words, for the terminal: name, what it does, and where each setting comes from."""
    lines = []
    for entry in PRESETS.values():
        lines += [f"{entry.name}", f"    {entry.sentence} {entry.caveat}"]
        lines += [f"      {setting}" for setting in entry.settings]
    return "\n".join(lines) + "\n"
