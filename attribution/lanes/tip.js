/* One tooltip with every scorer's number for a token. Hover or focus previews it; where the cut is drawn a click or Enter
   puts the token into it or takes it out, elsewhere they pin the tooltip, as a tap does; arrows move between tokens, Esc
   clears. */

const GAP = 10;

function makeTip(model, id, onEdit) {
  const element = make("div", { class: "fl-tip", id, role: "tooltip", popover: "manual" });
  let shown = -1;
  let anchor = null;

  function fill(i) {
    const token = model.tokens[i];
    const lane = model.lanes.find((other) => other.name === model.active);
    const word = model.units === "words" ? model.words[model.wordOf[i]] : [i];
    const text = word.map((k) => model.pieces[k]).join("");
    const facts = [
      word.length > 1
        ? `tokens ${word[0] + 1}–${word[word.length - 1] + 1} of ${model.n}`
        : `token ${i + 1} of ${model.n}`,
      word.length > 1 ? null : `id ${token.id}`,
      token.p === null || token.p === undefined || word.length > 1
        ? null
        : `p ${formatProbability(token.p)}`,
    ].filter(Boolean);
    const truth =
      model.truth[i] === "fact"
        ? "carries a fact"
        : model.truth[i] === "subject"
          ? "names the subject"
          : model.data.marked
            ? "structure"
            : null;
    const rows = model.lanes.map((row) => {
      const best = word.reduce((a, b) => (row.scores[b] > row.scores[a] ? b : a));
      const kept = word.filter((k) => (row === lane ? inCut(model, row, k) : row.kept[k])).length;
      return make(
        "tr",
        { class: row === lane ? "fl-active" : null },
        make("th", { scope: "row" }, row.title),
        make("td", {}, formatScore(row.scores[best])),
        make("td", {}, Math.round(row.ranks[best] * 100)),
        make(
          "td",
          {},
          kept === 0
            ? word.every((k) => model.given[k]) && !model.keepGiven
              ? "left out"
              : "–"
            : kept === word.length
              ? "kept"
              : `${kept} of ${word.length}`,
        ),
      );
    });
    const parts = [
      make(
        "p",
        { class: "fl-tip-text" },
        make(
          "b",
          { dir: "auto" },
          model.heads[i] === i || word.length > 1
            ? spelledOut(text)
            : `part of ${spelledOut(shownText(model.pieces, model.heads, model.heads[i]))}`,
        ),
        truth ? make("span", { class: `fl-truth fl-truth-${model.truth[i] || "none"}` }, truth) : null,
      ),
      make("p", { class: "fl-soft" }, facts.join("  ·  ")),
      make(
        "table",
        {},
        make(
          "thead",
          {},
          make(
            "tr",
            {},
            make("td"),
            make("th", { scope: "col" }, "score"),
            make("th", { scope: "col" }, "percentile"),
            make("th", { scope: "col" }, "cut"),
          ),
        ),
        make("tbody", {}, ...rows),
      ),
      model.given[i] ? make("p", { class: "fl-soft" }, "The prompt already gives this word.") : null,
      makeInstead(model, i),
      lane
        ? make(
            "button",
            { type: "button", class: "fl-button fl-edit", onclick: () => onEdit(i) },
            inCut(model, lane, i) ? "Take it out of the cut" : "Put it into the cut",
          )
        : null,
    ];
    element.replaceChildren(...parts.filter(Boolean));
  }

  /** Below its token, above where there is no room; always whole inside the window. */
  function place() {
    const box = anchor.getBoundingClientRect();
    const width = element.offsetWidth;
    const height = element.offsetHeight;
    const below = box.bottom + GAP + height < innerHeight || box.top - GAP - height < 0;
    const top = below ? box.bottom + GAP : box.top - GAP - height;
    const left = box.left + box.width / 2 - width / 2;
    element.style.left = `${Math.max(8, Math.min(innerWidth - width - 8, left))}px`;
    element.style.top = `${Math.max(8, Math.min(innerHeight - height - 8, top))}px`;
  }

  return {
    element,
    get shown() {
      return shown;
    },
    show(i, beside, pinned) {
      shown = i;
      anchor = beside;
      fill(i);
      element.classList.toggle("fl-pinned", pinned);
      if (element.showPopover && !element.matches(":popover-open")) element.showPopover();
      element.classList.add("fl-open");
      place();
    },
    refresh() {
      if (shown >= 0) fill(shown);
    },
    follow() {
      if (shown >= 0) place();
    },
    hide() {
      shown = -1;
      element.classList.remove("fl-open", "fl-pinned");
      if (element.hidePopover && element.matches(":popover-open")) element.hidePopover();
    },
  };
}

/** What the model would say where a token stands: now, with the subject hidden, and after the run that was made last. */
function makeInstead(model, i) {
  const { now, hidden } = model.data.instead || {};
  const lists = [
    ["The model here", now],
    [model.data.subject.text ? `“${model.data.subject.text}” hidden` : "Hidden", hidden],
    ["After the run", model.after],
  ].filter(([, places]) => places && places[i] && places[i].length);
  if (!lists.length) return null;
  return make(
    "div",
    { class: "fl-instead" },
    ...lists.map(([title, places]) =>
      make(
        "section",
        {},
        make("h4", {}, title),
        make(
          "ol",
          {},
          ...places[i].map(([text, p]) =>
            make(
              "li",
              { class: text === model.pieces[i] ? "fl-same" : null, style: `--p:${p}` },
              make("span", { dir: "auto" }, text ? spelledOut(text) : "end of the answer"),
              make("em", {}, formatProbability(p)),
            ),
          ),
        ),
      ),
    ),
  );
}

/** Three decimals; near 1 as many as tell it from 1, near 0 a power of ten. */
function formatProbability(p) {
  if (p === 0 || p === 1) return String(p);
  if (p > 0.999999) return "> 0.999999";
  if (p >= 0.9995) return p.toFixed(Math.ceil(-Math.log10(1 - p)));
  return p < 0.0005 ? p.toExponential(1).replace("e-", "e−") : p.toFixed(3);
}

/** Hover, focus, click and keys on the tokens of whatever view is shown. `view()` gives {tokens, element}. */
function followTokens(model, host, view, tip, onEdit) {
  let at = 0;
  let pinned = -1;
  let lit = [];
  const elementsOf = (i) => [view().tokens[i]].flat();
  const indexOf = (event) => {
    const token = event.target.closest && event.target.closest("[data-i]");
    return token && host.contains(token) ? Number(token.dataset.i) : -1;
  };
  const anchorOf = (i, event) => (event && event.target.closest("[data-i]")) || elementsOf(i)[0];

  function light(i) {
    for (const element of lit) element.classList.remove("fl-lit");
    lit = i < 0 ? [] : (model.units === "words" ? model.words[model.wordOf[i]] : [i]).flatMap(elementsOf);
    for (const element of lit) element.classList.add("fl-lit");
  }
  function preview(i, event) {
    light(i);
    tip.show(i, anchorOf(i, event), pinned >= 0);
    const focusable = elementsOf(i)[0];
    focusable.setAttribute("aria-describedby", tip.element.id);
  }
  function clear() {
    pinned = -1;
    light(-1);
    tip.hide();
    for (const marked of host.querySelectorAll(".fl-pin")) marked.classList.remove("fl-pin");
  }
  function pin(i, event) {
    const same = pinned === i;
    clear();
    if (same) return;
    pinned = i;
    for (const element of elementsOf(i)) element.classList.add("fl-pin");
    preview(i, event);
  }
  function rove(i) {
    elementsOf(at)[0].tabIndex = -1;
    at = i;
    elementsOf(at)[0].tabIndex = 0;
  }
  const visible = (i) => i >= 0 && i < model.n && elementsOf(i)[0].offsetParent !== null;
  function step(from, direction) {
    if (model.units !== "words") return from + direction;
    const word = model.words[model.wordOf[from] + direction];
    return word ? word[0] : -1;
  }
  /** The token above or below: on the next line, the one whose middle is nearest. */
  function vertical(from, direction) {
    const box = elementsOf(from)[0].getBoundingClientRect();
    const middle = box.left + box.width / 2;
    let best = -1;
    let line = null;
    let nearest = Infinity;
    for (let i = from + direction; visible(i); i += direction) {
      const other = elementsOf(i)[0].getBoundingClientRect();
      if (Math.abs(other.top - box.top) < box.height / 2) continue;
      if (line === null) line = other.top;
      if (Math.abs(other.top - line) > box.height / 2) break;
      const distance = Math.abs(other.left + other.width / 2 - middle);
      if (distance < nearest) [nearest, best] = [distance, i];
    }
    return best;
  }

  host.addEventListener("pointerover", (event) => {
    const i = indexOf(event);
    if (i >= 0 && pinned < 0 && event.pointerType !== "touch") preview(i, event);
  });
  host.addEventListener("pointerleave", () => {
    if (pinned >= 0) return;
    light(-1);
    tip.hide();
  });
  host.addEventListener("click", (event) => {
    const i = indexOf(event);
    if (i < 0) return pinned >= 0 ? clear() : undefined;
    rove(i);
    if (view().mark && event.pointerType !== "touch") onEdit(i);
    else pin(i, event);
  });
  host.addEventListener("focusin", (event) => {
    const i = indexOf(event);
    if (i < 0 || !event.target.matches(":focus-visible")) return;
    rove(i);
    if (pinned < 0) preview(i, event);
  });
  host.addEventListener("focusout", (event) => {
    if (pinned < 0 && !host.contains(event.relatedTarget)) {
      light(-1);
      tip.hide();
    }
  });
  host.addEventListener("keydown", (event) => {
    const i = indexOf(event);
    if (i < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const forward = model.direction === "rtl" ? -1 : 1;
    const targets = {
      ArrowRight: () => step(i, forward),
      ArrowLeft: () => step(i, -forward),
      ArrowDown: () => vertical(i, 1),
      ArrowUp: () => vertical(i, -1),
      Home: () => 0,
      End: () => (model.fold && !visible(model.n - 1) ? model.fold - 1 : model.n - 1),
    };
    if (event.key === "Enter" || event.key === " ") {
      if (view().mark) onEdit(i);
      else pin(i, event);
    } else if (targets[event.key]) {
      const next = targets[event.key]();
      if (visible(next)) {
        const wasPinned = pinned >= 0;
        rove(next);
        elementsOf(next)[0].focus();
        if (wasPinned) {
          pinned = -1;
          pin(next, null);
        } else preview(next, null);
      }
    } else return;
    event.preventDefault();
  });
  const outside = (event) => {
    if (
      event.type === "keydown"
        ? event.key === "Escape" && tip.shown >= 0
        : pinned >= 0 && !host.contains(event.target) && !tip.element.contains(event.target)
    )
      clear();
  };
  const root = host.ownerDocument;
  root.addEventListener("keydown", outside);
  root.addEventListener("pointerdown", outside);
  root.addEventListener("scroll", tip.follow, { capture: true, passive: true });
  return {
    clear,
    /** After a view was built or swapped: the roving tab stop is where it was. */
    restart() {
      clear();
      at = Math.min(at, model.n - 1);
      if (!visible(at)) at = 0;
      rove(at);
    },
    stop() {
      clear();
      root.removeEventListener("keydown", outside);
      root.removeEventListener("pointerdown", outside);
      root.removeEventListener("scroll", tip.follow, { capture: true });
    },
  };
}
