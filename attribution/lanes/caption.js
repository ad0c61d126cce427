/* What is said around the answer: the switches above it, the legend and the sentences below it. */

/** Layout, unit and colour. `on` has a function for each, called with what was chosen. */
function makeSwitches(model, group, on) {
  return make(
    "div",
    { class: "fl-switches" },
    makeSwitch(
      "Layout",
      `${group}-view`,
      [
        ["lanes", "Lanes", "One line of cells per scorer"],
        ["columns", "Columns", "The answer once per scorer"],
        ["agreement", "Agreement", "How many lanes keep each token"],
      ],
      model.view,
      on.view,
    ),
    makeSwitch(
      "Unit",
      `${group}-units`,
      [
        ["tokens", "Tokens", "The model's own pieces"],
        ["words", "Words", "Each word shows the highest of its tokens; the cut still picks tokens"],
      ],
      model.units,
      on.units,
    ),
    makeSwitch(
      "Colour",
      `${group}-colour`,
      [
        ["rank", "Rank", "Colour by place among this answer's tokens"],
        ["raw", "Raw", "Colour by the score itself"],
      ],
      model.colour,
      on.colour,
    ),
  );
}

function agreementSentence(model) {
  const lanes = model.lanes.length;
  const votes = Array.from({ length: model.n }, (_, i) => model.lanes.reduce((sum, lane) => sum + lane.kept[i], 0));
  const all = votes.filter((count) => count === lanes).length;
  const none = votes.filter((count) => !count).length;
  return `All ${lanes} lanes keep ${all} tokens, none keeps ${none}, and they disagree about ${model.n - all - none} (dashed).`;
}

function foldSentence(model) {
  const lane = model.lanes.find((other) => other.name === model.active);
  let kept = 0;
  for (let i = model.fold; lane && i < model.n; i++) kept += lane.kept[i];
  return `Show the other ${model.n - model.fold} tokens${lane ? `, ${kept} of them kept by ${lane.title}` : ""}`;
}

/** What the marks mean, in the view that is shown. */
function makeLegend(model) {
  const key = (sample, ...text) =>
    make("span", { class: "fl-key" }, make("i", { class: sample, "aria-hidden": "true" }), ...text);
  const votes = model.view === "agreement";
  const [low, high] = votes
    ? ["kept by no lane", `by all ${model.lanes.length}`]
    : ["low", model.colour === "raw" ? "high, the score on its lane's own axis" : "high, rank in this answer"];
  return make(
    "div",
    { class: "fl-legend" },
    make("span", { class: "fl-key" }, low, make("i", { class: "fl-key-ramp", "aria-hidden": "true" }), high),
    votes ? key("fl-key-split", "the lanes disagree") : null,
    votes
      ? key("fl-key-kept", `top to bottom: ${model.lanes.map((lane) => lane.title).join(", ")}`)
      : key("fl-key-kept", "kept by the cut"),
    model.data.marked ? key("fl-key-fact", "fact, ground truth") : null,
    model.data.marked ? key("fl-key-subject", "subject") : null,
    key("fl-key-space", "space"),
  );
}
