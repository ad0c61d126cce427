/* How pieces of text are shown: words, characters spread over several tokens, white space, direction. Pure. */

const INVISIBLE =
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u061C\u200B-\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF]/;
const CJK =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u;
const RTL = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const JOINING = /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Nko}]/u;
const LONGEST_WORD = 28;

/** "rtl" when the first letter of the text is written from right to left. */
function directionOf(text) {
  const letter = /\p{L}/u.exec(text);
  return letter && RTL.test(letter[0]) ? "rtl" : "ltr";
}

/** For each token of a word whether it stands in a run that is read from left to right inside a text that is not: numbers
    and foreign letters, so that 16 and 00 are 1600 there, too. */
function leftToRightRuns(model, word) {
  if (model.direction !== "rtl") return word.map(() => false);
  const strong = word.map((i) => /[\p{N}\p{L}]/u.test(model.pieces[i]) && !RTL.test(model.pieces[i]));
  // What stands between two of them, a point or a stroke, is of the run.
  return word.map((_, k) => strong[k] || (strong[k - 1] && strong[k + 1] && !RTL.test(model.pieces[word[k]])));
}

/** For each token the index of the token that shows its character: itself, or an earlier one when the token is only a
    piece of a character a person sees as one (bytes of an emoji, a combining mark, a part of a joined emoji). */
function headsOf(pieces) {
  const text = pieces.join("");
  const boundaries = new Set([0]);
  if (typeof Intl !== "undefined" && Intl.Segmenter) {
    for (const part of new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text))
      boundaries.add(part.index);
  } else {
    let offset = 0;
    for (const character of text) boundaries.add((offset += character.length));
  }
  const heads = [];
  let start = 0;
  pieces.forEach((piece, i) => {
    const joined = i > 0 && (piece === "" || (!boundaries.has(start) && piece !== "\n"));
    heads.push(joined ? heads[i - 1] : i);
    start += piece.length;
  });
  return heads;
}

/** Tokens grouped into words as they are wrapped and, in the words view, coloured: arrays of indices. A word begins at
    white space, after it, between characters of scripts without spaces, and when it would grow past any line. */
function wordsOf(pieces, heads) {
  const groups = [];
  let length = 0;
  let previous = "";
  pieces.forEach((piece, i) => {
    const piecewise = heads[i] !== i;
    const breaks =
      !groups.length ||
      (!piecewise &&
        (/^\s/.test(piece) ||
          /\s$/.test(previous) ||
          (CJK.test(piece) && !/^[\p{P}]/u.test(piece)) ||
          (CJK.test(previous.slice(-1)) && !/^[\p{P}]/u.test(piece)) ||
          length + piece.length > LONGEST_WORD));
    if (breaks) {
      groups.push([]);
      length = 0;
    }
    groups[groups.length - 1].push(i);
    length += piece.length;
    if (piece) previous = piece;
  });
  return groups;
}

/** The text a token shows: its own, plus that of the pieces joined to it; letters that join across tokens keep their
    joined shapes through a zero-width joiner. */
function shownText(pieces, heads, i) {
  if (heads[i] !== i) return "";
  let text = pieces[i];
  let next = i + 1;
  while (next < pieces.length && heads[next] === i) text += pieces[next++];
  const before = i > 0 ? pieces[i - 1].slice(-1) : "";
  const after = next < pieces.length ? pieces[next].slice(0, 1) : "";
  if (before && JOINING.test(before) && JOINING.test(text.slice(0, 1))) text = "\u200D" + text;
  if (after && JOINING.test(after) && JOINING.test(text.slice(-1))) text += "\u200D";
  return text;
}

/** A token's text with every white-space and invisible character named, for the tooltip and for screen readers. */
function spelledOut(text) {
  let spelled = "";
  for (const character of text) {
    if (character === " ") spelled += "␣";
    else if (character === "\n") spelled += "↵";
    else if (character === "\t") spelled += "⇥";
    else if (character === "\u200D") spelled += text.length > 1 ? character : "U+200D";
    else if (INVISIBLE.test(character) || /\s/.test(character)) spelled += codePoint(character);
    else spelled += character;
  }
  return spelled;
}

function codePoint(character) {
  return "U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
}

/** Cut a token's text into runs: plain text, and marks for what the eye cannot see. Every character has its place. */
function visibleRuns(text) {
  const runs = [];
  const add = (kind, value) => {
    const last = runs[runs.length - 1];
    if (last && last.kind === kind && kind === "text") last.value += value;
    else runs.push({ kind, value });
  };
  for (const character of text) {
    if (character === " ") add("space", " ");
    else if (character === "\n") add("newline", "↵");
    else if (character === "\t") add("tab", "⇥");
    else if (character !== "\u200D" && (INVISIBLE.test(character) || /\s/.test(character)))
      add("code", codePoint(character));
    else add("text", character);
  }
  return runs;
}
