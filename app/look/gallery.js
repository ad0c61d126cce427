/* A prepared run over the stage: lanes of its own stand in the place of the visitor's, which go on underneath and come
   back as they were. Nothing is asked for but the run itself, once (app/rooms/stage/gallery.py). */

const ForgetLensGallery = (() => {
  // Seconds: to go through a run from its first step to its last.
  const PLAYED = 6;
  const known = {};
  // The run that the server is asked for, and the one that plays when it is here: none once it has come, or the visitor
  // has gone elsewhere.
  let wanted = "";
  let due = "";
  // What is told when it has been played, or is not to be played any more.
  let waiting = null;
  // What stands on the stage: {name, parts, held}.
  let shown = null;
  // Where a mouse has pressed a tile; null for a finger or a key.
  let pressed = null;

  const own = () => document.querySelector("#lanes .fl-lanes:not(.pg-prepared)");
  const press = (id) => document.getElementById(id)?.click();
  const named = () => new URLSearchParams(location.search).get("gallery") || "";
  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** The address of the view with a prepared run over it, or with none. */
  function addressOf(name) {
    const address = new URL(location.href);
    if (name) address.searchParams.set("gallery", name);
    else address.searchParams.delete("gallery");
    return address.href.replaceAll("%3A", ":").replaceAll("%2C", ",");
  }

  /** Play a run; the address names it, and Back takes it off the stage. Resolves when it has been played. */
  function open(name, remember = true) {
    wanted = due = name;
    if (remember && named() !== name) history.pushState(history.state, "", addressOf(name));
    return new Promise((done) => {
      waiting?.();
      waiting = done;
      if (known[name]) play(known[name]);
      else press("gallery-fetch");
    });
  }

  async function play(given) {
    // Pressed twice in a hurry, a run comes twice.
    if (!given || given.name !== due || !own()) return;
    due = "";
    const done = waiting;
    waiting = null;
    known[given.name] = given;
    clear();
    const element = document.createElement("div");
    element.className = "fl-lanes pg-prepared";
    const [above, below] = ["above", "below"].map((side) => {
      const part = document.createElement("div");
      part.innerHTML = given[side];
      return part;
    });
    own().classList.add("pg-away");
    own().after(above, element);
    document.querySelector(".pg-prepared-place").append(below);
    document.documentElement.classList.add("pg-playing");
    if (pressed) element.classList.add("pg-still");
    shown = { name: given.name, parts: [above, element, below], held: false };
    mark(given.name);
    const mounted = ForgetLens.mount(element, () => {}, true);
    scrollTo({ top: 0 });
    mounted.show(JSON.parse(JSON.stringify(given.lanes)));
    mounted.play(JSON.parse(JSON.stringify(given.frame)));
    above.firstElementChild.focus({ preventScroll: true });
    element.addEventListener("fl-leave", () => close());
    for (const kind of ["pointerdown", "keydown"])
      element.addEventListener(kind, (event) => event.isTrusted && shown && (shown.held = true), true);
    below.hidden = true;
    await go(shown, element.querySelector(".fl-run .fl-scrub input"));
    below.hidden = false;
    done?.();
  }

  /** Go through the steps as a hand would, until somebody's does. */
  async function go(run, slider) {
    const last = Number(slider.max);
    const seek = (step) => {
      slider.value = String(step);
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const begun = performance.now();
    for (let share = 0; share < 1 && !still() && !run.held && slider.isConnected; ) {
      share = Math.min(1, (performance.now() - begun) / 1000 / PLAYED);
      const step = Math.round(last * share);
      if (String(step) !== slider.value || !step) seek(step);
      await new Promise((done) => setTimeout(done, 40));
    }
    if (!run.held && slider.isConnected) seek(last);
  }

  /** Take what is shown off the stage; the visitor's own lanes stand there again. */
  function clear() {
    if (!shown) return;
    for (const part of shown.parts) {
      part.forgetLens?.show(null);
      part.remove();
    }
    shown = null;
    mark("");
    document.documentElement.classList.remove("pg-playing");
    own()?.classList.remove("pg-away");
    // Lanes out of sight were not laid out.
    dispatchEvent(new Event("resize"));
  }

  function close(remember = true) {
    const was = Boolean(shown);
    due = "";
    waiting?.();
    waiting = null;
    clear();
    if (was) scrollTo({ top: 0 });
    if (remember && named()) history.replaceState(history.state, "", addressOf(""));
    if (was) own()?.querySelector(".fl-forget, .fl-back")?.focus({ preventScroll: true });
  }

  function mark(name) {
    for (const tile of document.querySelectorAll("[data-gallery]")) {
      if (tile.dataset.gallery === name) tile.setAttribute("aria-current", "true");
      else tile.removeAttribute("aria-current");
    }
  }

  document.addEventListener("click", ({ target, pointerType, clientX, clientY }) => {
    const tile = target.closest?.("[data-gallery]");
    const same = target.closest?.("[data-gallery-setup]");
    pressed = pointerType === "mouse" ? [clientX, clientY] : null;
    if (tile) open(tile.dataset.gallery);
    else if (same) {
      wanted = same.dataset.gallerySetup;
      press("gallery-setup");
    } else if (target.closest?.("[data-gallery-close]")) close();
  });

  // The stage comes under a mouse that has pressed a tile: its words open no card before it moves.
  document.addEventListener("pointermove", ({ clientX, clientY }) => {
    const moved = pressed && Math.hypot(clientX - pressed[0], clientY - pressed[1]) > 2;
    if (moved) document.querySelector("#lanes .pg-still")?.classList.remove("pg-still");
  });

  /** The browser went back or forward: whether that is all about a prepared run. */
  let before = null;
  const rest = () => {
    const query = new URLSearchParams(location.search);
    query.delete("gallery");
    return query.toString();
  };
  function moved() {
    const name = named();
    if (name === (shown?.name || "") || before !== rest()) return false;
    if (name) open(name, false);
    else close(false);
    return true;
  }
  /** What of the address is the visitor's own view, noted whenever it is written or gone to. */
  const note = () => (before = rest());

  /** The view of the address stands: play what it names. */
  function arrive() {
    note();
    if (!named()) close(false);
    else if (named() !== shown?.name) open(named(), false);
  }

  /** Another row of the visitor's came to stand on the stage: with the page itself, or because it was asked for. */
  function otherRow() {
    if (ForgetLensPage.isSettled()) close();
  }

  return { open, play, close, moved, note, arrive, otherRow, asked: () => wanted, shown: () => shown?.name || "", names: () => [...document.querySelectorAll("[data-gallery]")].map((tile) => tile.dataset.gallery) };
})();
