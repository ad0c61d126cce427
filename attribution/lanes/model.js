/* One row as the lanes hold it: tokens and their words, and per lane its ranks, its axes, its rule and what it keeps. */

// Tokens: a longer answer opens folded, at the first word from FOLD_AT on.
const FOLD_ABOVE = 220;
const FOLD_AT = 160;
const DEFAULT_CUT = { kind: "top", cut: 0.3 };

function makeModel(data, kept) {
  const tokens = data.tokens;
  const pieces = tokens.map((token) => token.text);
  const heads = headsOf(pieces);
  const words = wordsOf(pieces, heads);
  const wordOf = new Uint32Array(tokens.length);
  words.forEach((word, w) => word.forEach((i) => (wordOf[i] = w)));
  const truth = tokens.map((token) => token.truth);
  const model = {
    data,
    n: tokens.length,
    tokens,
    pieces,
    heads,
    words,
    wordOf,
    truth,
    sameSpan: (i, j) => truth[i] === truth[j] && tokens[i].span === tokens[j].span,
    given: tokens.map((token) => Boolean(token.given)),
    facts: truth.filter((kind) => kind === "fact").length,
    direction: directionOf(pieces.join("")),
    fold: 0,
    keepGiven: kept.keep_given,
    view: kept.view,
    units: kept.units,
    colour: kept.colour,
    active: null,
    // What the model of the run on the stage would say at each token, where that run was asked this row.
    after: null,
    // Edits of the chosen lane's cut, token by token: whether it is in.
    hand: readHand(kept.hand, tokens.length),
  };
  if (model.n > FOLD_ABOVE) model.fold = words.find((word) => word[0] >= FOLD_AT)?.[0] || 0;
  model.lanes = data.lanes.map((lane) => ({
    ...lane,
    ranks: ranksOf(lane.scores),
    axis: makeAxis(lane.scores, lane.low, lane.high),
    auroc: auroc(lane.scores, truth),
    ap: averagePrecision(lane.scores, truth),
    rule: { ...DEFAULT_CUT, ...kept.cuts[lane.name] },
    kept: new Uint8Array(model.n),
    count: 0,
  }));
  const names = model.lanes.map((lane) => lane.name);
  model.active = [kept.active, "learned", names[0]].find((name) => names.includes(name)) || null;
  for (const lane of model.lanes) rankLane(model, lane);
  return model;
}

/** Which tokens the lane may keep, best first, and running counts of facts and of tokens that are no subject. */
function rankLane(model, lane) {
  lane.ranked = rankTokens(lane.scores, model.given, model.keepGiven);
  // Colours are spread over all tokens, the cut's axis over those it may keep: the subject often scores far above.
  const eligible = lane.ranked.length ? lane.ranked.map((i) => lane.scores[i]) : lane.scores;
  lane.cutAxis = makeAxis(eligible, lane.low, lane.high);
  lane.hits = new Uint32Array(lane.ranked.length + 1);
  lane.known = new Uint32Array(lane.ranked.length + 1);
  lane.ranked.forEach((i, place) => {
    lane.hits[place + 1] = lane.hits[place] + (model.truth[i] === "fact");
    lane.known[place + 1] = lane.known[place] + (model.truth[i] !== "subject");
  });
  lane.count = countKept(lane.ranked, lane.scores, lane.rule.kind, lane.rule.cut);
  lane.kept.fill(0);
  for (let place = 0; place < lane.count; place++) lane.kept[lane.ranked[place]] = 1;
}
