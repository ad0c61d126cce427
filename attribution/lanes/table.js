/* The same numbers as a table, for screen readers: out of sight, in the reading order, brought up to date on release. */

function makeTable(model) {
  const table = make("table", {});
  const element = make("div", { class: "fl-hidden" }, table);
  const keptCells = model.lanes.map(() => []);
  let built = false;

  function build() {
    built = true;
    const head = make("tr", {}, make("th", { scope: "col" }, "Token"), make("th", { scope: "col" }, "Ground truth"));
    for (const lane of model.lanes)
      head.append(
        make("th", { scope: "col" }, `${lane.title}, ${lane.unit}`),
        make("th", { scope: "col" }, `${lane.title}, cut`),
      );
    const body = make("tbody", {});
    model.pieces.forEach((piece, i) => {
      const row = make(
        "tr",
        {},
        make("th", { scope: "row" }, spelledOut(piece) || "part of the character before"),
        make("td", {}, model.truth[i] || (model.data.marked ? "structure" : "not marked")),
      );
      model.lanes.forEach((lane, l) => {
        const cell = make("td", {});
        keptCells[l].push(cell);
        row.append(make("td", {}, formatScore(lane.scores[i])), cell);
      });
      body.append(row);
    });
    table.append(make("caption", {}, "Scores of every answer token"), make("thead", {}, head), body);
  }
  return {
    element,
    update() {
      if (!built) build();
      model.lanes.forEach((lane, l) => {
        keptCells[l].forEach((cell, i) => {
          const text = lane.kept[i] ? "kept" : model.given[i] && !model.keepGiven ? "left out" : "not kept";
          if (cell.textContent !== text) cell.textContent = text;
        });
      });
    },
  };
}
