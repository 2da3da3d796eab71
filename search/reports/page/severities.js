// A small chart for every corruption: the mean of the metric over severity, a curve for every member of the front.

function drawSeverities() {
  const has = (split) => front.some((trial) => data.severities[split][trial.id]);
  if (!has("validation")) {
    put(place("severities"), html("p", { class: "empty" }, front.length ? "The rows of single cases are missing." : "The front is empty."));
    return;
  }
  const holder = html("div");
  const redraw = (split) => holder.replaceChildren(...drawMultiples(split));
  let split = "validation";
  put(place("severities"),
    html("p", { class: "hint" }, "Severity 0 is the clean image; only the severities with a mark were measured."),
    has("test") ? html("div", { class: "controls" }, choice("cases", [["validation", "validation"], ["test", "test"]], split, (name) => { split = name; redraw(name); })) : null,
    holder, describeMembers());
  watchers.push(() => redraw(split));
  redraw(split);
}

function drawMultiples(split) {
  const scores = front.filter((trial) => data.severities[split][trial.id]).map((trial) => [trial.id, data.severities[split][trial.id]]);
  const chosen = byId.get(state.selected);
  if (chosen && !chosen.isOnFront && data.severities[split][chosen.id]) scores.push([chosen.id, data.severities[split][chosen.id]]);
  const names = [...new Set(scores.flatMap(([, score]) => Object.keys(score)))].filter((name) => name !== "none");
  const values = scores.flatMap(([, score]) => Object.values(score).flatMap((row) => Object.values(row)));
  const [low, high] = extent(values);
  const last = Math.max(1, ...scores.flatMap(([, score]) => Object.values(score).flatMap((row) => Object.keys(row).map(Number))));
  return [html("div", { class: "multiples" }, names.map((name) => drawCurves(name, scores, { low, high, last })))];
}

function drawCurves(name, scores, range) {
  const root = chart(330, 270, `Mean ${metricName} under ${name}`);
  const box = { left: 52, right: 320, top: 26, bottom: 222 };
  const x = { label: "severity", low: 0, high: range.last, ticks: ticks(0, range.last, range.last), at: scale(0, range.last, box.left + 8, box.right - 8) };
  const y = { label: `mean ${metricName}, higher is better`, low: range.low, high: range.high, at: scale(range.low, range.high, box.bottom, box.top) };
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
        pointerenter: (event) => showTip(`Trial ${id}\nmean ${metricName} ${formatNumber(value)}`, event.target), pointerleave: hideTip,
      }));
    }
  }
  return root;
}
