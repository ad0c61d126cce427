/* The prompt as words that can be clicked: which of them masking hides, and others to hide instead. */

function makePrompt(model, onScore) {
  const parts = model.data.prompt;
  const text = make("p", { class: "fl-question", dir: "auto" });
  const offer = make("div", { class: "fl-offer", role: "status" });
  const shown = [];
  let range = null;

  const phrase = () =>
    parts
      .slice(range[0], range[1] + 1)
      .map((part) => part.text)
      .join("");
  function draw() {
    parts.forEach((part, k) => {
      const chosen = range ? k >= range[0] && k <= range[1] : part.hidden;
      shown[k].classList.toggle("fl-masked", chosen);
      if (part.word) shown[k].setAttribute("aria-pressed", String(chosen));
    });
    offer.replaceChildren();
    if (!range) return;
    offer.append(
      make("span", {}, "Hide “", make("b", {}, phrase()), "” instead?"),
      make(
        "button",
        {
          type: "button",
          class: "fl-button",
          onclick: () => onScore({ text: phrase(), start: parts[range[0]].start, end: parts[range[1]].end }),
        },
        "Score again",
      ),
      make(
        "button",
        {
          type: "button",
          class: "fl-button fl-quiet",
          onclick: () => {
            range = null;
            draw();
          },
        },
        "Keep as it was",
      ),
    );
  }
  /** A first click starts a new range, another word stretches it, a word inside it starts over. */
  function choose(k) {
    if (!range) range = [k, k];
    else if (range[0] === k && range[1] === k) range = null;
    else if (k < range[0]) range = [k, range[1]];
    else if (k > range[1]) range = [range[0], k];
    else range = [k, k];
    draw();
  }
  parts.forEach((part, k) => {
    const hint = "Hide this word from the model for the masking score";
    shown[k] = part.word
      ? make("button", { type: "button", class: "fl-pw", title: hint, onclick: () => choose(k) }, part.text)
      : make("span", { class: "fl-gap" }, part.text);
    text.append(shown[k]);
  });
  draw();
  return make("div", { class: "fl-prompt" }, text, promptNote(model), offer);
}

function promptNote(model) {
  const { text, found } = model.data.subject;
  if (!text)
    return make(
      "p",
      { class: "fl-soft" },
      "No subject was found: masking hides the prompt's words one at a time.",
      make("span", { class: "fl-hint" }, " Click a word to hide it instead."),
    );
  const how = {
    given: "chosen by you",
    shared: "prompt and answer share it",
    capitalised: "the longest name in the prompt",
  }[found];
  return make(
    "p",
    { class: "fl-soft" },
    "Masking hides the dotted words",
    how ? ` (${how})` : "",
    ".",
    make("span", { class: "fl-hint" }, " Click others to change that."),
  );
}
