/* The article of Learn in the browser: runs play on its figures as they play on the stage, and the way back from there. */

const ForgetLensLesson = (() => {
  // Which figure a run was started from. Kept for this tab, so that a page that is opened anew goes on with it.
  const STARTED = "forget-lens-figure";
  const LIVE = ["queued", "waiting", "training"];
  const TRIES = 60;
  let started = "";
  let live = false;
  try {
    started = sessionStorage.getItem(STARTED) || "";
  } catch {
    // The browser keeps nothing for this site.
  }

  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.(".fl-forget, #start, .pg-run-here");
    if (!button) return;
    started = button.id.startsWith("here-") ? button.id.slice("here-".length) : "";
    try {
      sessionStorage.setItem(STARTED, started);
    } catch {
      // As above.
    }
  });

  const lanesOf = (number) => document.querySelector(`#figure-${number} .fl-lanes`)?.forgetLens;

  /** What the stage plays is played on the figure that it was started from, until it has ended. */
  function mirror(frame) {
    const going = Boolean(frame && LIVE.includes(frame.phase));
    if (started && (going || live)) lanesOf(started)?.play(frame);
    live = going;
  }

  /** The runs that the figures show at rest; a figure may not be drawn yet. */
  function play(numbers, frames, tries = TRIES) {
    if (live) return;
    const waiting = numbers.filter((number, k) => {
      const lanes = lanesOf(number);
      lanes?.play(frames[k]);
      return !lanes;
    });
    if (waiting.length && tries) {
      const left = waiting.map((number) => frames[numbers.indexOf(number)]);
      setTimeout(() => play(waiting, left, tries - 1), 50);
    }
  }

  /** The question of the step in hand, into sight and focus. */
  function toQuestion() {
    const step = document.querySelector("#lesson-strip .pg-task")?.dataset.step;
    // The room is drawn after its tab was chosen.
    setTimeout(() => {
      const question = step && document.getElementById(`question-${step}`);
      question?.scrollIntoView({ block: "center" });
      question?.querySelector("input[type=radio]")?.focus({ preventScroll: true });
    }, 100);
  }
  return { mirror, play, toQuestion };
})();
