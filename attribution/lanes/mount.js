/* The component: what is shown, which cut stands where, and what the page is told about it. */

let instances = 0;

/** Mount the lanes in an element. `send(name, payload)` tells the page; `show(data)` draws what `lanes_props` made.
    While a cut is dragged, each frame that moves it is an event `fl-cut-moves`; the page is told when it is let go. */
function mount(element, send) {
  const group = `fl${++instances}`;
  const state = { view: "lanes", units: "tokens", colour: "rank", keep_given: false, active: null, cuts: {} };
  let stop = () => {};
  let model = null;
  let sent = "";

  const ruleOf = (lane) => ({
    scorer: lane.name,
    kind: lane.rule.kind,
    cut: lane.rule.cut,
    keep_given: model.keepGiven,
  });
  const activeLane = () => model.lanes.find((lane) => lane.name === model.active);
  const api = {
    show,
    /** The rule of the active lane: what Unlearn is given. */
    rule: () => (model && activeLane() ? ruleOf(activeLane()) : null),
    state: () => JSON.parse(JSON.stringify(state)),
    /** The same for a sentence: the active lane's title, and how many of how many tokens it keeps. */
    summary() {
      const lane = model && activeLane();
      return lane
        ? { ...ruleOf(lane), title: lane.title, kept: lane.count, eligible: lane.ranked.length, tokens: model.n }
        : null;
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
        if (!other && cut === changed.rule.cut) return;
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
      const before = lane.count;
      lane.count = countKept(lane.ranked, lane.scores, lane.rule.kind, lane.rule.cut);
      const kept = lane.count > before;
      for (let place = Math.min(before, lane.count); place < Math.max(before, lane.count); place++) {
        const i = lane.ranked[place];
        lane.kept[i] = kept ? 1 : 0;
        view().setKept(l, i, kept);
      }
      cards[l].paint();
    }
    if (dirty.size) describe();
    if ([...dirty].some((lane) => lane.name === model.active))
      element.dispatchEvent(new CustomEvent("fl-cut-moves", { bubbles: true }));
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
    for (const label of element.querySelectorAll(".fl-gutter [data-lane], .fl-column"))
      label.classList.toggle("fl-active", label.dataset.lane === model.active);
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

  const switches = makeSwitches(model, group, {
    view(value) {
      model.view = state.view = value;
      showView();
      explain();
      tell();
    },
    units(value) {
      model.units = state.units = element.dataset.units = value;
      view().colour();
      follow.clear();
      tell();
    },
    colour(value) {
      model.colour = state.colour = value;
      view().colour();
      explain();
      tell();
    },
  });

  const givenCount = model.given.filter(Boolean).length;
  const leaveOut = make("input", {
    type: "checkbox",
    onchange: () => {
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
    },
  });
  leaveOut.checked = !model.keepGiven;
  leaveOut.disabled = !givenCount;

  let more = null;
  if (model.fold) {
    more = make("button", {
      type: "button",
      class: "fl-button fl-quiet fl-more",
      onclick: () => {
        model.fold = 0;
        more.remove();
        more = null;
        view().layout();
        markActive();
      },
    });
  }
  let legend = makeLegend(model);
  const explain = () => legend.replaceWith((legend = makeLegend(model)));
  const answer = make(
    "section",
    { class: "fl-answer" },
    make("header", {}, make("h2", {}, "Answer", make("small", {}, `${model.n} tokens`)), switches),
    stage,
    more,
    summary,
    legend,
    ...model.data.notes.map((note) => make("p", { class: "fl-soft" }, note)),
  );
  const cuts = make(
    "section",
    { class: "fl-cuts" },
    make(
      "header",
      {},
      make("h2", {}, "Cuts", make("small", {}, "pick the lane that goes to Unlearn")),
      make(
        "label",
        { class: "fl-leave" },
        leaveOut,
        make(
          "span",
          {},
          "Leave out what the prompt gives",
          make("small", {}, givenCount ? ` ${givenCount} of ${model.n} tokens name the subject` : " nothing here"),
        ),
      ),
    ),
    make(
      "div",
      { class: "fl-cards", role: "radiogroup", "aria-label": "Lane that goes to Unlearn" },
      ...cards.map((card) => card.element),
    ),
  );
  const body = make("div", { class: "fl-body" }, answer, cuts);
  body.classList.toggle("fl-long", model.n > 120);
  element.classList.add("fl-lanes");
  element.replaceChildren(
    ...[
      model.data.prompt.length ? makePrompt(model, onSubject) : null,
      body,
      table.element,
      status,
      tip.element,
    ].filter(Boolean),
  );

  cards.forEach((card) => {
    card.draw();
    card.paint();
  });
  showView();
  const later = window.requestIdleCallback || ((callback) => setTimeout(callback, 200));
  later(() => table.update(), { timeout: 2000 });
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
  // A face that arrives after the first drawing has other widths than the one that stood in for it.
  document.fonts.addEventListener("loadingdone", relayout);
  return () => {
    watcher.disconnect();
    document.fonts.removeEventListener("loadingdone", relayout);
    follow.stop();
  };
}
