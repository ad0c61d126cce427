"""A comparison as text, for a terminal and for a page of documentation."""

from __future__ import annotations

from unlearn.arms.comparison import Comparison, Interval

HOW = (
    "Intervals are 95%, bootstrapped over seeds and over groups of rows (authors, or rows without one) together; "
    "differences are paired. p: two-sided paired permutation test over groups."
)


def text_table(comparison: Comparison) -> str:
    """Every arm after its last step, then at each target."""
    lines = _final(comparison)
    for i in range(len(comparison.targets)):
        lines += ["", *_at(comparison, i)]
    notes = [f"{arm.arm}, {note}" for arm in comparison.arms for note in arm.notes]
    lines += ["", HOW, *(notes and ["", *notes])]
    return "\n".join(lines) + "\n"


def markdown_table(comparison: Comparison) -> str:
    """The same tables for a page of documentation."""
    names = (comparison.forgetting, *comparison.figures)
    parts = [
        _markdown(
            ["arm", "seeds", *(n.replace("_", " ") for n in names), "size", "KS D", "KS p (lowest to highest)"],
            [
                [
                    f"`{arm.arm}`",
                    str(len(arm.seeds)),
                    *(_short(arm.final[name]) for name in names),
                    f"{arm.update_size:.2f}",
                    f"{arm.forget_quality['d']:.3f}" if arm.forget_quality else "-",
                    _p_range(arm.forget_quality),
                ]
                for arm in comparison.arms
            ],
        )
    ]
    for i, target in enumerate(comparison.targets):
        head = ["arm", "reached", *(n.replace("_", " ") for n in comparison.figures)]
        rows = []
        for arm in comparison.arms:
            at = arm.at[i]
            cells = []
            for name in comparison.figures:
                mine, against = at.figures[name], at.against.get(name)
                if against is None or against.p is None or mine.value is None:
                    cells.append(_short(mine) if at.reached else "-")
                else:
                    cells.append(f"{mine.value:.3f}; {_signed(against.interval)}, p {against.p:.2g}")
            reached = f"{at.reached} of {len(arm.seeds)}" if at.reached else f"never (lowest {arm.lowest:.2f})"
            rows.append([f"`{arm.arm}`", reached, *cells])
        forgetting = comparison.forgetting.replace("_", " ")
        title = f"At {forgetting} {target:g} (figure; its difference to {comparison.reference})"
        parts.append(f"{title}:\n\n{_markdown(head, rows)}")
    return "\n".join(parts)


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def _final(comparison: Comparison) -> list[str]:
    names = (comparison.forgetting, *comparison.figures)
    width = max(len(arm.arm) for arm in comparison.arms) + 2
    lines = ["After the last step (mean over seeds, 95% interval)", ""]
    lines.append(" " * width + "".join(f"{name:<24}" for name in names) + f"{'|dtheta|':>8}{'KS D':>7}{'KS p':>9}")
    for arm in comparison.arms:
        quality = arm.forget_quality
        tail = f"{quality['d']:>7.3f}{quality['p_mean']:>9.2g}" if quality else f"{'-':>7}{'-':>9}"
        cells = "".join(f"{arm.final[name]!s:<24}" for name in names)
        lines.append(f"{arm.arm:<{width}}{cells}{arm.update_size:>8.3f}{tail}")
    return lines


def _at(comparison: Comparison, i: int) -> list[str]:
    width = max(len(arm.arm) for arm in comparison.arms) + 2
    title = f"At equal forgetting: {comparison.forgetting} = {comparison.targets[i]:g}"
    lines = [f"{title} (difference to {comparison.reference}, p)", ""]
    lines.append(" " * width + f"{'reached':<10}{'step':>6}  " + "".join(f"{name:<44}" for name in comparison.figures))
    for arm in comparison.arms:
        at = arm.at[i]
        if not at.reached or at.step is None:
            lines.append(f"{arm.arm:<{width}}never: the lowest is {arm.lowest:.3f}")
            continue
        cells = ""
        for name in comparison.figures:
            cell = str(at.figures[name])
            against = at.against.get(name)
            if against and against.interval.value is not None and against.p is not None:
                cell += f"  {against.interval.value:+.3f} p {against.p:.2g}"
            cells += f"{cell:<44}"
        lines.append(f"{arm.arm:<{width}}{f'{at.reached} of {len(arm.seeds)}':<10}{at.step:>6.1f}  {cells}".rstrip())
    return lines


def _short(interval: Interval) -> str:
    if interval.value is None or interval.low is None or interval.high is None:
        return "-"
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _signed(interval: Interval) -> str:
    if interval.value is None or interval.low is None or interval.high is None:
        return "-"
    return f"{interval.value:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"


def _p_range(quality: dict[str, float]) -> str:
    return f"{quality['p_low']:.2g} to {quality['p_high']:.2g}" if quality else "-"
