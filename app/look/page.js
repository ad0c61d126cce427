/* What the page does in the browser by itself. In the document's head; everything here hangs on the document, because
   Gradio makes and drops the elements of a room as it pleases. */

/** Gradio gives every radio button a name of its own, which leaves arrow keys without effect and a screen reader
    without "2 of 3". One name for a group makes it one again; Gradio undoes that whenever it redraws. */
function joinRadios({ target }) {
  if (target.type !== "radio" || target.closest(".fl-lanes")) return;
  for (const radio of target.closest(".block").querySelectorAll("input[type=radio]")) radio.name = target.name;
}
document.addEventListener("focusin", joinRadios, true);
document.addEventListener("keydown", joinRadios, true);

/** A long list of Gradio's opens somewhere, and as a scroller takes the focus that Tab was to carry on, then vanishes with
    it. It opens at what is chosen, and Tab passes it by. */
function openAtChosen({ target }) {
  if (target.getAttribute?.("role") !== "combobox") return;
  let tries = 20;
  const look = () => {
    const list = target.closest(".block").querySelector("ul[role=listbox]");
    const chosen = list?.querySelector("[aria-selected=true]");
    if (!list && tries--) return setTimeout(look, 25);
    if (chosen) list.scrollTop = chosen.offsetTop - (list.clientHeight - chosen.offsetHeight) / 2;
  };
  // Gradio scrolls it once, when it stands.
  setTimeout(look, 60);
}
document.addEventListener("focusin", openAtChosen, true);
function passListBy({ key, target }) {
  const list = key === "Tab" && target.getAttribute?.("role") === "combobox" && target.closest(".block").querySelector("ul");
  if (list) list.tabIndex = -1;
}
document.addEventListener("keydown", passListBy, true);

/** Gradio closes the stream of answers when none of a visitor's questions waits, and takes a question asked meanwhile for
    one that the old stream still answers: behind a proxy that holds a stream back, what was pressed seems to do
    nothing until something else is pressed. So when a stream ended shortly after a question had been taken, press a
    hidden button that does nothing: its stream brings what is still waiting. */
function fetchLeftAnswers() {
  const SHORTLY_MS = 1000;
  let [taken, pressed] = [-Infinity, Infinity];
  const watch = new PerformanceObserver((list) => {
    for (const { name, startTime, responseEnd } of list.getEntries()) {
      if (name.includes("/queue/join")) {
        if (startTime >= pressed) pressed = Infinity;
        else taken = responseEnd;
      } else if (name.includes("/queue/data") && responseEnd - taken < SHORTLY_MS) {
        taken = -Infinity;
        // Once Gradio, too, has seen that the stream has ended.
        setTimeout(() => {
          pressed = performance.now();
          document.getElementById("left-answers")?.click();
        }, 100);
      }
    }
  });
  watch.observe({ type: "resource" });
}
fetchLeftAnswers();

/** Beside a run that was asked for, ask for its place in line: Gradio has the listeners of one press wait for each other. */
document.addEventListener("click", ({ target }) => {
  // A little later: most runs have begun by then, and none waits.
  if (target.closest?.(".fl-forget, #start, .pg-run-here")) setTimeout(() => document.getElementById("run-asked")?.click(), 300);
});

const ForgetLensPage = (() => {
  // The stage, and the rooms below it in the order of their tabs.
  const ROOMS = ["inspect", "compare", "unlearn", "learn", "own"];
  const lanes = () => document.querySelector("#lanes .fl-lanes")?.forgetLens;
  const TICKET = "forget-lens-ticket";
  // Longer than the address waits before it is written.
  const SETTLED_MS = 400;
  // A change of one of these is a step that Back goes back over.
  const STEPS = ["room", "row", "prompt", "answer"];
  let address = null;
  let waiting = 0;
  let chosen = false;
  // Whether what changes is what the visitor has changed, and not what an address asked for.
  let settled = false;
  // Whether the view of another address is on its way: what stands until then is not what the address says.
  let going = false;

  /** The room whose tab was chosen, or the stage while none was; Gradio lists tabs that did not fit a second time, in a
      menu. */
  function room() {
    const tabs = [...document.querySelectorAll("#rooms .tab-container[role=tablist] [role=tab]")];
    const at = tabs.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
    return ROOMS[chosen ? at + 1 : 0];
  }

  /** The cut in words, in the settings of a run. Written here, so that dragging a cut asks the server for nothing. */
  function describeCut() {
    const cut = lanes()?.summary?.();
    const line = document.querySelector("#unlearn-cut .pg-cut");
    if (!cut || !line) return;
    const share = `top ${Math.round(cut.cut * 100)}%`;
    const how = cut.kind === "top" ? share : `from ${Number(cut.cut.toPrecision(3))} up`;
    const sentence = `${cut.title}, ${how}: ${cut.kept} of ${cut.tokens} answer tokens of this row`;
    if (line.textContent !== sentence) line.textContent = sentence;
  }
  document.addEventListener("fl-cut-moves", describeCut);
  // What a run would train is said in Settings: asked for there alone, and by whoever enters it.
  document.addEventListener("fl-cut-set", () => room() === "unlearn" && document.getElementById("cut-set")?.click());

  function laneWords(scorers) {
    const state = lanes()?.state?.();
    if (!state) return {};
    const cuts = scorers
      .filter((name) => state.cuts[name])
      .map((name) => [name, state.cuts[name].kind, state.cuts[name].cut].join(":"))
      .filter((cut) => !cut.endsWith(":top:0.3"));
    return {
      view: state.view,
      units: state.units,
      colour: state.colour,
      given: state.keep_given ? "1" : "0",
      lane: state.active,
      cuts: cuts.join(","),
      hand: state.hand || "",
    };
  }

  /** How an address is written: the names of its fields in the order of their values, what they are when nothing is said
      (app/address.py), in which of them a preset differs, and how many characters of a text an address takes. */
  function learn(names, defaults, presets, most) {
    address = { names, defaults, presets, most };
  }

  /** Write the view into the address; what is as the page opens with, or as the chosen preset has it, is left out. */
  function writeAddress(values) {
    describeCut();
    clearTimeout(waiting);
    if (going || !address) return;
    const { names, defaults, presets, most } = address;
    // After the lanes and the tabs have drawn what has just changed.
    waiting = setTimeout(() => {
      const said = Object.fromEntries(names.map((name, k) => [name, values[k]]));
      const own = said.split === "own";
      const fits = String(said.prompt ?? "").length + String(said.answer ?? "").length <= most;
      const view = {
        ...said,
        ...laneWords(said.scorers || []),
        room: room(),
        row: own ? "own" : `${said.split}:${said.row ?? 0}`,
        prompt: own && fits ? said.prompt : "",
        answer: own && fits ? said.answer : "",
      };
      const query = new URLSearchParams(location.search);
      for (const [name, usual] of Object.entries({ ...defaults, ...presets[said.preset] })) {
        const given = view[name] ?? usual;
        const value = String(typeof given === "boolean" ? Number(given) : given);
        if (value === usual) query.delete(name);
        else query.set(name, value);
      }
      // A colon and a comma may stand in a query as they are, and are easier to read.
      const text = query.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
      const before = new URLSearchParams(location.search);
      const step = settled && STEPS.some((name) => query.get(name) !== before.get(name));
      const written = `${location.pathname}${text ? `?${text}` : ""}${location.hash}`;
      history[step ? "pushState" : "replaceState"](history.state, "", written);
      ForgetLensGallery.note();
    }, 150);
  }

  /** What the page was opened with: the view that is asked for, and the ticket of the page that this tab showed before. */
  function arrival() {
    let ticket = "";
    try {
      ticket = sessionStorage.getItem(TICKET) || "";
    } catch {
      // The browser keeps nothing for this site: every page is a visit of its own.
    }
    return [location.search, ticket];
  }

  /** The page stands. `told` has its ticket, and whether it goes on with the visit of the page before. */
  function arrived(told) {
    try {
      if (told?.ticket) sessionStorage.setItem(TICKET, told.ticket);
    } catch {
      // As above.
    }
    if (told?.again) document.getElementById("taken-up")?.click();
    ForgetLensGallery.arrive();
    settle();
  }

  function settle() {
    setTimeout(() => (settled = true), SETTLED_MS);
  }

  /** Back and forward: show the view of the address that the browser has put there. */
  addEventListener("popstate", () => {
    if (ForgetLensGallery.moved()) return;
    [settled, going] = [false, true];
    clearTimeout(waiting);
    document.getElementById("moved")?.click();
  });

  /** The view of an address stands; the visitor may have gone on to another one meanwhile. */
  function went(name, query) {
    if (query !== location.search) return;
    going = false;
    if (name === ROOMS[0]) {
      chosen = false;
      scrollTo({ top: 0 });
    } else enter(name);
    lanes()?.again();
    ForgetLensGallery.arrive();
    settle();
  }

  /** A tab was chosen: charts that were hidden fit the window as it is now. */
  function chose() {
    chosen = true;
    // The room is drawn after its tab was chosen.
    setTimeout(() => dispatchEvent(new Event("resize")), 100);
  }

  function toStage() {
    ForgetLensGallery.close();
    scrollTo({ top: 0 });
    document.querySelector("#lanes .fl-forget")?.focus({ preventScroll: true });
  }

  /** Bring a room into sight: the stage is the page's top, the others lie below it. */
  function enter(name) {
    // Whoever has gone to a room while the page was opening stays there.
    if (name === ROOMS[0]) return;
    chose();
    setTimeout(() => document.getElementById("rooms")?.scrollIntoView({ block: "start" }), 150);
  }

  /** Close a fold that is open. */
  function fold(id) {
    document.querySelector(`#${id} > .label-wrap.open`)?.click();
  }

  /** The view's address, into the clipboard. */
  function share() {
    copied("share", location.href, "Link");
    offer(document.getElementById("share"), document.getElementById("sharing"));
  }

  /** Unfold `panel` under `button`, until Escape, a press elsewhere, or a press in it. */
  function offer(button, panel) {
    const { bottom, right } = button.getBoundingClientRect();
    panel.style.cssText += `top: ${bottom + 6}px; right: ${document.documentElement.clientWidth - right}px`;
    panel.classList.add("pg-open");
    panel.setAttribute("role", "group");
    panel.setAttribute("aria-label", button.textContent);
    panel.querySelector("button").focus({ preventScroll: true });
    const done = new AbortController();
    const close = (back) => {
      panel.classList.remove("pg-open");
      done.abort();
      if (back) button.focus({ preventScroll: true });
    };
    const { signal } = done;
    document.addEventListener("keydown", ({ key }) => key === "Escape" && close(true), { signal });
    // After the press that unfolds it.
    setTimeout(() => document.addEventListener("click", ({ target }) => close(panel.contains(target)), { signal }));
    addEventListener("scroll", () => close(false), { signal });
  }

  /** Put a text into the clipboard, and say so on the button. */
  async function copied(id, text, what) {
    const button = document.getElementById(id);
    const said = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = `${what} copied`;
    } catch {
      // Not allowed, or no secure page: to be copied by hand.
      prompt(`${what} to this view:`, text);
    }
    setTimeout(() => (button.textContent = said), 2000);
  }

  /** The lanes as a picture, 2 dots to a pixel: a copy of their elements inside an SVG, with the page's own rules. */
  async function savePicture() {
    const root = document.querySelector("#lanes");
    const { top, width } = root.getBoundingClientRect();
    const height = root.querySelector(".fl-answer").getBoundingClientRect().bottom - top + 48;
    const copy = root.cloneNode(true);
    for (const part of copy.querySelectorAll(".fl-switches, .fl-dock, .fl-cuts, .fl-hidden, .fl-tip, .fl-offer, .fl-hint")) part.remove();
    for (const term of copy.querySelectorAll(".pg-term")) term.replaceWith(...term.childNodes);
    copy.style.width = `${width}px`;
    // What the rules ask of the ancestors holds in the copy, too; none of them takes room.
    let framed = copy;
    for (let outer = root.parentElement; outer; outer = outer.parentElement) {
      const frame = document.createElement("div");
      frame.id = outer.id;
      frame.className = outer.className;
      frame.style.display = "contents";
      frame.append(framed);
      framed = frame;
    }
    const sheet = document.createElement("div");
    const paper = getComputedStyle(document.body).backgroundColor;
    sheet.style.cssText = `box-sizing: border-box; height: 100%; padding: 24px; background: ${paper};`;
    sheet.append(pageRules(), framed);
    const body = new XMLSerializer().serializeToString(sheet);
    const [w, h] = [Math.ceil(width + 48), Math.ceil(height)];
    const source =
      `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}">` +
      `<foreignObject width="100%" height="100%">${body}</foreignObject></svg>`;
    const picture = new Image();
    picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(source)}`;
    await picture.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * w, 2 * h];
    const pen = canvas.getContext("2d");
    pen.scale(2, 2);
    pen.drawImage(picture, 0, 0);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = "forget-lens-lanes.png";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function pageRules() {
    const style = document.createElement("style");
    style.textContent = [...document.styleSheets]
      .flatMap((sheet) => [...sheet.cssRules])
      .map((rule) => rule.cssText)
      .join("\n");
    return style;
  }
  const isSettled = () => settled;
  return { learn, writeAddress, arrival, arrived, went, isSettled, chose, enter, toStage, fold, share, copied, savePicture };
})();
