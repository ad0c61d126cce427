/* Numbers about a column of scores: its rank, its axis, and how well it finds the ground truth. Pure. */

/** Share of the other tokens with a lower score, in [0, 1]; ties share the lower place, so zeros stay at the bottom. */
function ranksOf(scores) {
  const n = scores.length;
  const order = [...scores.keys()].sort((a, b) => scores[a] - scores[b]);
  const ranks = new Float64Array(n);
  for (let place = 0, first = 0; place < n; place++) {
    if (place && scores[order[place]] !== scores[order[place - 1]]) first = place;
    ranks[order[place]] = n > 1 ? first / (n - 1) : 1;
  }
  return ranks;
}

/** The chance that a fact token scores above a structure token, ties half; null when one kind is missing. */
function auroc(scores, truth) {
  const order = [...scores.keys()].filter((i) => truth[i] !== "subject").sort((a, b) => scores[a] - scores[b]);
  let facts = 0;
  let rankSum = 0;
  for (let start = 0; start < order.length;) {
    let end = start;
    while (end < order.length && scores[order[end]] === scores[order[start]]) end++;
    for (let place = start; place < end; place++) {
      if (truth[order[place]] !== "fact") continue;
      facts++;
      rankSum += (start + end + 1) / 2;
    }
    start = end;
  }
  const others = order.length - facts;
  return facts && others ? (rankSum - (facts * (facts + 1)) / 2) / (facts * others) : null;
}

/** Average precision: sum over distinct scores, high to low, of (gain in recall) x precision; null without facts. */
function averagePrecision(scores, truth) {
  const order = [...scores.keys()].filter((i) => truth[i] !== "subject").sort((a, b) => scores[b] - scores[a]);
  const facts = order.filter((i) => truth[i] === "fact").length;
  if (!facts || facts === order.length) return null;
  let hits = 0;
  let sum = 0;
  for (let start = 0; start < order.length;) {
    let end = start;
    let gain = 0;
    while (end < order.length && scores[order[end]] === scores[order[start]]) gain += truth[order[end++]] === "fact";
    hits += gain;
    sum += (gain / facts) * (hits / end);
    start = end;
  }
  return sum;
}

/** Precision, recall and F1 of a kept set from its counts: facts kept, tokens kept (subject left out), facts in all. */
function scoresAtCut(hits, kept, facts) {
  const precision = kept ? hits / kept : 0;
  const recall = facts ? hits / facts : 0;
  return { precision, recall, f1: hits ? (2 * precision * recall) / (precision + recall) : 0 };
}

/** Where a raw score stands on the lane's axis, and back. A skewed column gets a root scale, so that the many small
    scores can be told apart; a column with a known range in [0, 1] stays linear. */
function makeAxis(scores, low, high) {
  let least = Infinity;
  let most = -Infinity;
  for (const score of scores) {
    if (score < least) least = score;
    if (score > most) most = score;
  }
  const known = low !== null && high !== null;
  const from = known ? low : Math.min(least, low === null ? least : low);
  const to = known ? high : most;
  const span = to - from || 1;
  let power = 1;
  if (!known) {
    const shares = [...scores]
      .map((score) => (score - from) / span)
      .filter((share) => share > 0)
      .sort((a, b) => a - b);
    const median = shares.length ? shares[shares.length >> 1] : 0.5;
    power = Math.min(1, Math.max(0.2, Math.log(0.5) / Math.log(Math.min(0.999, median))));
  }
  return {
    from,
    to: from + span,
    place: (score) => Math.pow(Math.min(1, Math.max(0, (score - from) / span)), power),
    value: (place) => from + span * Math.pow(place, 1 / power),
  };
}

/** Four significant digits, as a number: what is shown is exactly what is applied. */
function tidy(value) {
  return Number(value.toPrecision(4));
}

/** The largest number of four significant digits that is at most `value`, so that a threshold there still keeps it. */
function tidyBelow(value) {
  const rounded = tidy(value);
  if (rounded <= value) return rounded;
  const unit = Math.pow(10, Math.floor(Math.log10(Math.abs(value))) - 3);
  const lower = tidy(value - unit);
  return lower <= value ? lower : value;
}

function formatScore(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.0005) return value.toExponential(1).replace("-", "−").replace("e−", "e−");
  return (size < 10 ? value.toFixed(3) : value.toFixed(1)).replace("-", "−");
}

function formatShare(value) {
  return value === null ? "–" : value.toFixed(2);
}
