/* One card per lane: what it measures, its plot with a cut to drag, and how the cut does against the ground truth. */

/** Build a lane's card. `on` holds the callbacks: activate(lane), rule(lane, kind, cut), release(lane). */
function makeCard(model, lane, group, on) {
  const radio = make("input", {
    type: "radio",
    name: group + "-lane",
    value: lane.name,
    onchange: () => on.activate(lane),
  });
  const plot = makePlot(model, lane, on);
  const kinds = makeKinds(lane, `${group}-kind-${lane.name}`, on);
  const cut = document.createTextNode("");
  const count = document.createTextNode("");
  const brief = document.createTextNode("");
  const numbers = {};
  const list = make("dl", { class: "fl-numbers" });
  for (const [key, label, hint] of [
    ["precision", "precision", "Of the kept tokens, the share that carries a fact (subject tokens left out)"],
    ["recall", "recall", "Of the tokens that carry a fact, the share that is kept"],
    ["f1", "F1", "Harmonic mean of precision and recall at this cut"],
    ["auroc", "AUROC", "Chance that a fact token scores above a structure token; no cut needed; 0.5 is chance"],
    ["ap", "AP", "Average precision over all cuts"],
  ]) {
    numbers[key] = document.createTextNode("");
    list.append(make("div", { title: hint }, make("dt", {}, label), make("dd", {}, own(numbers[key]))));
  }
  const card = make(
    "section",
    { class: "fl-card", "data-lane": lane.name },
    make(
      "header",
      {},
      make("label", { class: "fl-name" }, radio, make("span", {}, lane.title)),
      make("span", { class: "fl-unit" }, lane.unit === "unitless" ? "0 to 1" : lane.unit),
    ),
    make("p", { class: "fl-means" }, "High: ", lane.higher_means),
    plot.element,
    make("div", { class: "fl-rule" }, kinds, make("output", { class: "fl-cut" }, own(cut))),
    make("p", { class: "fl-kept fl-count" }, own(count)),
    make("p", { class: "fl-brief" }, own(brief)),
    model.facts ? list : make("p", { class: "fl-soft" }, "No ground truth is marked in this answer."),
    aboutLane(lane),
  );
  card.addEventListener("click", (event) => {
    if (!event.target.closest("input, label, summary, details, a, button") && !radio.checked && !plot.drag.moved)
      on.activate(lane);
  });

  return {
    element: card,
    /** The parts that follow the kind of cut and which tokens may be kept, not where the cut stands. */
    draw() {
      kinds.choose(lane.rule.kind);
      plot.draw();
      if (!model.facts) return;
      numbers.auroc.data = formatShare(lane.auroc);
      numbers.ap.data = formatShare(lane.ap);
    },
    /** The parts that follow the cut. */
    paint() {
      plot.paint();
      const total = lane.ranked.length;
      cut.data = cutInShort(lane.rule);
      count.data = `${lane.count} of ${total} tokens kept`;
      const short = `${lane.count} of ${total} kept · ${cut.data}`;
      if (!model.facts) {
        brief.data = short;
        return;
      }
      const result = scoresAtCut(lane.hits[lane.count], lane.known[lane.count], model.facts);
      for (const key of ["precision", "recall", "f1"]) numbers[key].data = result[key].toFixed(2);
      brief.data = `${short} · F1 ${result.f1.toFixed(2)}`;
    },
    activate(active) {
      radio.checked = active;
      card.classList.toggle("fl-active", active);
    },
  };
}

/** A text that a move rewrites, in a box of its own size: nothing around it is laid out again. */
const own = (text) => make("span", { class: "fl-own" }, text);

function aboutLane(lane) {
  return make(
    "details",
    { class: "fl-about" },
    make("summary", {}, "Formula and source"),
    make("p", { class: "fl-formula" }, lane.formula),
    make("p", {}, lane.paper),
    make(
      "p",
      {},
      make("b", { class: `fl-evidence fl-evidence-${lane.evidence}` }, lane.evidence),
      " ",
      lane.evidence_text,
    ),
  );
}
