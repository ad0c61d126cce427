/* A run on the stage: while it trains, the answer is set as the model now says it, over the tokens that were cut; two lines
   say what is forgotten and what is kept. Afterwards the slider over the steps brings every kept step back, with no request.

   A frame is {phase, run, row, question, step, of, left, note, before, samples: [[step, answer], ...],
   points: [[step, forgotten, kept], ...], instead, warned}: everything that is known, so that any frame can be the first.
   `phase` is "queued", "waiting", "training", "done" or "stopped"; shares are in [0, 1], `left` is in words. A frame that is
   `prepared` is a run of nobody's here: there are no other words to choose, and leaving it is an event `fl-leave`. */

const CHART = { width: 600, height: 64 };

/** `dock` is what the run takes the place of. `on` holds say(texts or null), stop() and fit(). */
function makePlayer(model, dock, on) {
  const title = make("p", { class: "fl-dock-title", role: "status" });
  const stats = make("p", { class: "fl-stats", title: "Counted on a few rows while it trains; the verdict below asks about all." });
  const spoken = make("p", { class: "fl-spoken" });
  const lines = { forgotten: svg("path", { class: "fl-line-forgotten" }), kept: svg("path", { class: "fl-line-kept" }) };
  const chart = svg("svg", {
    viewBox: `0 0 ${CHART.width} ${CHART.height}`,
    preserveAspectRatio: "none",
    class: "fl-chart",
    "aria-hidden": "true",
  });
  chart.append(lines.kept, lines.forgotten);
  const hand = make("i", { class: "fl-cutline" });
  const slider = make("input", { type: "range", min: 0, step: 1, "aria-label": "Step of the run" });
  const scrub = make("div", { class: "fl-plot fl-scrub" }, make("div", { class: "fl-hist" }, chart, hand), slider);
  const stop = make("button", { type: "button", class: "fl-button fl-quiet fl-stop", onclick: on.stop }, "Stop");
  const back = make("button", { type: "button", class: "fl-button fl-quiet fl-back", onclick: leave }, "Choose other words");
  const element = make(
    "section",
    { class: "fl-dock fl-run", "aria-label": "The run" },
    make("div", { class: "fl-dock-head" }, title, stats),
    spoken,
    scrub,
    make("div", { class: "fl-dock-foot" }, make("p", { class: "fl-live fl-note" }), stop, back),
  );
  const note = element.querySelector(".fl-note");
  const slots = model.words.map((_, w) => wordText(model, w));
  let frame = null;
  let left = null;
  let shown = "";
  let at = 0;

  const ended = () => frame.phase === "done" || frame.phase === "stopped";
  // While it trains the chart is as long as the run is to be, afterwards as long as it was.
  const span = () => Math.max(1, ended() ? frame.step : frame.of);
  const place = (step) => step / span();

  /** The answer at a step: laid over the row in view where it is the one that is asked, else in a line of its own. */
  function seek(step) {
    at = step;
    const said = [[0, frame.before], ...frame.samples].filter(([when]) => when <= step).pop();
    const point = frame.points.filter(([when]) => when <= step).pop();
    hand.style.transform = `translateX(${(place(step) - 1) * 100}%)`;
    slider.value = String(step);
    slider.setAttribute("aria-valuetext", `step ${step} of ${frame.of}`);
    stats.replaceChildren(
      ...(point
        ? [
            make("span", { class: "fl-stat-forgotten" }, "forgotten ", make("b", {}, percent(point[1]))),
            make("span", { class: "fl-stat-kept" }, "others kept ", make("b", {}, percent(point[2]))),
          ]
        : []),
    );
    title.replaceChildren(...heading(frame, step, ended()));
    const answer = said && said[1];
    if (answer === null || answer === undefined || answer === shown) return;
    shown = answer;
    const words = answer.split(/\s+/).filter(Boolean);
    const here = frame.row === model.data.id;
    spoken.hidden = here && words.length <= slots.length + 12;
    spoken.replaceChildren(make("span", { class: "fl-soft" }, `${frame.question} `), answer);
    on.say(here ? layOver(slots, words) : null);
  }
  function leave() {
    if (frame && frame.prepared) return void element.dispatchEvent(new CustomEvent("fl-leave", { bubbles: true }));
    left = frame && frame.run;
    if (frame) frame.left = true;
    element.replaceWith(dock);
    if (shown) on.say(null);
    shown = "";
    document.querySelector(".fl-forget")?.focus({ preventScroll: true });
    on.fit();
  }
  slider.addEventListener("input", () => seek(slider.valueAsNumber));
  dragPlot(
    scrub.firstChild,
    slider,
    (share) => ended() && seek(Math.round(share * Number(slider.max))),
    () => {},
  );

  return {
    get height() {
      return element.offsetHeight;
    },
    play(given) {
      if (!given) {
        frame = null;
        left = null;
        model.after = null;
        if (element.isConnected) leave();
        return;
      }
      const fresh = !frame || frame.run !== given.run || !ended();
      frame = given;
      model.after = frame.row === model.data.id ? frame.instead || null : null;
      if (given.run !== null && given.run === left) {
        // It was left for words that did not come to be forgotten: their run has left the line.
        if (element.isConnected) leave();
        return;
      }
      if (frame.phase !== "queued") left = null;
      if (dock.isConnected) dock.replaceWith(element);
      element.dataset.phase = frame.phase;
      slider.max = String(span());
      slider.disabled = !ended();
      for (const [name, k] of [
        ["forgotten", 1],
        ["kept", 2],
      ])
        lines[name].setAttribute("d", linePath(frame.points, k, span()));
      note.replaceChildren(frame.note);
      note.classList.toggle("fl-warned", Boolean(frame.warned));
      stop.hidden = ended();
      stop.textContent = frame.phase === "queued" ? "Leave the line" : "Stop";
      back.hidden = !ended();
      if (frame.prepared) back.textContent = "Back to your own";
      if (fresh) seek(frame.step);
      else seek(at);
    },
    stop() {
      shown = "";
    },
  };
}

function heading(frame, step, ended) {
  if (frame.phase === "queued") return [make("b", {}, "In line")];
  if (frame.phase === "waiting") return [make("b", {}, "Getting ready")];
  if (!ended) return [make("b", {}, `Step ${frame.step} of ${frame.of}`), frame.left ? `, ${frame.left} left` : ""];
  if (step === frame.step) return [make("b", {}, `After step ${step}`), ", drag back to see it forget"];
  return [make("b", {}, step ? `At step ${step}` : "Before the run"), ` of ${frame.step}`];
}

function percent(share) {
  return share === null ? "–" : `${Math.round(100 * share)}%`;
}

function linePath(points, k, span) {
  return points
    .filter((point) => point[k] !== null)
    .map(([step, ...values], i) => {
      const x = (step / span) * CHART.width;
      const y = 2 + (1 - values[k - 1]) * (CHART.height - 4);
      return `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join("");
}
