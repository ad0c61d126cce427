/* The component: what is shown, which cut stands where, and what the page is told about it. */

const FOLD_ABOVE = 220;
const FOLD_AT = 160;
const DEFAULT_CUT = { kind: "top", cut: 0.3 };
let instances = 0;

function makeModel(data, kept) {
  const tokens = data.tokens;
  const pieces = tokens.map((token) => token.text);
  const heads = headsOf(pieces);
  const words = wordsOf(pieces, heads);
  const wordOf = new Uint32Array(tokens.length);
  words.forEach((word, w) => word.forEach((i) => (wordOf[i] = w)));
  const truth = tokens.map((token) => token.truth);
  const model = {
    data,
    n: tokens.length,
    tokens,
    pieces,
    heads,
    words,
    wordOf,
    truth,
    sameSpan: (i, j) => truth[i] === truth[j] && tokens[i].span === tokens[j].span,
    given: tokens.map((token) => Boolean(token.given)),
    facts: truth.filter((kind) => kind === "fact").length,
    direction: directionOf(pieces.join("")),
    fold: 0,
    keepGiven: kept.keep_given,
    view: kept.view,
    units: kept.units,
    colour: kept.colour,
    active: null,
  };
  if (model.n > FOLD_ABOVE) model.fold = words.find((word) => word[0] >= FOLD_AT)[0];
  model.lanes = data.lanes.map((lane) => ({
    ...lane,
    ranks: ranksOf(lane.scores),
    axis: makeAxis(lane.scores, lane.low, lane.high),
    auroc: auroc(lane.scores, truth),
    ap: averagePrecision(lane.scores, truth),
    rule: { ...DEFAULT_CUT, ...kept.cuts[lane.name] },
    kept: new Uint8Array(model.n),
    shown: 0,
    count: 0,
  }));
  const names = model.lanes.map((lane) => lane.name);
  model.active = [kept.active, "learned", names[0]].find((name) => names.includes(name)) || null;
  for (const lane of model.lanes) rankLane(model, lane);
  return model;
}

/** Which tokens the lane may keep, best first, and running counts of facts and of tokens that are no subject. */
function rankLane(model, lane) {
  lane.ranked = rankTokens(lane.scores, model.given, model.keepGiven);
  // Colours are spread over all tokens, the cut's axis over those it may keep: the subject often scores far above.
  const eligible = lane.ranked.length ? lane.ranked.map((i) => lane.scores[i]) : lane.scores;
  lane.cutAxis = makeAxis(eligible, lane.low, lane.high);
  lane.hits = new Uint32Array(lane.ranked.length + 1);
  lane.known = new Uint32Array(lane.ranked.length + 1);
  lane.ranked.forEach((i, place) => {
    lane.hits[place + 1] = lane.hits[place] + (model.truth[i] === "fact");
    lane.known[place + 1] = lane.known[place] + (model.truth[i] !== "subject");
  });
  lane.count = countKept(lane.ranked, lane.scores, lane.rule.kind, lane.rule.cut);
  lane.kept.fill(0);
  for (let place = 0; place < lane.count; place++) lane.kept[lane.ranked[place]] = 1;
  lane.shown = lane.count;
}

/** Mount the lanes in an element. `send(name, payload)` tells the page; `show(data)` draws what `lanes_props` made. */
function mount(element, send) {
  const group = `fl${++instances}`;
  const state = { view: "lanes", units: "tokens", colour: "rank", keep_given: false, active: null, cuts: {} };
  let stop = () => {};
  let model = null;
  let sent = "";

  const ruleOf = (lane) => ({ scorer: lane.name, kind: lane.rule.kind, cut: lane.rule.cut, keep_given: model.keepGiven });
  const activeLane = () => model.lanes.find((lane) => lane.name === model.active);
  const api = {
    show,
    /** The rule of the active lane: what Unlearn is given. */
    rule: () => (model && activeLane() ? ruleOf(activeLane()) : null),
    state: () => JSON.parse(JSON.stringify(state)),
    /** The same for a sentence: the active lane's title, and how many of how many tokens it keeps. */
    summary() {
      const lane = model && activeLane();
      return lane ? { ...ruleOf(lane), title: lane.title, kept: lane.count, eligible: lane.ranked.length, tokens: model.n } : null;
    },
  };
  element.forgetLens = api;
  return api;

  function tell() {
    const rule = api.rule();
    send("view", api.state());
    if (rule && JSON.stringify(rule) !== sent) {
      sent = JSON.stringify(rule);
      send("rule", rule);
    }
  }

  function show(data) {
    stop();
    if (!data || !data.tokens) {
      element.replaceChildren();
      model = null;
      return;
    }
    const given = data.state || {};
    Object.assign(state, given, { cuts: { ...state.cuts, ...given.cuts } });
    model = makeModel(data, state);
    state.active = model.active;
    for (const lane of model.lanes) state.cuts[lane.name] = { ...lane.rule };
    const first = !sent;
    stop = build(element, model, state, group, tell, (range) => send("subject", range));
    if (first) sent = JSON.stringify(api.rule());
    else tell();
  }
}

/** Draw one row's lanes; returns what undoes the listeners that live outside the element. */
function build(element, model, state, group, tell, onSubject) {
  const stage = make("div", { class: "fl-stage" });
  const status = make("div", { class: "fl-hidden", "aria-live": "polite" });
  const tip = makeTip(model, `${group}-tip`);
  const table = makeTable(model);
  const views = {};
  const makers = { lanes: lanesView, columns: columnsView, agreement: agreementView };
  const view = () => views[model.view];
  const follow = followTokens(model, stage, view, tip);
  const summary = make("p", { class: "fl-summary" });
  const dirty = new Set();

  const cards = model.lanes.map((lane) =>
    makeCard(model, lane, group, {
      activate: (chosen) => {
        activate(chosen.name);
        tell();
      },
      rule(changed, kind, cut) {
        const other = kind !== changed.rule.kind;
        changed.rule = { kind, cut };
        if (other) cards[model.lanes.indexOf(changed)].draw();
        dirty.add(changed);
        paint();
      },
      release(changed) {
        state.cuts[changed.name] = { ...changed.rule };
        flush();
        table.update();
        status.textContent = `${changed.title}: ${changed.count} of ${changed.ranked.length} tokens kept`;
        tell();
      },
    }),
  );

  /** Bring every lane whose cut moved up to date: only the tokens between the old count and the new one change. */
  function flush() {
    for (const lane of dirty) {
      const l = model.lanes.indexOf(lane);
      lane.count = countKept(lane.ranked, lane.scores, lane.rule.kind, lane.rule.cut);
      const [from, to] = lane.count > lane.shown ? [lane.shown, lane.count] : [lane.count, lane.shown];
      const kept = lane.count > lane.shown;
      for (let place = from; place < to; place++) {
        const i = lane.ranked[place];
        lane.kept[i] = kept ? 1 : 0;
        view().setKept(l, i, kept);
      }
      lane.shown = lane.count;
      cards[l].paint();
    }
    if (dirty.size) describe();
    dirty.clear();
    tip.refresh();
  }
  const paint = onNextFrame(flush);

  function showView() {
    views[model.view] = views[model.view] || makers[model.view](model);
    stage.replaceChildren(view().element);
    element.dataset.view = model.view;
    element.dataset.units = model.units;
    syncKept();
    view().colour();
    view().layout();
    markActive();
    follow.restart();
  }
  function syncKept() {
    model.lanes.forEach((lane, l) => {
      for (let i = 0; i < model.n; i++) view().setKept(l, i, Boolean(lane.kept[i]));
    });
    describe();
  }
  function describe() {
    const text = model.view === "agreement" ? agreementSentence(model) : "";
    if (summary.textContent !== text) summary.textContent = text;
    if (more) more.textContent = foldSentence(model);
  }
  function markActive() {
    model.lanes.forEach((lane, l) => cards[l].activate(lane.name === model.active));
    for (const label of element.querySelectorAll(".fl-gutter [data-lane], .fl-column")) label.classList.toggle("fl-active", label.dataset.lane === model.active);
  }
  function activate(name) {
    model.active = state.active = name;
    markActive();
    describe();
    tip.refresh();
  }
  stage.addEventListener("click", (event) => {
    const label = event.target.closest("[data-lane]:not(section)");
    if (!label || !label.dataset.lane) return;
    activate(label.dataset.lane);
    tell();
  });

  const switches = make(
    "div",
    { class: "fl-switches" },
    makeSwitch("Layout", `${group}-view`, [["lanes", "Lanes", "One line of cells per scorer"], ["columns", "Columns", "The answer once per scorer"], ["agreement", "Agreement", "How many lanes keep each token"]], model.view, (value) => {
      model.view = state.view = value;
      showView();
      explain();
      tell();
    }),
    makeSwitch("Unit", `${group}-units`, [["tokens", "Tokens", "The model's own pieces"], ["words", "Words", "Each word shows the highest of its tokens; the cut still picks tokens"]], model.units, (value) => {
      model.units = state.units = element.dataset.units = value;
      view().colour();
      follow.clear();
      tell();
    }),
    makeSwitch("Colour", `${group}-colour`, [["rank", "Rank", "Colour by place among this answer's tokens"], ["raw", "Raw", "Colour by the score itself"]], model.colour, (value) => {
      model.colour = state.colour = value;
      view().colour();
      explain();
      tell();
    }),
  );

  const givenCount = model.given.filter(Boolean).length;
  const leaveOut = make("input", { type: "checkbox", onchange: () => {
    model.keepGiven = state.keep_given = !leaveOut.checked;
    model.lanes.forEach((lane, l) => {
      rankLane(model, lane);
      cards[l].draw();
      cards[l].paint();
    });
    syncKept();
    table.update();
    tip.refresh();
    tell();
  } });
  leaveOut.checked = !model.keepGiven;
  leaveOut.disabled = !givenCount;

  let more = null;
  if (model.fold) {
    more = make("button", { type: "button", class: "fl-button fl-quiet fl-more", onclick: () => {
      model.fold = 0;
      more.remove();
      more = null;
      view().layout();
      markActive();
    } });
  }
  let legend = makeLegend(model);
  const explain = () => legend.replaceWith((legend = makeLegend(model)));
  const answer = make("section", { class: "fl-answer" }, make("header", {}, make("h2", {}, "Answer", make("small", {}, `${model.n} tokens`)), switches), stage, more, summary, legend, ...model.data.notes.map((note) => make("p", { class: "fl-soft" }, note)));
  const cuts = make(
    "section",
    { class: "fl-cuts" },
    make("header", {}, make("h2", {}, "Cuts", make("small", {}, "pick the lane that goes to Unlearn")), make("label", { class: "fl-leave" }, leaveOut, make("span", {}, "Leave out what the prompt gives", make("small", {}, givenCount ? ` ${givenCount} of ${model.n} tokens name the subject` : " nothing here")))),
    make("div", { class: "fl-cards", role: "radiogroup", "aria-label": "Lane that goes to Unlearn" }, ...cards.map((card) => card.element)),
  );
  const body = make("div", { class: "fl-body" }, answer, cuts);
  body.classList.toggle("fl-long", model.n > 120);
  element.classList.add("fl-lanes");
  element.replaceChildren(...[model.data.prompt.length ? makePrompt(model, onSubject) : null, body, table.element, status, tip.element].filter(Boolean));

  cards.forEach((card) => {
    card.draw();
    card.paint();
  });
  showView();
  const later = window.requestIdleCallback || ((callback) => setTimeout(callback, 200));
  later(() => table.update());
  const relayout = onNextFrame(() => {
    view().layout();
    markActive();
  });
  let width = 0;
  const watcher = new ResizeObserver(([entry]) => {
    if (Math.abs(entry.contentRect.width - width) < 1) return;
    width = entry.contentRect.width;
    relayout();
  });
  watcher.observe(stage);
  return () => {
    watcher.disconnect();
    follow.stop();
  };
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
  const key = (sample, ...text) => make("span", { class: "fl-key" }, make("i", { class: sample, "aria-hidden": "true" }), ...text);
  const votes = model.view === "agreement";
  const [low, high] = votes
    ? ["kept by no lane", `by all ${model.lanes.length}`]
    : ["low", model.colour === "raw" ? "high, the score on its lane's own axis" : "high, rank in this answer"];
  return make(
    "div",
    { class: "fl-legend" },
    make("span", { class: "fl-key" }, low, make("i", { class: "fl-key-ramp", "aria-hidden": "true" }), high),
    votes ? key("fl-key-split", "the lanes disagree") : null,
    votes ? key("fl-key-kept", `top to bottom: ${model.lanes.map((lane) => lane.title).join(", ")}`) : key("fl-key-kept", "kept by the cut"),
    model.data.marked ? key("fl-key-fact", "fact, ground truth") : null,
    model.data.marked ? key("fl-key-subject", "subject") : null,
    key("fl-key-space", "space"),
  );
}
