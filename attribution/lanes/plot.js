/* One lane's scores as bars with a cut to drag, and the slider that the keyboard moves: small on a lane's card, large on
   the dock, where the tokens' words stand under their bars. */

const PLOT_WIDTH = 240;
const PLOT_HEIGHT = 44;
const MOST_BARS = 40;
const SLIDER_STEPS = { top: 100, threshold: 400 };
// Tokens: with more of them their words would not fit under the bars.
const MOST_WORDS = 30;

/** Build it. `on` holds the callbacks rule(lane, kind, cut) and release(lane); `large`: with words under the bars. */
function makePlot(model, lane, on, large = false) {
  const base = svg("path", { class: "fl-bars" });
  const kept = svg("path", { class: "fl-bars fl-bars-kept" });
  const rug = svg("path", { class: "fl-rug" });
  const plot = svg("svg", {
    viewBox: `0 0 ${PLOT_WIDTH} ${PLOT_HEIGHT + 6}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  plot.append(base, kept, rug);
  const line = make("i", { class: "fl-cutline" });
  const hist = make("div", { class: "fl-hist" }, plot, line);
  const slider = make("input", { type: "range", min: 0, step: 1, "aria-label": `Cut of ${lane.title}` });
  const words = make("div", { class: "fl-bar-words", "aria-hidden": "true" });
  const ends = make("div", { class: "fl-ends", "aria-hidden": "true" }, make("span"), make("span"));
  const element = make("div", { class: large ? "fl-plot fl-plot-large" : "fl-plot" }, hist, words, slider, ends);
  let labels = [];

  slider.addEventListener("input", () => on.rule(lane, lane.rule.kind, cutAt(lane, slider.valueAsNumber)));
  slider.addEventListener("change", () => on.release(lane));
  const drag = dragPlot(
    hist,
    slider,
    (place) => on.rule(lane, lane.rule.kind, cutAt(lane, place * SLIDER_STEPS[lane.rule.kind])),
    () => on.release(lane),
  );

  return {
    element,
    slider,
    drag,
    /** The parts that follow the kind of cut and which tokens may be kept, not where the cut stands. */
    draw() {
      const top = lane.rule.kind === "top";
      slider.max = SLIDER_STEPS[lane.rule.kind];
      const path = barsPath(top ? profileBars(lane) : countBars(lane));
      base.setAttribute("d", path);
      kept.setAttribute("d", path);
      rug.setAttribute("d", rugPath(model, lane));
      const [first, last] = ends.children;
      first.textContent = top ? "keep all" : formatCut(tidy(lane.cutAxis.from));
      last.textContent = top ? "keep few" : formatCut(tidy(lane.cutAxis.to));
      const fits = large && top && lane.ranked.length <= MOST_WORDS;
      labels = fits
        ? [...lane.ranked].reverse().map((i) => {
            const fact = model.truth[i] === "fact" ? "fl-on-fact" : null;
            return make("span", { class: fact }, shownText(model.pieces, model.heads, i).trim() || "·");
          })
        : [];
      words.replaceChildren(...labels);
    },
    /** The parts that follow the cut: a clip, a line and the slider, cheap enough for every move. */
    paint() {
      const { kind, cut: value } = lane.rule;
      const total = lane.ranked.length;
      const place = kind === "top" ? 1 - value : lane.cutAxis.place(value);
      const filled = kind === "top" ? 1 - lane.count / Math.max(1, total) : place;
      // From the right end: what reaches out to the left makes nothing scroll.
      line.style.transform = `translateX(${(place - 1) * 100}%)`;
      kept.style.clipPath = `inset(0 0 0 ${lane.count ? filled * 100 : 100}%)`;
      const position = String(Math.round(place * SLIDER_STEPS[kind]));
      if (slider.value !== position) slider.value = position;
      labels.forEach((label, k) => label.classList.toggle("fl-k", total - k <= lane.count));
      slider.setAttribute(
        "aria-valuetext",
        `${kind === "top" ? `top ${Math.round(value * 100)} percent` : `at least ${formatCut(value)} ${lane.unit}`}, ${lane.count} of ${total} tokens kept`,
      );
    },
  };
}

/** The switch between the two kinds of cut; each keeps as nearly as possible what is kept now. */
function makeKinds(lane, name, on) {
  return makeSwitch(
    `How ${lane.title} is cut`,
    name,
    [
      ["top", "Top share", "Keep this share of each answer's tokens, highest first"],
      ["threshold", "Threshold", "Keep every token that scores at least this much"],
    ],
    lane.rule.kind,
    (kind) => {
      on.rule(lane, kind, kind === "top" ? shareOfCount(lane) : thresholdOfCount(lane));
      on.release(lane);
    },
  );
}

/** The cut in a few characters. */
function cutInShort({ kind, cut }) {
  return kind === "top" ? `top ${Math.round(cut * 100)}%` : `≥ ${formatCut(cut)}`;
}

/** The cut that a place on the slider stands for, in the lane's present kind. */
function cutAt(lane, step) {
  if (lane.rule.kind === "top") return Math.min(100, Math.max(1, 100 - Math.round(step))) / 100;
  return tidy(lane.cutAxis.value(step / SLIDER_STEPS.threshold));
}

/** The top share, in whole percent, that keeps as nearly as possible what is kept now. */
function shareOfCount(lane) {
  return Math.min(100, Math.max(1, Math.round((100 * lane.count) / Math.max(1, lane.ranked.length)))) / 100;
}

/** The threshold that keeps what is kept now (and whatever ties with the last of it). */
function thresholdOfCount(lane) {
  if (!lane.count) return tidy(lane.cutAxis.to);
  return tidyBelow(lane.scores[lane.ranked[lane.count - 1]]);
}

function formatCut(value) {
  return String(value).replace("-", "−");
}

/** Threshold: how many tokens score about this much, low to high; square root, so that one token can be seen. */
function countBars(lane) {
  const bins = new Array(MOST_BARS).fill(0);
  for (const i of lane.ranked)
    bins[Math.min(MOST_BARS - 1, Math.floor(lane.cutAxis.place(lane.scores[i]) * MOST_BARS))]++;
  const most = Math.sqrt(Math.max(1, ...bins));
  return bins.map((count) => Math.sqrt(count) / most);
}

/** Top share: the tokens themselves, lowest score to highest, so that the kept ones are exactly the bars beyond the cut. */
function profileBars(lane) {
  const n = lane.ranked.length;
  const bars = Math.min(n, MOST_BARS * 2);
  return Array.from({ length: bars }, (_, bar) => {
    const i = lane.ranked[n - 1 - Math.min(n - 1, Math.floor(((bar + 0.5) * n) / bars))];
    return 0.04 + 0.96 * lane.cutAxis.place(lane.scores[i]);
  });
}

function barsPath(bars) {
  const width = PLOT_WIDTH / Math.max(1, bars.length);
  const gap = Math.min(1, width * 0.2);
  return bars
    .map((height, bar) =>
      height
        ? `M${(bar * width + gap / 2).toFixed(2)} ${PLOT_HEIGHT}v${(-height * PLOT_HEIGHT).toFixed(2)}h${(width - gap).toFixed(2)}V${PLOT_HEIGHT}z`
        : "",
    )
    .join("");
}

/** A tick under the bars for every fact token: where the ground truth lies on this lane's axis. */
function rugPath(model, lane) {
  const n = lane.ranked.length;
  let path = "";
  lane.ranked.forEach((i, place) => {
    if (model.truth[i] !== "fact") return;
    const x = lane.rule.kind === "top" ? (n - place - 0.5) / n : lane.cutAxis.place(lane.scores[i]);
    path += `M${(Math.min(0.995, Math.max(0.005, x)) * PLOT_WIDTH).toFixed(2)} ${PLOT_HEIGHT + 2}v4`;
  });
  return path;
}

/** Drag anywhere on the histogram. The slider takes the focus, so that the keyboard goes on from there. */
function dragPlot(hist, slider, move, release) {
  const state = { moved: false };
  const at = (event) => {
    const box = hist.getBoundingClientRect();
    move(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
  };
  let box = null;
  const during = (event) => {
    state.moved = true;
    move(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
  };
  hist.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    box = hist.getBoundingClientRect();
    hist.setPointerCapture(event.pointerId);
    slider.focus({ preventScroll: true });
    at(event);
    hist.addEventListener("pointermove", during);
  });
  const end = () => {
    hist.removeEventListener("pointermove", during);
    if (box) release();
    box = null;
    setTimeout(() => (state.moved = false));
  };
  hist.addEventListener("pointerup", end);
  hist.addEventListener("pointercancel", end);
  return state;
}
