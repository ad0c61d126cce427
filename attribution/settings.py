"""A setting, described once: its title, help, unit, bounds and choices stand beside the field of the class that has it.

    @dataclass(frozen=True)
    class Config:
        steps: int = setting(80, "Steps", "optimiser steps", low=1, flag="--steps", key="steps")

        def __post_init__(self) -> None:
            check_settings(self)

Everything that shows, reads or checks a setting is made from that one line: the command line, the page's form, its
address, the endpoint's schema, model cards and `--help` (docs/adding-a-setting.md). pydantic reads and checks the
values; the sentences are ours, since its own name no next step.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from pydantic import TypeAdapter, ValidationError

from attribution.suggestions import did_you_mean

Choices = Collection[Any] | Callable[[], Collection[Any]]
_NONE = type(None)


@dataclass(frozen=True)
class Setting:
    """Facts about one setting.

    Attributes:
        title: what people call it, as a form's label: `Learning rate`.
        help: what it does, in one sentence without a capital at the start and without a full stop.
        unit: of the number, such as `nats` or `rows`; empty where there is none.
        low, high: the bounds, both allowed; `above` and `below` are bounds that are themselves not allowed.
        choices: the values there are, perhaps a dict of what a form calls them, or a function that gives either (a
            registry that fills while modules load).
        none: what None stands for, such as `the objective's own`; only for settings that may be None.
        zero: whether 0 stands for None, where a number is needed to say so.
        group: the heading it stands under in `--help`.
        flag: its flag on a command line, `--steps`; empty where neither a command line nor an endpoint has it.
        key: its name in an address of the page; empty where it is not part of one.
        form: whether the page's form shows it.
        step: how far one press of a number field's arrow goes.
        slider: (least, most) of the slider that a form shows in place of a number field; most None is the host's limit.
    """

    title: str
    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    choices: Choices | None = None
    none: str = ""
    zero: bool = False
    group: str = ""
    flag: str = ""
    key: str = ""
    form: bool = False
    step: float | None = None
    slider: tuple[float, float | None] | None = None


def setting(default: Any, title: str, help: str, **facts: Any) -> Any:
    """A dataclass field with its description. `default` may be a function without arguments that makes it."""
    described = {"setting": Setting(title, help, **facts)}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=described)
    return dataclasses.field(default=default, metadata=described)


@dataclass(frozen=True)
class Described:
    """A field of a class with its description.

    Attributes:
        name: the field's name.
        hint: its type.
        default: its default value.
        facts: the description.
    """

    name: str
    hint: Any
    default: Any
    facts: Setting

    @cached_property
    def optional(self) -> bool:
        """Whether it may be None."""
        return _NONE in typing.get_args(self.hint)

    @cached_property
    def kind(self) -> Any:
        """Its type without None; a `Literal` is the type of its values."""
        hint = self.hint
        if self.optional:
            rest = tuple(part for part in typing.get_args(hint) if part is not _NONE)
            hint = rest[0] if len(rest) == 1 else typing.Union[rest]  # noqa: UP007
        if typing.get_origin(hint) is typing.Literal:
            return type(typing.get_args(hint)[0])
        return hint

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values there are; empty where any of its kind within the bounds is one."""
        return tuple(self.titles)

    @property
    def titles(self) -> Mapping[Any, str]:
        """What a form calls each choice."""
        given = self.facts.choices
        if given is not None:
            listed = given() if callable(given) else given
            return listed if isinstance(listed, Mapping) else {value: str(value) for value in listed}
        hint = self.hint
        parts = typing.get_args(hint) if isinstance(hint, types.UnionType) or self.optional else (hint,)
        literals = [part for part in parts if typing.get_origin(part) is typing.Literal]
        return {value: str(value) for value in typing.get_args(literals[0])} if literals else {}

    @property
    def bounds(self) -> str:
        """`from 1 to 300`, `at least 1`, `above 0`, `at least 1, or 0`; empty where there is no bound."""
        inside, zero = self._span, ", or 0" * self.facts.zero
        return f"{inside}{zero}" if inside else ""

    @property
    def _span(self) -> str:
        facts = self.facts
        low = f"above {_plain(facts.above)}" if facts.above is not None else ""
        if facts.low is not None:
            low = f"at least {_plain(facts.low)}"
        if facts.below is not None:
            return f"{low} and below {_plain(facts.below)}" if low else f"below {_plain(facts.below)}"
        if facts.high is None or math.isinf(facts.high):
            return low
        if facts.low is not None:
            return f"from {_plain(facts.low)} to {_plain(facts.high)}"
        return f"{low} and at most {_plain(facts.high)}" if low else f"at most {_plain(facts.high)}"

    @property
    def summary(self) -> str:
        """`optimiser steps: at least 1 [80]`: what it does, what it may be, and what it is when left out."""
        facts, usual = self.facts, self.default
        choices = list(map(str, self.choices))
        # A help that explains every choice has named them.
        allowed = "" if choices and all(name in facts.help for name in choices) else ", ".join(choices) or self.bounds
        left_out = facts.none if usual is None else written(usual)
        unit = f", in {facts.unit}" if facts.unit else ""
        return f"{facts.help}{unit}{f': {allowed}' if allowed else ''}{f' [{left_out}]' if left_out else ''}"

    def narrowed(self, low: float | None = None, high: float | None = None) -> Described:
        """The same setting within tighter bounds, such as a host's limit on steps."""
        lows = [bound for bound in (low, self.facts.low) if bound is not None]
        highs = [bound for bound in (high, self.facts.high) if bound is not None]
        facts = dataclasses.replace(self.facts, low=max(lows, default=None), high=min(highs, default=None))
        return dataclasses.replace(self, facts=facts)

    def read(self, value: Any, high: float | None = None) -> Any:
        """The value that a person, a form, an address or a file gave, as the field's own kind.

        Args:
            value: text is read as a number, a yes or a no where the field is one.
            high: a tighter upper bound than the field's own.

        Raises:
            ValueError: it is not of that kind, outside the bounds, or none of the choices; one sentence.
        """
        if high is not None:
            return self.narrowed(high=high).read(value)
        if value is None:
            if self.optional:
                return None
            raise ValueError(f"{self.facts.title} is empty: {self._wanted()} is needed.")
        if self.choices:
            if value not in self.choices:
                raise ValueError(
                    f"{self.facts.title} is {_shown(value)}{did_you_mean(str(value)[:40], map(str, self.choices))} "
                    f"Choose from {', '.join(map(str, self.choices))}."
                )
            return value
        try:
            found = _adapter(self.kind).validate_python(value)
        except ValidationError:
            raise ValueError(f"{self.facts.title} is {_shown(value)}: {self._wanted()} is needed.") from None
        if self.facts.zero and found == 0:
            return None
        if isinstance(found, (int, float)) and not isinstance(found, bool) and not self._inside(found):
            number = found if isinstance(value, str) else value
            raise ValueError(f"{self.facts.title} is {_shown(number)}: {self._wanted()} is needed.")
        return found

    def _inside(self, number: float) -> bool:
        facts = self.facts
        try:
            finite = math.isfinite(number)
        except OverflowError:  # a whole number that no float holds
            finite = False
        return (
            finite
            and (facts.low is None or number >= facts.low)
            and (facts.above is None or number > facts.above)
            and (facts.below is None or number < facts.below)
            and (facts.high is None or number <= facts.high)
        )

    def _wanted(self) -> str:
        nouns: dict[Any, str] = {bool: "yes or no", int: "a whole number", float: "a number", str: "a text"}
        nouns[tuple[float, float]] = "a pair of numbers"
        of = "of " if self.bounds.startswith("at ") else ""
        return f"{nouns.get(self.kind, 'another value')} {of}{self.bounds}".strip()


@cache
def settings_of(owner: type[Any]) -> dict[str, Described]:
    """The described fields of a class, by name, in the order in which they are written."""
    hints = typing.get_type_hints(owner)
    found = {}
    for entry in dataclasses.fields(owner):
        if "setting" in entry.metadata:
            default = entry.default
            if entry.default_factory is not dataclasses.MISSING:
                default = entry.default_factory()
            found[entry.name] = Described(entry.name, hints[entry.name], default, entry.metadata["setting"])
    return found


def check_settings(config: Any) -> None:
    """Check every described field of a dataclass instance, and put each value in as its own kind.

    Raises:
        ValueError: one sentence about the first field that is wrong.
    """
    for name, described in settings_of(config.__class__).items():
        object.__setattr__(config, name, described.read(getattr(config, name)))


def written(value: Any) -> str:
    """A setting's value for people: `yes`, `no`, `0.0004`, `wga`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind, config={"arbitrary_types_allowed": True})


def _plain(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 42 else f"{text[:40]}…"
