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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from pydantic import TypeAdapter, ValidationError

from attribution.suggestions import did_you_mean

Choices = Sequence[Any] | Callable[[], Sequence[Any]]
_NONE = type(None)


@dataclass(frozen=True)
class Setting:
    """Facts about one setting.

    Attributes:
        title: what people call it, as a form's label: `Learning rate`.
        help: what it does, in one sentence without a capital at the start and without a full stop.
        unit: of the number, such as `nats` or `rows`; empty where there is none.
        low, high: the bounds, both allowed; `above` is a lower bound that is itself not allowed.
        choices: the values there are, or a function that lists them (a registry that fills while modules load).
        none: what None stands for, such as `the objective's own`; only for settings that may be None.
        group: the heading it stands under in `--help` and in a form.
        flag: its flag on a command line; empty where the command line has none.
        key: its name in an address of the page; empty where it is not part of one.
        form: whether the page's form shows it.
        step: how far one press of a number field's arrow goes.
    """

    title: str
    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    above: float | None = None
    choices: Choices | None = None
    none: str = ""
    group: str = ""
    flag: str = ""
    key: str = ""
    form: bool = False
    step: float | None = None


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
        given = self.facts.choices
        if given is not None:
            return tuple(given() if callable(given) else given)
        hint = self.hint
        parts = typing.get_args(hint) if isinstance(hint, types.UnionType) or self.optional else (hint,)
        literals = [part for part in parts if typing.get_origin(part) is typing.Literal]
        return typing.get_args(literals[0]) if literals else ()

    @property
    def bounds(self) -> str:
        """`from 1 to 300`, `at least 1`, `above 0`; empty where there is no bound."""
        facts = self.facts
        low = f"above {_plain(facts.above)}" if facts.above is not None else ""
        if facts.low is not None:
            low = f"at least {_plain(facts.low)}"
        if facts.high is None or math.isinf(facts.high):
            return low
        if facts.low is not None:
            return f"from {_plain(facts.low)} to {_plain(facts.high)}"
        return f"{low} and at most {_plain(facts.high)}" if low else f"at most {_plain(facts.high)}"

    def read(self, value: Any, high: float | None = None) -> Any:
        """The value that a person, a form, an address or a file gave, as the field's own kind.

        Args:
            value: text is read as a number, a yes or a no where the field is one.
            high: a tighter upper bound than the field's own, such as the page's limit on steps.

        Raises:
            ValueError: it is not of that kind, outside the bounds, or none of the choices; one sentence.
        """
        if value is None:
            if self.optional:
                return None
            raise ValueError(f"{self.facts.title} is empty: {self._wanted(high)} is needed.")
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
            raise ValueError(f"{self.facts.title} is {_shown(value)}: {self._wanted(high)} is needed.") from None
        if isinstance(found, (int, float)) and not isinstance(found, bool) and not self._inside(found, high):
            number = found if isinstance(value, str) else value
            raise ValueError(f"{self.facts.title} is {_shown(number)}: {self._wanted(high)} is needed.")
        return found

    def _inside(self, number: float, high: float | None) -> bool:
        facts = self.facts
        highest = min(limit for limit in (facts.high, high, math.inf) if limit is not None)
        return (
            math.isfinite(number)
            and (facts.low is None or number >= facts.low)
            and (facts.above is None or number > facts.above)
            and number <= highest
        )

    def _wanted(self, high: float | None = None) -> str:
        nouns: dict[Any, str] = {bool: "yes or no", int: "a whole number", float: "a number", str: "a text"}
        nouns[tuple[float, float]] = "a pair of numbers"
        noun = nouns.get(self.kind, "another value")
        narrowed = self
        if high is not None and (self.facts.high is None or high < self.facts.high):
            narrowed = dataclasses.replace(self, facts=dataclasses.replace(self.facts, high=high))
        return f"{noun} {narrowed.bounds}".strip()


@cache
def settings_of(owner: type) -> dict[str, Described]:
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


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind, config={"arbitrary_types_allowed": True})


def _plain(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) and abs(number) < 1e7 else f"{number:g}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 42 else f"{text[:40]}…"
