/* The answer's tokens in reading order: as lanes (a cell per scorer under each token), as columns (the answer once per
   scorer), and as agreement (how many lanes keep each token). Each view hands out the elements whose class a cut
   toggles, so that moving a cut touches only the tokens that change sides. */

const LEVELS = 32;

/** The text of a token with its white space marked; plain text nodes carry the real characters. */
function tokenText(model, i, tag, className) {
  const runs = visibleRuns(shownText(model.pieces, model.heads, i));
  const element = make(tag, { class: className });
  let lead = 0;
  let leading = true;
  for (const run of runs) {
    if (run.kind === "text") element.append(run.value);
    else if (run.kind === "space") element.append(make("span", { class: "fl-sp" }, " "));
    else element.append(make("span", { class: "fl-mark", "data-mark": run.value }));
    leading = leading && run.kind === "space";
    lead += leading;
  }
  if (lead) element.style.setProperty("--lead", lead);
  const kind = model.truth[i];
  if (kind) {
    element.classList.add(`fl-${kind}`);
    if (model.truth[i - 1] !== kind) element.classList.add("fl-first");
    if (model.truth[i + 1] !== kind) element.classList.add("fl-last");
  }
  return element;
}

function endsLine(piece) {
  return piece.includes("\n");
}

/** The wrapped flow that lanes and agreement share: words of tokens, each with what `cellsOf(i)` puts below its text. */
function makeFlow(model, className, rows, cellsOf) {
  const flow = make("div", { class: `fl-flow ${className}`, dir: model.direction, role: "group", "aria-label": "Answer tokens" });
  const tokens = [];
  let folded = null;
  model.words.forEach((word) => {
    const group = make("span", { class: "fl-word" });
    for (const i of word) {
      const piece = model.heads[i] !== i;
      const token = make("span", { class: piece ? "fl-tok fl-piece" : "fl-tok", "data-i": i, role: "button", tabindex: -1, "aria-label": tokenLabel(model, i) }, tokenText(model, i, "span", "fl-t"), cellsOf(i));
      tokens.push(token);
      group.append(token);
    }
    if (model.fold && word[0] >= model.fold) {
      group.hidden = true;
      (folded = folded || []).push(group);
    }
    flow.append(group);
    if (endsLine(model.pieces[word[word.length - 1]])) {
      const end = make("span", { class: "fl-break" });
      end.hidden = group.hidden;
      if (group.hidden) folded.push(end);
      flow.append(end);
    }
  });
  flow.append(make("span", { class: "fl-fill" }));
  const gutter = make("div", { class: "fl-gutter", "aria-hidden": "true" });
  const element = make("div", { class: "fl-sheet", dir: model.direction }, gutter, flow);
  return {
    element,
    tokens,
    unfold() {
      for (const group of folded || []) group.hidden = false;
    },
    /** Put the labels beside each wrapped line; one read of the layout, then one write. */
    layout() {
      gutter.replaceChildren(...lineOf(rows));
      const width = Math.ceil(gutter.firstChild.getBoundingClientRect().width);
      if (!width) return;
      element.style.setProperty("--gutter", `${width}px`);
      const tops = [];
      for (const token of tokens) {
        const cells = token.lastChild;
        if (!token.offsetParent) continue;
        const top = token.offsetTop + cells.offsetTop;
        if (!tops.length || top > tops[tops.length - 1] + 4) tops.push(top);
      }
      gutter.replaceChildren(
        ...tops.flatMap((top) => {
          const labels = lineOf(rows);
          for (const label of labels) label.style.top = `${top}px`;
          return labels;
        }),
      );
    },
  };
  function lineOf(labels) {
    return [make("div", { class: "fl-line" }, ...labels.map(({ text, lane }) => make("span", { "data-lane": lane }, text)))];
  }
}

function tokenLabel(model, i) {
  return `${spelledOut(model.pieces[i]) || "part of the character before"}, token ${i + 1} of ${model.n}`;
}

function lanesView(model) {
  const cells = model.lanes.map(() => []);
  const flow = makeFlow(
    model,
    "fl-view-lanes",
    model.lanes.map((lane) => ({ text: lane.title, lane: lane.name })),
    () => make("span", { class: "fl-cells" }, ...model.lanes.map((_, l) => cells[l][cells[l].push(make("i", { class: "fl-c" })) - 1])),
  );
  return {
    ...flow,
    setKept: (l, i, kept) => cells[l][i].classList.toggle("fl-k", kept),
    colour() {
      model.lanes.forEach((lane, l) => {
        const levels = levelsOf(model, lane);
        cells[l].forEach((cell, i) => (cell.style.background = `var(--fl-r${levels[i]})`));
      });
    },
  };
}

function columnsView(model) {
  const cells = model.lanes.map(() => []);
  const tokens = Array.from({ length: model.n }, () => []);
  const folded = [];
  const columns = model.lanes.map((lane, l) => {
    const prose = make("p", { class: "fl-prose", dir: model.direction });
    for (const word of model.words) {
      const group = make("span", { class: "fl-run" });
      for (const i of word) {
        const cell = tokenText(model, i, "span", model.heads[i] === i ? "fl-s" : "fl-s fl-piece");
        cell.dataset.i = i;
        if (!l) {
          cell.setAttribute("role", "button");
          cell.setAttribute("aria-label", tokenLabel(model, i));
          cell.tabIndex = -1;
        }
        if (endsLine(model.pieces[i])) cell.append(make("br"));
        cells[l].push(cell);
        tokens[i].push(cell);
        group.append(cell);
      }
      if (model.fold && word[0] >= model.fold) {
        group.hidden = true;
        folded.push(group);
      }
      prose.append(group);
    }
    return make("section", { class: "fl-column", "data-lane": lane.name, "aria-hidden": l ? "true" : null }, make("h4", { "data-lane": lane.name }, lane.title), prose);
  });
  return {
    element: make("div", { class: "fl-columns", role: "group", "aria-label": "Answer tokens, a column per scorer" }, ...columns),
    tokens,
    layout() {},
    unfold() {
      for (const group of folded) group.hidden = false;
    },
    setKept: (l, i, kept) => cells[l][i].classList.toggle("fl-k", kept),
    colour() {
      model.lanes.forEach((lane, l) => {
        const levels = levelsOf(model, lane);
        cells[l].forEach((cell, i) => {
          cell.style.backgroundColor = `var(--fl-r${levels[i]})`;
          cell.style.color = `var(--fl-i${levels[i]})`;
        });
      });
    },
  };
}

function agreementView(model) {
  const lanes = model.lanes.length;
  const pips = model.lanes.map(() => []);
  const counts = [];
  const votes = new Uint8Array(model.n);
  const flow = makeFlow(model, "fl-view-agreement", [{ text: "Lanes that keep it" }], () => {
    const count = make("b", { class: "fl-votes" });
    counts.push(count);
    return make("span", { class: "fl-cells" }, count, ...model.lanes.map((_, l) => pips[l][pips[l].push(make("i", { class: "fl-pip" })) - 1]));
  });
  const show = (i) => {
    const level = Math.round((votes[i] / lanes) * LEVELS);
    counts[i].textContent = votes[i];
    counts[i].style.background = `var(--fl-r${level})`;
    counts[i].style.color = `var(--fl-i${level})`;
    counts[i].classList.toggle("fl-split", votes[i] > 0 && votes[i] < lanes);
  };
  return {
    ...flow,
    votes,
    setKept(l, i, kept) {
      const was = pips[l][i].classList.contains("fl-k");
      if (was !== kept) {
        pips[l][i].classList.toggle("fl-k", kept);
        votes[i] += kept ? 1 : -1;
      }
      show(i);
    },
    colour() {
      for (let i = 0; i < model.n; i++) show(i);
    },
  };
}

/** The ramp level of every token in a lane: rank or raw place on the axis, of the token or of its word's highest. */
function levelsOf(model, lane) {
  const value = model.colour === "raw" ? (i) => lane.axis.place(lane.scores[i]) : (i) => lane.ranks[i];
  const levels = new Uint8Array(model.n);
  for (const word of model.units === "words" ? model.words : model.words.flatMap((group) => group.map((i) => [i]))) {
    let most = 0;
    for (const i of word) most = Math.max(most, value(i));
    for (const i of word) levels[i] = Math.round(most * LEVELS);
  }
  return levels;
}
