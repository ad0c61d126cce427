/* The answer's tokens in reading order: as lanes (a cell per scorer under each token), as columns (the answer once per
   scorer), and as agreement (how many lanes keep each token). Each view hands out the elements whose class a cut
   toggles, so that moving a cut touches only the tokens that change sides. */

const LEVELS = 32;
// Characters and pixels: a short answer is set larger, so that it fills the width it has.
const SIZES_PX = [
  [64, 36],
  [180, 31],
  [420, 24],
  [Infinity, 19],
];
// Pixels: the chosen lane is taller than those beside it; and on a phone.
const LANE_PX = { chosen: 20, other: 9 };
const NARROW_PX = 560;
const SMALL_LANE_PX = { chosen: 13, other: 6 };
// Words: beyond this, lines out of sight are not painted at all.
const VAST_FROM = 200;

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
    if (!model.sameSpan(i, i - 1)) element.classList.add("fl-first");
    if (!model.sameSpan(i, i + 1)) element.classList.add("fl-last");
  }
  return element;
}

/** Whether the text after a token, or from it on, stands on a new line. */
function breaksAfter(piece) {
  return /\n\s*$/.test(piece);
}
function breaksBefore(piece) {
  return /^\s*\n\s*\S/.test(piece);
}

/** The wrapped flow that lanes and agreement share: words of tokens, each with what `cellsOf(i)` puts below its text, and
    `rows`, the labels of those cells, at the start of each line. */
function makeFlow(model, className, rows, cellsOf) {
  const flow = make("div", { class: `fl-flow ${className}`, role: "group", "aria-label": "Answer tokens" });
  const labels = () =>
    make(
      "div",
      { class: "fl-gutter", "aria-hidden": "true" },
      ...rows.map(({ text, lane }) =>
        make("span", { "data-lane": lane, "data-short": text[0], "data-text": text }, make("b", {}, text)),
      ),
    );
  const tokens = [];
  const words = model.words.map((word) => {
    const group = make("span", { class: "fl-word" });
    const leftToRight = leftToRightRuns(model, word);
    let run = null;
    word.forEach((i, k) => {
      if (!leftToRight[k]) run = null;
      else if (!run) group.append((run = make("span", { class: "fl-ltr", dir: "ltr" })));
      const className = model.heads[i] === i ? "fl-tok" : "fl-tok fl-piece";
      const token = make(
        "span",
        { class: className, "data-i": i, role: "button", tabindex: -1, "aria-label": tokenLabel(model, i) },
        tokenText(model, i, "span", "fl-t"),
        cellsOf(i),
      );
      tokens.push(token);
      (run || group).append(token);
    });
    return group;
  });
  const lineEnds = (w) => {
    const next = model.words[w + 1];
    return (
      breaksAfter(model.pieces[model.words[w][model.words[w].length - 1]]) ||
      Boolean(next && breaksBefore(model.pieces[next[0]]))
    );
  };
  const length = model.pieces.join("").length;
  const element = make("div", { class: "fl-sheet", dir: model.direction }, flow);
  const largest = SIZES_PX.find(([most]) => length <= most)[1];
  const size = (px) => element.style.setProperty("--fl-size", `${px}px`);
  size(largest);
  return {
    element,
    tokens,
    words,
    largest,
    size,
    /** Break the words into lines: the browser wraps them once, then each line becomes an element of its own, so that
        a cut that moves repaints a few lines and not the whole answer. */
    layout() {
      const focused = flow.contains(document.activeElement) ? document.activeElement : null;
      const last = model.fold ? model.wordOf[model.fold] : words.length;
      const trial = make("div", { class: "fl-row fl-trial" }, labels());
      flow.replaceChildren(trial);
      trial.style.paddingInlineStart = `${trial.firstChild.getBoundingClientRect().width}px`;
      trial.replaceChildren();
      words.forEach((word, w) => {
        if (w >= last) return;
        trial.append(word);
        if (lineEnds(w)) trial.append(make("span", { class: "fl-break" }));
      });
      const lines = [];
      let reached = null;
      const bottoms = words.slice(0, last).map((word) => word.getBoundingClientRect().bottom);
      bottoms.forEach((bottom, w) => {
        if (reached === null || bottom > reached + 4) lines.push([]);
        lines[lines.length - 1].push(words[w]);
        reached = bottom;
      });
      flow.classList.toggle("fl-vast", last > VAST_FROM);
      flow.replaceChildren(
        ...lines.map((line, k) => {
          const open = k === lines.length - 1 || lineEnds(words.indexOf(line[line.length - 1]));
          return make("div", { class: open ? "fl-row fl-open-row" : "fl-row" }, labels(), ...line);
        }),
      );
      if (focused) focused.focus({ preventScroll: true });
    },
  };
}

function tokenLabel(model, i) {
  return `${spelledOut(model.pieces[i]) || "part of the character before"}, token ${i + 1} of ${model.n}`;
}

/** The answer once, under each token the line of the cut and a cell per lane. What the model says instead can be laid
    over its words, and taken off again. */
function lanesView(model) {
  const cells = model.lanes.map(() => []);
  const lines = [];
  const flow = makeFlow(
    model,
    "fl-view-lanes",
    model.lanes.map((lane) => ({ text: lane.title, lane: lane.name })),
    () => {
      const stack = make("span", { class: "fl-cells" });
      stack.append(lines[lines.push(make("i", { class: "fl-u" })) - 1]);
      model.lanes.forEach((_, l) => stack.append(cells[l][cells[l].push(make("i", { class: "fl-c" })) - 1]));
      return stack;
    },
  );
  const own = flow.tokens.map((token) => [...token.firstChild.childNodes]);
  const marked = new Uint8Array(model.n).fill(255);
  return {
    ...flow,
    setKept: (l, i, kept) => cells[l][i].classList.toggle("fl-k", kept),
    /** The line under a token: whether it is in the cut, and whether that was said by hand. */
    mark(i, kept, byHand) {
      const now = kept + 2 * byHand;
      if (marked[i] === now) return;
      marked[i] = now;
      lines[i].classList.toggle("fl-k", kept);
      lines[i].classList.toggle("fl-by-hand", byHand);
      flow.tokens[i].setAttribute("aria-pressed", String(kept));
    },
    activate(name) {
      const px = flow.element.clientWidth < NARROW_PX ? SMALL_LANE_PX : LANE_PX;
      const heights = model.lanes.map((lane) => `${name === lane.name ? px.chosen : px.other}px`);
      flow.element.style.setProperty("--fl-rows", `4px ${heights.join(" ")}`);
    },
    /** Words in place of the answer's, one text for each word, or null for its own again. */
    say(texts) {
      model.words.forEach((word, w) => {
        const text = texts && texts[w];
        const other = texts !== null && text !== wordText(model, w);
        flow.words[w].classList.toggle("fl-said", other);
        word.forEach((i, k) => {
          const shown = flow.tokens[i].firstChild;
          if (!other) shown.replaceChildren(...own[i]);
          else if (k) shown.replaceChildren();
          else shown.replaceChildren(...(own[i][0]?.className === "fl-sp" ? [own[i][0]] : []), text || "∅");
        });
      });
    },
    colour() {
      model.lanes.forEach((lane, l) => {
        const levels = levelsOf(model, lane);
        cells[l].forEach((cell, i) => (cell.style.background = `var(--fl-r${levels[i]})`));
      });
    },
  };
}

/** In running text the space before a token carries no mark of it: it may hang at the end of the line before. Inside a
    span it carries the span's. */
function spaceBefore(model, cell, i) {
  const spaces = [];
  while (cell.firstChild && cell.firstChild !== cell.lastChild && cell.firstChild.className === "fl-sp") {
    const space = cell.firstChild;
    if (model.truth[i] && model.sameSpan(i, i - 1)) space.classList.add("fl-s", `fl-${model.truth[i]}`);
    spaces.push(space);
    space.remove();
  }
  return spaces;
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
        if (breaksAfter(model.pieces[i])) cell.append(make("br"));
        cells[l].push(cell);
        tokens[i].push(cell);
        group.append(breaksBefore(model.pieces[i]) ? make("br") : "", ...spaceBefore(model, cell, i), cell);
      }
      if (model.fold && word[0] >= model.fold) {
        group.hidden = true;
        folded.push(group);
      }
      prose.append(group);
    }
    return make(
      "section",
      { class: "fl-column", "data-lane": lane.name, "aria-hidden": l ? "true" : null },
      make("h3", { "data-lane": lane.name }, lane.title),
      prose,
    );
  });
  return {
    element: make(
      "div",
      { class: "fl-columns", role: "group", "aria-label": "Answer tokens, a column per scorer" },
      ...columns,
    ),
    tokens,
    layout() {
      for (const group of folded) group.hidden = Boolean(model.fold);
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
  const flow = makeFlow(model, "fl-view-agreement", [{ text: "Kept by" }], () => {
    const count = make("b", { class: "fl-votes" });
    counts.push(count);
    return make(
      "span",
      { class: "fl-cells" },
      count,
      ...model.lanes.map((_, l) => pips[l][pips[l].push(make("i", { class: "fl-pip" })) - 1]),
    );
  });
  const show = (i) => {
    const level = Math.round((votes[i] / lanes) * LEVELS);
    counts[i].dataset.votes = votes[i];
    flow.tokens[i].setAttribute("aria-label", `${tokenLabel(model, i)}, kept by ${votes[i]} of ${lanes} lanes`);
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
