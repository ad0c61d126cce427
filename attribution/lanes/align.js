/* What a model says laid over another text, word by word. Pure. */

/** A word's own text, without the white space around it. */
function wordText(model, w) {
  return model.words[w]
    .map((i) => model.pieces[i])
    .join("")
    .trim();
}

/** For each of `slots` the part of `said` that stands in its place: equal words meet (longest common subsequence), what
    lies between two meetings is shared out over the slots there, the last of them taking what is left. A slot for which
    nothing is left gets "". What is said beyond the last slot goes to it. */
function layOver(slots, said) {
  const [n, m] = [slots.length, said.length];
  const longest = Array.from({ length: n + 1 }, () => new Uint16Array(m + 1));
  for (let i = n - 1; i >= 0; i--)
    for (let j = m - 1; j >= 0; j--)
      longest[i][j] = slots[i] === said[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
  const texts = new Array(n).fill("");
  let [i, j] = [0, 0];
  let [from, start] = [0, 0];
  const share = (to, end) => {
    for (let slot = from; slot < to; slot++) {
      const last = slot === to - 1;
      texts[slot] = said.slice(start, last ? end : Math.min(end, start + 1)).join(" ");
      start = last ? end : Math.min(end, start + 1);
    }
    // Nothing stands between two words that meet: what is said there goes to the word before.
    if (start < end && to > 0) texts[to - 1] = [texts[to - 1], ...said.slice(start, end)].filter(Boolean).join(" ");
    else if (start < end) return said.slice(start, end).join(" ");
    return "";
  };
  let lead = "";
  while (i < n && j < m) {
    if (slots[i] === said[j]) {
      lead = lead || share(i, j);
      texts[i] = lead ? `${lead} ${said[j]}` : said[j];
      lead = "";
      [from, start] = [++i, ++j];
    } else if (longest[i + 1][j] >= longest[i][j + 1]) i++;
    else j++;
  }
  share(n, m);
  return texts;
}
