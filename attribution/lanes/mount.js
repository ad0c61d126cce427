/* The component: what is shown, which cut stands where, and what the page is told about it. */

let instances = 0;
// Pixels: smaller than this the answer is not set to make room for the dock.
const LEAST_PX = 19;
const DOCK_GAP_PX = 14;
// What is built while there is no row.
const NOTHING = { stop() {}, play() {}, stale() {} };

/** Mount the lanes in an element. `send(name, payload)` tells the page; `show(data)` draws what `lanes_props` made.
    `page`: there is a page around that can train. While a cut is dragged, each frame that moves it is an event
    `fl-cut-moves`; when it is let go the page is told, and there is an event `fl-cut-set`. */
function mount(element, send, page = false) {
  const group = `fl${++instances}`;
  const state = { view: "lanes", units: "tokens", colour: "rank", keep_given: false, active: null, cuts: {}, hand: "" };
  let built = NOTHING;
  let model = null;
  let sent = "";
  let frame = null;

  const ruleOf = (lane) => ({
    scorer: lane.name,
    kind: lane.rule.kind,
    cut: lane.rule.cut,
    keep_given: model.keepGiven,
    ...(model.hand.size ? { hand: handText(model) } : {}),
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
        ? {
            ...ruleOf(lane),
            title: lane.title,
            kept: keptTokens(model, lane).length,
            eligible: lane.ranked.length,
            tokens: model.n,
          }
        : null;
    },
    /** What stands here is not what was asked for, which could not be scored; the next row that is shown ends it. */
    stale(on) {
      element.classList.toggle("fl-stale", on);
      built.stale(on);
    },
    /** What a run does, as the page was last told (`app/rooms/stage/frames.py`); null takes it off the stage. */
    play(given) {
      frame = given;
      built.play(frame);
    },
    /** The visitor has gone back to a row: its run is there again, unless it was left for other words. */
    again() {
      if (frame && !frame.left && model && frame.row === model.data.id) built.play(frame);
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
      element.dispatchEvent(new CustomEvent("fl-cut-set", { bubbles: true }));
    }
  }

  function show(data) {
    built.stop();
    element.classList.remove("fl-stale");
    if (!data || !data.tokens) {
      element.replaceChildren();
      [model, built] = [null, NOTHING];
      return;
    }
    const given = data.state || {};
    // Edits by hand are of one row.
    Object.assign(state, { hand: "" }, given, { cuts: { ...state.cuts, ...given.cuts } });
    model = makeModel(data, state);
    state.active = model.active;
    for (const lane of model.lanes) state.cuts[lane.name] = { ...lane.rule };
    const first = !sent;
    built = build(element, model, state, group, tell, send, page);
    // A run that has ended leaves the stage to the next row.
    if (frame && frame.phase !== "done" && frame.phase !== "stopped") built.play(frame);
    if (first) sent = JSON.stringify(api.rule());
    else tell();
  }
}

/** Draw one row's lanes; returns `stop`, which undoes the listeners that live outside the element, and `play`. */
function build(element, model, state, group, tell, send, page) {
  const stage = make("div", { class: "fl-stage" });
  const status = make("div", { class: "fl-hidden", "aria-live": "polite" });
  const tip = makeTip(model, `${group}-tip`, (i) => edit(i));
  const table = makeTable(model);
  const views = {};
  const makers = { lanes: lanesView, columns: columnsView, agreement: agreementView };
  const view = () => views[model.view];
  const chosen = () => model.lanes.find((lane) => lane.name === model.active);
  const follow = followTokens(model, stage, view, tip, (i) => edit(i));
  const summary = make("p", { class: "fl-summary" });
  const dirty = new Set();

  const on = {
    activate(lane) {
      activate(lane.name);
      tell();
    },
    rule(changed, kind, cut) {
      const other = kind !== changed.rule.kind;
      if (!other && cut === changed.rule.cut) return;
      changed.rule = { kind, cut };
      if (changed.name === model.active) dropEdits();
      if (other) {
        cards[model.lanes.indexOf(changed)].draw();
        dock.draw(changed);
      }
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
    forget() {
      send("forget", element.forgetLens.rule());
    },
    clear() {
      dropEdits();
      edited();
    },
  };
  const cards = model.lanes.map((lane) => makeCard(model, lane, group, on));
  const dock = makeDock(model, group, on, page);
  const player = makePlayer(model, dock.element, {
    say(texts) {
      if (model.view !== "lanes") return;
      view().say(texts);
      view().layout();
      markActive();
    },
    stop: () => send("stop", {}),
    fit: () => fit(),
  });

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
      dock.paint(lane);
    }
    if (dirty.size) describe();
    if ([...dirty].some((lane) => lane.name === model.active)) {
      underline();
      element.dispatchEvent(new CustomEvent("fl-cut-moves", { bubbles: true }));
    }
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
    fit();
    follow.restart();
  }
  function syncKept() {
    model.lanes.forEach((lane, l) => {
      for (let i = 0; i < model.n; i++) view().setKept(l, i, Boolean(lane.kept[i]));
    });
    underline();
    describe();
  }
  /** The chosen lane's cut, edits by hand told in: under the words, and in the dock's sentence. */
  function underline() {
    const lane = chosen();
    if (!lane) return;
    for (let i = 0; view().mark && i < model.n; i++) view().mark(i, inCut(model, lane, i), model.hand.has(i));
    dock.say(lane);
  }
  function describe() {
    const text = model.view === "agreement" ? agreementSentence(model) : "";
    if (summary.textContent !== text) summary.textContent = text;
    if (more) more.textContent = foldSentence(model);
  }
  function markActive() {
    model.lanes.forEach((lane, l) => cards[l].activate(lane.name === model.active));
    if (view().activate) view().activate(model.active);
    for (const label of element.querySelectorAll(".fl-gutter [data-lane], .fl-column"))
      label.classList.toggle("fl-active", label.dataset.lane === model.active);
  }
  function activate(name) {
    if (name !== model.active) dropEdits();
    model.active = state.active = name;
    markActive();
    dock.activate(chosen());
    underline();
    describe();
    tip.refresh();
  }
  /** They were made on another cut. */
  function dropEdits() {
    model.hand.clear();
    state.hand = "";
  }
  /** A token clicked into the cut, or out of it. */
  function edit(i) {
    const lane = chosen();
    if (!lane) return;
    const wanted = !inCut(model, lane, i);
    if (wanted === Boolean(lane.kept[i])) model.hand.delete(i);
    else model.hand.set(i, wanted);
    edited();
    status.textContent = `${spelledOut(model.pieces[i])} is ${wanted ? "in" : "out of"} the cut`;
  }
  function edited() {
    state.hand = handText(model);
    underline();
    tip.refresh();
    element.dispatchEvent(new CustomEvent("fl-cut-moves", { bubbles: true }));
    tell();
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
      dropEdits();
      model.lanes.forEach((lane, l) => {
        rankLane(model, lane);
        cards[l].draw();
        cards[l].paint();
        dock.draw(lane);
        dock.paint(lane);
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
    { class: "fl-answer", "aria-label": `Answer, ${model.n} tokens` },
    stage,
    more,
    summary,
    legend,
    ...model.data.notes.map((note) => make("p", { class: "fl-soft" }, note)),
  );
  const cuts = make(
    "details",
    { class: "fl-cuts" },
    make("summary", {}, "Every lane's own cut, with its figures"),
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
    make(
      "div",
      { class: "fl-cards", role: "radiogroup", "aria-label": "Lane whose cut is forgotten" },
      ...cards.map((card) => card.element),
    ),
  );
  // Whoever opened it wants it open for the next row, too.
  cuts.open = element.dataset.cuts === "open";
  cuts.addEventListener("toggle", () => (element.dataset.cuts = cuts.open ? "open" : ""));
  element.classList.add("fl-lanes");
  element.replaceChildren(
    ...[
      model.data.prompt.length ? makePrompt(model, (range) => send("subject", range)) : null,
      switches,
      answer,
      dock.element,
      cuts,
      table.element,
      status,
      tip.element,
    ].filter(Boolean),
  );

  cards.forEach((card) => {
    card.draw();
    card.paint();
  });
  if (chosen()) dock.activate(chosen());
  showView();
  const later = window.requestIdleCallback || ((callback) => setTimeout(callback, 200));
  later(() => table.update(), { timeout: 2000 });

  /** On a page: the largest type at which the answer, its lanes and the dock are seen with nothing scrolled. */
  function fit() {
    let px = view().largest;
    const lay = () => {
      if (px) view().size(px);
      view().layout();
      markActive();
    };
    lay();
    if (!px || !page || model.fold) return;
    // The dock sticks to the window's edge: what counts is where it would stand by itself.
    const under = () => answer.getBoundingClientRect().bottom + scrollY + DOCK_GAP_PX;
    const seen = () => under() + (dock.element.offsetHeight || player.height) < innerHeight;
    while (px > LEAST_PX && !seen()) {
      px = Math.max(LEAST_PX, px - 2);
      lay();
    }
  }
  const refit = onNextFrame(fit);
  let [width, height] = [0, 0];
  const watcher = new ResizeObserver(([entry]) => {
    const same = Math.abs(entry.contentRect.width - width) < 1 && height === innerHeight;
    if (same || !entry.contentRect.width) return;
    [width, height] = [entry.contentRect.width, innerHeight];
    refit();
  });
  watcher.observe(stage);
  // A face that arrives after the first drawing has other widths than the one that stood in for it.
  document.fonts.addEventListener("loadingdone", refit);
  addEventListener("resize", refit);
  return {
    stop() {
      watcher.disconnect();
      document.fonts.removeEventListener("loadingdone", refit);
      removeEventListener("resize", refit);
      follow.stop();
      player.stop();
    },
    play: player.play,
    stale: (on) => dock.stale(on),
  };
}
