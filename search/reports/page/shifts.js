// The mean of the metric on clean images of every shift set, for every member of the front, and that on cases as in training.

function drawShifts() {
  const sets = (split) => [...new Set(trials.flatMap((trial) => Object.keys(data.shifts[split][trial.id] ?? {})))];
  if (!sets("validation").some(Boolean)) {
    put(place("shifts"), html("p", { class: "empty" }, "No shift set was measured; data.shift names what is held out of training."));
    return;
  }
  const holder = html("div");
  const splits = ["validation", "test"].filter((split) => front.some((trial) => data.shifts[split][trial.id]));
  let split = "validation";
  const redraw = () => holder.replaceChildren(drawShiftTable(split, sets(split)));
  put(place("shifts"),
    html("p", { class: "hint" }, `Mean ${metricName} on clean images; higher is better. A shift set holds cases of another kind than those in training.`),
    splits.length > 1 ? html("div", { class: "controls" }, choice("cases", splits.map((name) => [name, name]), split, (name) => { split = name; redraw(); })) : null,
    holder);
  watchers.push(redraw);
  redraw();
}

function drawShiftTable(split, names) {
  const chosen = byId.get(state.selected);
  const shown = (chosen && !chosen.isOnFront ? [...front, chosen] : front).filter((trial) => data.shifts[split][trial.id]);
  const count = (name) => Math.max(0, ...shown.map((trial) => data.shifts[split][trial.id][name]?.cases ?? 0));
  const head = html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "trial"),
    names.map((name) => html("th", { scope: "col", class: "number" }, name || "as in training", html("br"), `${count(name)} cases`))));
  const rows = shown.map((trial) => html("tr", { class: trial.id === state.selected ? "selected" : null },
    html("th", { scope: "row" }, html("button", { type: "button", click: () => select(trial.id) }, html("span", { class: "swatch", style: `background: ${colourOf(trial.id)}` }), `trial ${trial.id}`)),
    names.map((name) => html("td", { class: "number" }, data.shifts[split][trial.id][name]?.mean.toFixed(3) ?? "–"))));
  return html("div", { class: "scroll" }, html("table", { id: "shift-means" }, head, html("tbody", {}, rows)));
}
