/* Expert words: the first of each in every room is a dotted button that says what it means, to the mouse, the keyboard, a
   finger and a screen reader alike. Terms are those of app/look/glossary.py; texts are read and written as text alone. */

function startGlossary(terms) {
  // Sentences of ours: no answers of models, nothing that a visitor typed, and no widget's own label.
  const PROSE = [
    ".pg-soft, .pg-lead, .pg-title, .pg-label, .pg-empty p, .pg-intro p, .pg-text p, .pg-claim, .pg-task, .pg-verdict, .pg-more p",
    ".pg-ruled, .pg-advice, .pg-direction, .pg-metric h4, .pg-gauge h4, .pg-tile h4, .pg-stresses th, .pg-numbers th",
    "#lanes .fl-key, #lanes .fl-soft, #lanes .fl-cuts small",
  ].join(", ");
  const APART = "button, a, label, summary, code, .pg-said, .pg-question, .pg-formula, .pg-term, .pg-cut, .fl-dock";
  const HIDE_MS = 150;
  const byForm = new Map(terms.flatMap(([, , forms], k) => forms.map((form) => [form, k])));
  const forms = [...byForm.keys()].sort((a, b) => b.length - a.length);
  const escaped = forms.map((form) => form.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(`(?<![\\w-])(?:${escaped.join("|")})(?![\\w-])`, "g");
  const read = new WeakSet();
  const tip = document.createElement("div");
  const said = document.createElement("div");
  let shown = null;
  let hiding = 0;

  function start() {
    tip.id = "term-tip";
    tip.className = "pg-term-tip";
    tip.setAttribute("aria-hidden", "true");
    tip.hidden = true;
    said.hidden = true;
    terms.forEach(([title, sentence], k) => {
      const each = document.createElement("p");
      each.id = `term-${k}`;
      each.textContent = `${title}: ${sentence}`;
      said.append(each);
    });
    document.body.append(said, tip);
    let waiting = 0;
    const soon = () => (waiting = waiting || setTimeout(() => ((waiting = 0), mark()), 200));
    new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
    mark();
  }

  const roomOf = (element) => element.closest("[role=tabpanel]") || document.body;

  function mark() {
    for (const element of document.querySelectorAll(PROSE)) {
      if (read.has(element) || element.closest(APART)) continue;
      read.add(element);
      const room = roomOf(element);
      const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
      const nodes = [];
      while (texts.nextNode()) nodes.push(texts.currentNode);
      for (const node of nodes) if (!node.parentElement.closest(APART)) markIn(node, room);
    }
  }

  function markIn(node, room) {
    for (const match of node.data.matchAll(pattern)) {
      const k = byForm.get(match[0]);
      if ([...room.querySelectorAll(`.pg-term[data-term="${k}"]`)].some((other) => roomOf(other) === room)) continue;
      const word = node.splitText(match.index);
      const rest = word.splitText(match[0].length);
      const button = document.createElement("button");
      button.type = "button";
      button.className = "pg-term";
      button.dataset.term = k;
      button.setAttribute("aria-describedby", `term-${k}`);
      word.replaceWith(button);
      button.append(word);
      return markIn(rest, room);
    }
  }

  function show(button) {
    clearTimeout(hiding);
    shown = button;
    const [title, sentence] = terms[Number(button.dataset.term)];
    const name = document.createElement("b");
    name.textContent = title;
    tip.replaceChildren(name, ` ${sentence}`);
    tip.hidden = false;
    place();
  }
  function place() {
    if (!shown) return;
    if (!shown.isConnected) return hide();
    const word = shown.getBoundingClientRect();
    const left = Math.min(word.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
    const above = word.top - tip.offsetHeight - 6;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${above > 8 ? above : word.bottom + 6}px`;
  }
  function hide() {
    clearTimeout(hiding);
    shown = null;
    tip.hidden = true;
  }
  const termOf = (event) => event.target.closest?.(".pg-term");

  document.addEventListener("pointerover", (event) => {
    const button = termOf(event);
    if (button) show(button);
    else if (shown && !event.target.closest?.("#term-tip")) {
      clearTimeout(hiding);
      // Time to move onto the sentence itself.
      hiding = setTimeout(() => document.activeElement !== shown && hide(), HIDE_MS);
    } else clearTimeout(hiding);
  });
  document.addEventListener("focusin", (event) => (termOf(event) ? show(termOf(event)) : hide()));
  document.addEventListener("focusout", (event) => termOf(event) && hide());
  document.addEventListener("click", (event) => (termOf(event) ? show(termOf(event)) : hide()));
  document.addEventListener("scroll", place, { capture: true, passive: true });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  if (document.body) start();
  else document.addEventListener("DOMContentLoaded", start);
}
startGlossary(FORGET_LENS_TERMS);
