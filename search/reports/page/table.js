// All trials in a table that is sorted by a click on a title.

const sorting = { column: null, isRising: true };
let rowNodes = new Map();
watchers.push(() => mark(rowNodes));

function listColumns() {
  const hasTest = front.some((trial) => Object.keys(trial.test).length);
  return [
    { title: "trial", of: (trial) => trial.id },
    { title: "front", of: (trial) => trial.isOnFront ? "front" : "" },
    ...(trials.some((trial) => trial.baseline) ? [{ title: "baseline", of: (trial) => trial.baseline ?? "" }] : []),
    ...data.objectives.map((item) => ({ title: words(item.name), of: (trial) => trial.objectives[item.name], isBestHigh: item.isMaximised })),
    ...(hasTest ? data.objectives.map((item) => ({ title: `${words(item.name)} on test`, of: (trial) => trial.test[item.name], isBestHigh: item.isMaximised })) : []),
    ...(trials.some((trial) => trial.drop !== undefined) ? [
      { title: "drop", of: (trial) => trial.drop }, { title: "retention", of: (trial) => trial.retention, isBestHigh: true },
    ] : []),
    ...(trials.some((trial) => trial.profile) ? [
      { title: "held out", of: (trial) => trial.profile?.heldOut ?? undefined, isBestHigh: data.objectives.find((item) => item.name === "robustness")?.isMaximised, missing: (trial) => trial.profile ? "none" : "" },
      { title: "worst family", of: (trial) => trial.profile?.families[trial.profile.worstFamily], isBestHigh: true },
      { title: "which is", of: (trial) => words(trial.profile?.worstFamily ?? "") },
      { title: "flag", of: describeCollapse },
    ] : []),
    { title: "met in training", of: (trial) => trial.trainedOn.map(words).join(", ") },
    ...data.costs.map((item) => ({ title: item.unit ? `${item.label} [${item.unit}]` : item.label, of: (trial) => trial.costs[item.name] })),
    ...data.dimensions.filter(varies).map((item) => ({ title: words(item.name), of: (trial) => trial.values[item.name] })),
    { title: "state", of: (trial) => trial.state },
  ];
}

function drawTable() {
  if (!trials.length) {
    put(place("trials"), html("p", { class: "empty" }, "No trial has started yet."));
    return;
  }
  const columns = listColumns(), head = html("tr"), body = html("tbody");
  columns.forEach((column) => {
    column.isNumber = trials.some((trial) => typeof column.of(trial) === "number");
    column.head = html("th", { scope: "col", class: column.isNumber ? "number" : null }, html("button", { type: "button", click: () => sortBy(column, columns, body) }, column.title));
    head.append(column.head);
  });
  rowNodes = new Map(trials.map((trial) => [trial.id, drawRow(trial, columns)]));
  body.append(...rowNodes.values());
  const filter = tick("only the front", false, (isOn) => {
    for (const [id, row] of rowNodes) row.hidden = isOn && !byId.get(id).isOnFront;
  });
  put(place("trials"), html("div", { class: "controls" }, filter), html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "All trials" }, html("table", {}, html("thead", {}, head), body)));
  if (front.length) sortBy(columns[2], columns, body);
}

function drawRow(trial, columns) {
  const cells = columns.map((column, index) => {
    const value = column.of(trial);
    const text = value === undefined ? column.missing?.(trial) ?? "" : formatNumber(value);
    return html("td", { class: column.isNumber ? "number" : null }, index ? text : html("button", { type: "button", "aria-label": `Show trial ${trial.id}` }, text));
  });
  return html("tr", { "data-trial": trial.id, click: () => select(trial.id) }, cells);
}

// Best first on the first click, the other way on the next; what is missing stays at the end.
function sortBy(column, columns, body) {
  sorting.isRising = sorting.column === column ? !sorting.isRising : !column.isBestHigh;
  sorting.column = column;
  const sign = sorting.isRising ? 1 : -1;
  const isMissing = (value) => value === undefined || value === "";
  const compare = (one, other) => {
    const [left, right] = [column.of(one), column.of(other)];
    if (isMissing(left) || isMissing(right)) return isMissing(left) - isMissing(right) || one.id - other.id;
    return sign * (typeof left === "number" ? left - right : String(left).localeCompare(String(right))) || one.id - other.id;
  };
  body.append(...[...trials].sort(compare).map((trial) => rowNodes.get(trial.id)));
  columns.forEach((item) => item.head.removeAttribute("aria-sort"));
  column.head.setAttribute("aria-sort", sorting.isRising ? "ascending" : "descending");
}
