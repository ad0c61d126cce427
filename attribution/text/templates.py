"""The text a model is given: words around prompt and answer, or a tokenizer's own chat template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError

from attribution.settings import check_settings, setting
from attribution.text.tokenising import check_text

DEFAULT_TEMPLATE = "Question: {prompt}\nAnswer: {answer}"
AUTO, PLAIN, CHAT = "auto", "plain", "chat"
NAMES = (AUTO, PLAIN, CHAT)
LONGEST = 4_000
# Plain letters, so that no template and no tokenizer has a reason to change them.
_PROMPT, _ANSWER = "ForgetLensPrompt", "ForgetLensAnswer"


@dataclass(frozen=True)
class Asking:
    """How a model is asked."""

    template: str = setting(
        AUTO,
        "Template",
        "the words around question and answer: the tokenizer's chat template where it has one and plain otherwise "
        "(auto), a line Question: and a line Answer: (plain), the chat template or nothing (chat), or a text with "
        "{prompt} and {answer}",
        flag="--template",
        key="template",
        form=True,
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if len(self.template) > LONGEST:
            raise ValueError(f"The template has {len(self.template):,} characters: at most {LONGEST:,} are allowed.")
        if self.template not in NAMES:
            check_template(self.template)


class ChatTemplate(str):
    """A template in which special tokens are written out, the beginning token too: nothing is to be added to it."""


def check_template(template: str) -> str:
    """`template`, when it holds `{prompt}` and then `{answer}`, once each, and is text; otherwise a ValueError."""
    check_text("template", template)
    if template.count("{prompt}") != 1 or template.count("{answer}") != 1:
        raise ValueError(
            f"The template {template!r} needs {{prompt}} and {{answer}}, once each; or name {', '.join(NAMES)}."
        )
    if template.index("{prompt}") > template.index("{answer}"):
        raise ValueError(f"The template {template!r} must have {{prompt}} before {{answer}}.")
    return template


def chat_template(tokenizer: Any, name: str) -> ChatTemplate:
    """The tokenizer's chat template around one question and its answer, system text and empty thoughts included.

    It is made by filling the template with two stand-in words, so every row gets the same text around it. A template
    that trims what it is given still trims nothing here: the answer is scored as it stands.

    Raises:
        ValueError: the tokenizer has no chat template, or one that does not show question and answer once each.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise ValueError(
            f"The tokenizer of {name!r} has no chat template: give the template plain, or a text with {{prompt}} and "
            f"{{answer}}, such as {DEFAULT_TEMPLATE!r}."
        )
    messages = [{"role": "user", "content": _PROMPT}, {"role": "assistant", "content": _ANSWER}]
    # A template is a program of its folder's: whatever it raises (Jinja's errors, a lookup in a message that is not
    # there) is for the person who gave it.
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False)
    except (
        TemplateError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"The chat template of {name!r} cannot be filled with one question and its answer ({reason}): give the "
            "template plain, or a text with {prompt} and {answer}."
        ) from error
    if text.count(_PROMPT) != 1 or text.count(_ANSWER) != 1 or text.index(_PROMPT) > text.index(_ANSWER):
        raise ValueError(
            f"The chat template of {name!r} does not show the question and then the answer, once each: give the "
            "template plain, or a text with {prompt} and {answer}."
        )
    return ChatTemplate(check_template(text.replace(_PROMPT, "{prompt}").replace(_ANSWER, "{answer}")))


def resolve_template(template: str, tokenizer: Any, name: str) -> str:
    """The template that is meant (`Asking`): words with `{prompt}` and `{answer}`, or a `ChatTemplate`.

    Raises:
        ValueError: the template lacks a part, or the tokenizer's own is asked for (by `auto` too, where there is one)
            and cannot serve.
    """
    if template == CHAT or (template == AUTO and getattr(tokenizer, "chat_template", None)):
        return chat_template(tokenizer, name)
    return check_template(DEFAULT_TEMPLATE if template in (AUTO, PLAIN) else template)


def template_name(template: str) -> str:
    """What asks for this template again: `chat`, `plain`, or the text itself."""
    return CHAT if isinstance(template, ChatTemplate) else PLAIN if template == DEFAULT_TEMPLATE else template


def template_words(template: str) -> str:
    """How a model is asked, for a sentence."""
    words = {CHAT: "the tokenizer's chat template", PLAIN: "lines Question: and Answer:"}
    return words.get(template_name(template), f"the template {template!r}")


def fill_template(template: str, prompt: str, answer: str) -> tuple[str, tuple[int, int], tuple[int, int]]:
    """The text of a row, with the character ranges of its prompt and of its answer.

    A row without a prompt is its answer alone, whatever the template.
    """
    if not prompt:
        return answer, (0, 0), (0, len(answer))
    before, rest = template.split("{prompt}", 1)
    between, after = rest.split("{answer}", 1)
    prompt_start = len(before)
    answer_start = prompt_start + len(prompt) + len(between)
    return (
        before + prompt + between + answer + after,
        (prompt_start, prompt_start + len(prompt)),
        (answer_start, answer_start + len(answer)),
    )


def prompt_text(template: str, prompt: str) -> str:
    """What the model is given before it answers.

    Words end without their last spaces: most tokenizers carry the space in the answer's first token. A chat template
    ends as it is.
    """
    before, rest = template.split("{prompt}", 1)
    text = before + prompt + rest.split("{answer}", 1)[0]
    return text if isinstance(template, ChatTemplate) else text.rstrip(" ")
