"""An endpoint's function with a parameter for every setting of a run that may be wished for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import gradio as gr

from unlearn.wishes import WISHES

PRESET = {"preset": ("", "a run by its name: etw, tokenunlearn-npo-hard, atwu, sequence-npo, ...")}
F = TypeVar("F", bound=Callable[..., Any])


class Wished(NamedTuple):
    """What a caller asks for: who calls, the endpoint's own parameters by name, and the settings, None unless said."""

    request: gr.Request
    given: dict[str, Any]
    wishes: dict[str, Any]


def with_wishes(
    name: str, head: str, returns: str, answer: Callable[[Wished], Any], annotation: Any, own: Mapping[str, Any]
) -> Callable[..., Any]:
    """A function of this name for `gr.api`, which reads its parameters and their help off it.

    Args:
        head, returns: of its docstring, before and after the parameters.
        answer: what it does.
        annotation: of what it gives back.
        own: its parameters beside the settings: the value when left out, and one phrase.
    """
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("request", kind, annotation=gr.Request)]
    parameters += [inspect.Parameter(key, kind, default=one[0], annotation=str) for key, one in own.items()]
    for key, described in WISHES.items():
        parameters.append(inspect.Parameter(key, kind, default=None, annotation=described.kind | None))
    signature = inspect.Signature(parameters, return_annotation=annotation)

    def read(arguments: tuple[Any, ...], named: dict[str, Any]) -> Wished:
        bound = signature.bind(*arguments, **named)
        bound.apply_defaults()
        values = dict(bound.arguments)
        return Wished(values["request"], {key: values[key] for key in own}, {key: values[key] for key in WISHES})

    if inspect.isgeneratorfunction(answer):

        def endpoint(*arguments: Any, **named: Any) -> Any:
            yield from answer(read(arguments, named))

    else:

        def endpoint(*arguments: Any, **named: Any) -> Any:
            return answer(read(arguments, named))

    endpoint.__name__ = endpoint.__qualname__ = name
    endpoint.__signature__ = signature  # type: ignore[attr-defined]
    endpoint.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    texts = [f"    {key}: {text}" for key, (_, text) in own.items()]
    texts += [f"    {key}: {described.summary}." for key, described in WISHES.items()]
    endpoint.__doc__ = "\n".join((head, "Args:", *texts, "", returns))
    return endpoint
