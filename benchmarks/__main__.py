"""Timings, each part by its name: python -m benchmarks PART ...; an unknown one lists them all."""

from __future__ import annotations

import importlib
import sys

PARTS = {
    "page": "the page in a real Chromium: opening, scoring, dragging a cut",
    "newcomer": "from opening the page to a compared forgetting, in a real Chromium, by script",
    "waits": "what people wait for: loading, scoring, steps of every objective",
    "results": "three architectures, two kinds of text: scorers and arms on each (hours)",
    "predict": "whether a trial of a few steps ranks what cuts cost (minutes)",
    "real": "a model that speaks forgets countries: scorers, one run part by part, arms at equal forgetting",
    "about": "a model that speaks forgets subjects that nobody prepared: the log of what it says",
    "load": "fifty visitors at once, two hundred one after another",
    "steps": "steps of unlearning against bare gradients, transformers' Trainer, and what was expected",
    "gpu": "a 1B-shaped model in bfloat16: scoring and unlearning in tokens a second, share of the peak, memory",
    "scale": "what a billion rows and a 70B model would take, from rates measured here (a minute)",
    "families": "every class of causal models against plain transformers, into docs/families.md",
    "scoring": "scoring against Captum, in plain forwards, and its memory",
}


def main(arguments: list[str]) -> int:
    """Run one part, `waits` unless named."""
    name = arguments[0] if arguments and not arguments[0].startswith("-") else "waits"
    if name not in PARTS:
        listed = "\n".join(f"  {part:<10}{what}" for part, what in PARTS.items())
        print(f"The benchmark {name!r} is unknown. Choose from:\n{listed}", file=sys.stderr)
        return 2
    importlib.import_module(f"benchmarks.{name}").main(arguments[1:] if arguments[:1] == [name] else arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
