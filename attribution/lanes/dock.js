/* The dock under the answer: the chosen lane's cut, large, in one sentence, and the button that has it forgotten. */

/** Build it. `on` holds the callbacks activate, rule and release of a lane, forget(), and clear() of the edits by hand;
    `page`: whether there is a page that can train. */
function makeDock(model, group, on, page) {
  const plots = new Map();
  let stale = false;
  const lanes = makeSwitch(
    "Lane that is cut",
    `${group}-dock`,
    model.lanes.map((lane) => [lane.name, lane.title, `High: ${lane.higher_means}`]),
    model.active,
    (name) => on.activate(model.lanes.find((lane) => lane.name === name)),
  );
  const title = make("p", { class: "fl-dock-title" });
  const kinds = make("div", { class: "fl-dock-kinds" });
  const place = make("div", { class: "fl-dock-plot" });
  const sentence = make("p", { class: "fl-live" });
  const undo = make("button", { type: "button", class: "fl-link", onclick: on.clear }, "Undo by hand");
  undo.hidden = true;
  const forget = make(
    "button",
    { type: "button", class: "fl-button fl-forget", onclick: on.forget },
    "Forget these words",
  );
  const element = make(
    "section",
    { class: "fl-dock", "aria-label": "The cut" },
    make("div", { class: "fl-dock-head" }, lanes, title, kinds),
    place,
    make("div", { class: "fl-dock-foot" }, make("div", { class: "fl-dock-say" }, sentence, undo), page ? forget : null),
  );

  function of(lane) {
    if (!plots.has(lane)) {
      const plot = makePlot(model, lane, on, true);
      plots.set(lane, { plot, kinds: makeKinds(lane, `${group}-dock-${lane.name}`, on) });
      plot.draw();
    }
    return plots.get(lane);
  }
  return {
    element,
    /** Another lane is the chosen one. */
    activate(lane) {
      const { plot, kinds: choice } = of(lane);
      place.replaceChildren(plot.element);
      kinds.replaceChildren(choice);
      lanes.choose(lane.name);
      title.replaceChildren(`High: ${lane.higher_means}`);
      choice.choose(lane.rule.kind);
      plot.paint();
    },
    /** A lane's kind of cut, or what it may keep, has changed. */
    draw(lane) {
      if (!plots.has(lane)) return;
      plots.get(lane).kinds.choose(lane.rule.kind);
      plots.get(lane).plot.draw();
    },
    /** A lane's cut has moved. */
    paint(lane) {
      if (plots.has(lane)) plots.get(lane).plot.paint();
    },
    /** Say what is in the cut of the chosen lane. */
    say(lane) {
      const kept = keptTokens(model, lane);
      sentence.replaceChildren(...cutSentence(model, lane, kept));
      undo.hidden = !model.hand.size;
      forget.disabled = stale || !kept.length;
      if (stale) sentence.replaceChildren("This is still the row from before: put right what is said above first.");
    },
    /** The row in view is, or is not, the one that was asked for. */
    stale(on) {
      stale = on;
      this.say(model.lanes.find((lane) => lane.name === model.active));
    },
  };
}

/** Whether a token is in the cut of a lane, what was clicked by hand told in. */
function inCut(model, lane, i) {
  return model.hand.has(i) ? model.hand.get(i) : Boolean(lane.kept[i]);
}

/** The numbers of the tokens that are in the cut of a lane. */
function keptTokens(model, lane) {
  return model.pieces.map((_, i) => i).filter((i) => inCut(model, lane, i));
}

/** Edits as a map from their text, as `handText` writes it; tokens that there are not are left out. */
function readHand(text, n) {
  const edits = [...String(text || "").matchAll(/([+-])(\d+)/g)].map(([, sign, i]) => [Number(i), sign === "+"]);
  return new Map(edits.filter(([i]) => i < n));
}

/** The edits by hand as text: "+4-9" puts token 4 in and takes token 9 out. */
function handText(model) {
  return [...model.hand]
    .sort(([a], [b]) => a - b)
    .map(([i, kept]) => `${kept ? "+" : "-"}${i}`)
    .join("");
}

/** The cut in one sentence: how many tokens, how many of them carry facts, and what is left out. */
function cutSentence(model, lane, kept) {
  const strong = (text) => make("b", {}, text);
  const parts = [strong(`${kept.length} of ${model.n} tokens`), ` in the cut, ${cutInShort(lane.rule)}`];
  if (model.hand.size) parts.push(` and ${model.hand.size} by hand`);
  if (model.facts) {
    const facts = kept.filter((i) => model.truth[i] === "fact").length;
    const others = kept.length - facts;
    parts.push(": ", make("b", { class: "fl-on-fact" }, `${facts} of the ${model.facts}`), " that carry a fact");
    parts.push(others ? `, and ${others} that ${others === 1 ? "does" : "do"} not.` : ", and nothing else.");
  } else parts.push(".");
  return parts;
}
