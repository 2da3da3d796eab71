// Parallel coordinates: an axis for every dimension that varies and every objective, a line for every trial.

const bands = new Map();
let lineNodes = new Map();
watchers.push(() => mark(lineNodes));

function drawParallel() {
  const shown = eligible.length ? eligible : trials;
  const varying = data.dimensions.filter(varies);
  const axes = [...varying.map(dimensionAxis), ...data.objectives.map(objectiveAxis)].filter((axis) => shown.every((trial) => axis.of(trial) !== undefined));
  if (shown.length < 2 || axes.length < 2) {
    put(place("parallel"), html("p", { class: "empty" }, "Nothing to compare yet: fewer than two trials have finished."));
    return;
  }
  const step = 142, left = 96, top = 46, bottom = 320;
  const width = left + step * (axes.length - 1) + 56;
  const root = chart(width, bottom + 26, "Parallel coordinates of all trials");
  root.style.minWidth = `${Math.min(width, 105 * axes.length)}px`;
  axes.forEach((axis, index) => {
    axis.x = left + step * index;
    axis.at = axis.options
      ? (value) => bottom - ((axis.options.indexOf(value) + 0.5) / axis.options.length) * (bottom - top)
      : scale(axis.low, axis.high, axis.isFlipped ? top : bottom, axis.isFlipped ? bottom : top, axis.isLog);
  });
  const ordered = [...shown].sort((one, other) => one.isOnFront - other.isOnFront);
  lineNodes = new Map(ordered.map((trial) => [trial.id, drawLine(trial, axes)]));
  root.append(...lineNodes.values(), ...axes.map((axis) => drawAxis(axis, top, bottom, shown, axes)));
  put(place("parallel"), html("div", { class: "pictures-scroll" }, root), describeConstants(), describeMembers());
}

function dimensionAxis(item) {
  const values = trials.map((trial) => trial.values[item.name]);
  const axis = { name: item.name, title: words(item.name), of: (trial) => trial.values[item.name], isLog: item.isLog };
  if (item.options) return { ...axis, options: item.options.filter((option) => values.includes(option)) };
  return { ...axis, low: Math.min(...values), high: Math.max(...values), only: new Set(values).size <= 8 ? [...new Set(values)] : null };
}

function objectiveAxis(item) {
  const values = eligible.map((trial) => trial.objectives[item.name]);
  const [low, high] = values.length ? extent(values, 0.02) : [0, 1];
  return { name: item.name, title: words(item.name), hint: "up is better", of: (trial) => trial.objectives[item.name], low, high, isFlipped: !item.isMaximised };
}

function drawLine(trial, axes) {
  const path = axes.map((axis, index) => `${index ? "L" : "M"}${axis.x} ${axis.at(axis.of(trial))}`).join("");
  return svg("path", {
    class: trial.isOnFront ? "line member" : "line", d: path, "data-trial": trial.id,
    style: trial.isOnFront ? `stroke: ${colourOf(trial.id)}` : null, "stroke-dasharray": dashOf(trial.id) || null,
    click: () => select(trial.id), pointerenter: (event) => showTipAt(trial, event), pointerleave: hideTip,
  });
}

function showTipAt(trial, event) {
  showTip(summarise(trial), { getBoundingClientRect: () => new DOMRect(event.clientX, event.clientY, 0, 0) });
}

function drawAxis(axis, top, bottom, shown, axes) {
  const marks = axis.options ?? axis.only ?? (axis.isLog ? [axis.low, Math.sqrt(axis.low * axis.high), axis.high] : ticks(axis.low, axis.high, 5));
  const group = svg("g", { "data-axis": axis.name },
    svg("line", { class: "axis", x1: axis.x, x2: axis.x, y1: top, y2: bottom }),
    svg("text", { x: axis.x, y: top - 30, "text-anchor": "middle", "font-weight": 600 }, axis.title),
    svg("text", { class: "quiet", x: axis.x, y: top - 15, "text-anchor": "middle" }, axis.hint ?? ""),
    marks.map((value) => [
      svg("line", { class: "axis", x1: axis.x - 4, x2: axis.x, y1: axis.at(value), y2: axis.at(value) }),
      svg("text", { class: "quiet halo", x: axis.x - 7, y: axis.at(value) + 4, "text-anchor": "end" }, typeof value === "number" ? formatTick(value) : words(value)),
    ]));
  const band = svg("rect", { class: "band", x: axis.x - 7, width: 14, y: top, height: 0, visibility: "hidden" });
  const handle = svg("rect", { class: "brush", x: axis.x - 12, width: 24, y: top - 6, height: bottom - top + 12 });
  let start = null;
  const at = (event) => Math.min(Math.max(new DOMPoint(event.clientX, event.clientY).matrixTransform(handle.getScreenCTM().inverse()).y, top - 6), bottom + 6);
  handle.addEventListener("pointerdown", (event) => { start = at(event); handle.setPointerCapture(event.pointerId); });
  handle.addEventListener("pointermove", (event) => { if (start !== null) cover(axis, band, start, at(event), shown, axes); });
  handle.addEventListener("pointerup", (event) => { cover(axis, band, start, at(event), shown, axes); start = null; });
  group.append(band, handle);
  return group;
}

// Keeps the trials that cross every covered axis inside its band; a click covers nothing and lets go.
function cover(axis, band, start, end, shown, axes) {
  const low = Math.min(start, end), high = Math.max(start, end);
  if (high - low < 3) bands.delete(axis.name);
  else bands.set(axis.name, [low, high]);
  band.setAttribute("visibility", bands.has(axis.name) ? "visible" : "hidden");
  band.setAttribute("y", low);
  band.setAttribute("height", high - low);
  const isInside = (trial) => axes.every((item) => {
    const [from, to] = bands.get(item.name) ?? [-Infinity, Infinity];
    return item.at(item.of(trial)) >= from && item.at(item.of(trial)) <= to;
  });
  keep(bands.size ? new Set(shown.filter(isInside).map((trial) => trial.id)) : null);
}

function describeConstants() {
  const constant = data.dimensions.filter((item) => !varies(item));
  if (!constant.length) return html("span");
  return html("p", { class: "hint" }, `The same in every trial: ${constant.map((item) => `${words(item.name)} ${formatNumber(trials[0].values[item.name])}`).join(", ")}.`);
}

// Which line is which member of the front, by colour and dashes.
function describeMembers() {
  const legend = html("div", { class: "legend" });
  for (const [id] of coloured) {
    const sample = svg("svg", { viewBox: "0 0 26 14", "aria-hidden": true }, svg("line", { x1: 0, x2: 26, y1: 7, y2: 7, "stroke-width": 2.4, style: `stroke: ${colourOf(id)}`, "stroke-dasharray": dashOf(id) || null }));
    legend.append(html("span", {}, sample, `trial ${id}`));
  }
  if (front.length > coloured.size) legend.append(html("span", { style: "color: var(--accent)" }, "the front's other members"));
  return legend;
}
