/* Which tokens a rule keeps. The same function of the same numbers as attribution/selection.py; a test holds the two
   together. Pure: no page, no state. */

/** Indices of the tokens a rule may keep, best first: higher score first, ties earlier token first. */
function rankTokens(scores, given, keepGiven) {
  const eligible = [];
  for (let i = 0; i < scores.length; i++) if (keepGiven || !given[i]) eligible.push(i);
  return eligible.sort((a, b) => scores[b] - scores[a] || a - b);
}

/** How many of the ranked tokens are kept. Top share r keeps max(1, floor(r n + 0.5)) of n; a threshold keeps
    every score that is at least the cut. */
function countKept(ranked, scores, kind, cut) {
  const n = ranked.length;
  if (!n) return 0;
  if (kind === "top") return Math.min(n, Math.max(1, Math.floor(cut * n + 0.5)));
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (scores[ranked[middle]] >= cut) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** One boolean per token. `rule` is {kind: "top" | "threshold", cut, keep_given}. */
function select(scores, given, rule) {
  const ranked = rankTokens(scores, given, rule.keep_given);
  const kept = new Array(scores.length).fill(false);
  const count = countKept(ranked, scores, rule.kind, rule.cut);
  for (let place = 0; place < count; place++) kept[ranked[place]] = true;
  return kept;
}
