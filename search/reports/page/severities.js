// A small chart for every corruption: the mean of the metric over severity, a curve for every member of the front.

function drawSeverities() {
  const has = (split) => front.some((trial) => data.severities[split][trial.id]);
  if (!has("validation")) {
    put(place("severities"), html("p", { class: "empty" }, front.length ? "The rows of single cases are missing." : "The front is empty."));
    return;
  }
  const holder = html("div"), shown = { split: "validation", metric: data.metric };
  const redraw = () => holder.replaceChildren(...drawMultiples(shown));
  const pick = (label, options, key) => choice(label, options, shown[key], (value) => { shown[key] = value; redraw(); });
  const others = Object.keys(data.otherSeverities ?? {});
  put(place("severities"),
    html("p", { class: "hint" }, "Severity 0 is the clean image; only the severities with a mark were measured."),
    html("div", { class: "controls" },
      has("test") ? pick("cases", [["validation", "validation"], ["test", "test"]], "split") : null,
      others.length ? pick("metric", [data.metric, ...others].map((name) => [name, describeCurves(name).title]), "metric") : null),
    holder, describeMembers());
  watchers.push(redraw);
  redraw();
}

// How a metric is called, and which way is better; surface metrics may be measured beside that of the objectives.
function describeCurves(name) {
  const found = data.metrics.find((item) => item.name === name);
  const title = found?.label ?? words(name), unit = found?.unit ? ` [${found.unit}]` : "";
  return { title, axis: `mean ${title}${unit}, ${found && !found.isMaximised ? "lower" : "higher"} is better` };
}

function drawMultiples({ split, metric }) {
  const means = (metric === data.metric ? data.severities : data.otherSeverities[metric])[split];
  const scores = front.filter((trial) => means[trial.id]).map((trial) => [trial.id, means[trial.id]]);
  const chosen = byId.get(state.selected);
  if (chosen && !chosen.isOnFront && means[chosen.id]) scores.push([chosen.id, means[chosen.id]]);
  const names = [...new Set(scores.flatMap(([, score]) => Object.keys(score)))].filter((name) => name !== "none");
  const values = scores.flatMap(([, score]) => Object.values(score).flatMap((row) => Object.values(row)));
  const [low, high] = extent(values);
  const last = Math.max(1, ...scores.flatMap(([, score]) => Object.values(score).flatMap((row) => Object.keys(row).map(Number))));
  const range = { low, high, last, ...describeCurves(metric) };
  return [html("div", { class: "multiples" }, names.map((name) => drawCurves(name, scores, range)))];
}

function drawCurves(name, scores, range) {
  const root = chart(330, 270, `Mean ${range.title} under ${name}`);
  const box = { left: 52, right: 320, top: 26, bottom: 222 };
  const x = { label: "severity", low: 0, high: range.last, ticks: ticks(0, range.last, range.last), at: scale(0, range.last, box.left + 8, box.right - 8) };
  const y = { label: range.axis, low: range.low, high: range.high, at: scale(range.low, range.high, box.bottom, box.top) };
  drawAxes(root, box, x, y);
  root.append(svg("text", { x: box.left, y: 16, "font-weight": 600 }, words(name) + remark(name)));
  for (const [id, score] of scores) {
    const points = Object.entries({ ...score.none, ...score[name] }).map(([severity, value]) => [x.at(Number(severity)), y.at(value), value]);
    const trial = byId.get(id), style = `stroke: ${colourOf(id)}`;
    const classes = `curve${coloured.has(id) ? " member" : ""}${id === state.selected ? " selected" : ""}`;
    root.append(svg("path", { class: classes, style, d: `M${points.map(([px, py]) => `${px} ${py}`).join("L")}`, "stroke-dasharray": dashOf(id) || null }));
    for (const [px, py, value] of points) {
      root.append(svg("path", {
        class: "mark", d: shapeOf(trial), transform: `translate(${px} ${py}) scale(.75)`, style: `fill: ${colourOf(id)}`, click: () => select(id),
        pointerenter: (event) => showTip(`Trial ${id}\nmean ${range.title} ${formatNumber(value)}`, event.target), pointerleave: hideTip,
      }));
    }
  }
  return root;
}
