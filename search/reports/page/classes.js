// The mean of every metric over the clean images, by class, for every member of the front.

function drawClasses() {
  const has = (split) => front.some((trial) => data.classes[split][trial.id]);
  if (!has("validation")) {
    put(place("classes"), html("p", { class: "empty" }, front.length ? "The rows of single cases are missing." : "The front is empty."));
    return;
  }
  const holder = html("div");
  let split = "validation";
  const redraw = () => {
    holder.replaceChildren();
    put(holder, drawClassTable(split), describeEmpty(split));
  };
  put(place("classes"),
    has("test") ? html("div", { class: "controls" }, choice("cases", [["validation", "validation"], ["test", "test"]], split, (name) => { split = name; redraw(); })) : null,
    holder);
  watchers.push(redraw);
  redraw();
}

function listShown(split) {
  const chosen = byId.get(state.selected);
  const shown = chosen && !chosen.isOnFront ? [...front, chosen] : front;
  return shown.filter((trial) => data.classes[split][trial.id]);
}

function drawClassTable(split) {
  const shown = listShown(split), ofClass = (trial, label) => data.classes[split][trial.id][label];
  const labels = [...new Set(shown.flatMap((trial) => Object.keys(data.classes[split][trial.id])))];
  // The mean of one class is that class.
  const names = labels.length === 2 ? labels.slice(0, 1) : labels;
  const columns = data.metrics.flatMap((metric) => names.map((label) => ({ metric, label })))
    .filter(({ metric, label }) => shown.some((trial) => ofClass(trial, label)?.[metric.name] !== undefined));
  const groups = data.metrics.map((metric) => [metric, columns.filter((column) => column.metric === metric).length]).filter(([, count]) => count);
  const head = html("thead", {},
    html("tr", {}, html("td"), groups.map(([metric, count]) => html("th", { scope: "colgroup", colspan: count }, describeMetric(metric)))),
    html("tr", {}, html("th", { scope: "col" }, "trial"), columns.map(({ label }) => html("th", { scope: "col", class: "number" }, label))));
  const rows = shown.map((trial) => html("tr", { class: trial.id === state.selected ? "selected" : null },
    html("th", { scope: "row" }, html("button", { type: "button", click: () => select(trial.id) }, html("span", { class: "swatch", style: `background: ${colourOf(trial.id)}` }), `trial ${trial.id}`)),
    columns.map(({ metric, label }) => html("td", { class: "number" }, formatNumber(ofClass(trial, label)?.[metric.name])))));
  return html("div", { class: "scroll" }, html("table", { id: "class-means" }, head, html("tbody", {}, rows)));
}

const describeMetric = (metric) => `${metric.label}${metric.unit ? ` [${metric.unit}]` : ""}, ${metric.isMaximised ? "higher" : "lower"} is better`;

// Counts of empty masks: they decide scores by policy, so a reader must see them.
function describeEmpty(split) {
  const sentences = listShown(split).flatMap((trial) => Object.entries(data.empty[split][trial.id] ?? {}).flatMap(([label, counts]) => {
    const parts = [
      counts.prediction ? `nothing predicted where there is some on ${counts.prediction}` : "",
      counts.reference ? `something predicted where there is none on ${counts.reference}` : "",
      counts.both ? `nothing predicted and none there on ${counts.both}` : "",
    ].filter(Boolean);
    return parts.length ? [`Trial ${trial.id}, ${label}: ${parts.join(", ")} images.`] : [];
  }));
  const both = data.skipsAbsent ? "both empty is left out of the means" : "both empty counts as a perfect match";
  const policy = `Empty masks: ${both}, one empty counts as a complete miss (HD95: the diagonal of the image).`;
  return [html("p", { class: "hint" }, policy), sentences.length ? html("ul", { class: "notes" }, sentences.map((text) => html("li", {}, text))) : null];
}
