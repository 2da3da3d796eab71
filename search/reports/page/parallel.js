// Parallel coordinates: an axis for every dimension that varies and every objective, a line for every trial.
// Many dimensions take several rows, each of which ends in the objectives.

const MOST_DIMENSIONS = 6;
const TOP = 46, BOTTOM = 320;

const bands = new Map();
const bandNodes = [], lineNodes = [];
watchers.push(() => mark(lineNodes));

function drawParallel() {
  const shown = eligible.length ? eligible : trials;
  const isKnown = (axis) => shown.every((trial) => axis.of(trial) !== undefined);
  const varying = data.dimensions.filter((item) => varies(item) && trials.every((trial) => item.name in trial.values)).map(dimensionAxis).filter(isKnown);
  const objectives = data.objectives.map(objectiveAxis).filter(isKnown);
  const axes = [...varying, ...objectives];
  if (shown.length < 2 || axes.length < 2) {
    put(place("parallel"), html("p", { class: "empty" }, "Nothing to compare yet: fewer than two trials have finished."));
    return;
  }
  for (const axis of axes) {
    axis.at = axis.options
      ? (value) => BOTTOM - ((axis.options.indexOf(value) + 0.5) / axis.options.length) * (BOTTOM - TOP)
      : scale(axis.low, axis.high, axis.isFlipped ? TOP : BOTTOM, axis.isFlipped ? BOTTOM : TOP, axis.isLog);
  }
  const ordered = [...shown].sort((one, other) => one.isOnFront - other.isOnFront);
  const parts = splitEvenly(varying, MOST_DIMENSIONS);
  const rows = parts.map((part, index) => drawAxesRow([...part, ...objectives], ordered, axes, parts.length > 1 ? `, part ${index + 1} of ${parts.length}` : ""));
  put(place("parallel"), html("div", { class: "pictures-scroll" }, rows), describeConstants(), describeMembers());
}

// As few parts as hold at most so many items each, of lengths that differ by at most one.
function splitEvenly(items, most) {
  const count = Math.max(Math.ceil(items.length / most), 1);
  return Array.from({ length: count }, (_, index) => items.slice(Math.round((index * items.length) / count), Math.round(((index + 1) * items.length) / count)));
}

function drawAxesRow(row, ordered, axes, part) {
  const step = 142, left = 96;
  const width = left + step * (row.length - 1) + 56;
  const root = chart(width, BOTTOM + 26, `Parallel coordinates of all trials${part}`);
  root.style.minWidth = `${Math.min(width, 105 * row.length)}px`;
  // A row of few axes is no larger than the others.
  root.style.maxWidth = part ? `${width * 1.05}px` : null;
  const placed = row.map((axis, index) => ({ ...axis, x: left + step * index }));
  const lines = ordered.map((trial) => [trial.id, drawLine(trial, placed)]);
  lineNodes.push(...lines);
  root.append(...lines.map(([, line]) => line), ...placed.map((axis) => drawAxis(axis, ordered, axes)));
  return root;
}

function dimensionAxis(item) {
  const values = trials.map((trial) => trial.values[item.name]);
  const axis = { name: item.name, title: words(item.name), of: (trial) => trial.values[item.name], isLog: item.isLog };
  if (item.options) return { ...axis, options: item.options.filter((option) => values.includes(option)) };
  return { ...axis, low: Math.min(...values), high: Math.max(...values), only: new Set(values).size <= 8 ? [...new Set(values)] : null };
}

function objectiveAxis(item) {
  const values = eligible.map((trial) => trial.objectives[item.name]);
  const isLog = item.isLog && Math.min(...values) > 0;
  const [low, high] = values.length ? extent(values, 0.02, isLog) : [0, 1];
  return { name: item.name, title: words(item.name), hint: "up is better", of: (trial) => trial.objectives[item.name], low, high, isFlipped: !item.isMaximised, isLog };
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

function drawAxis(axis, shown, axes) {
  const marks = axis.options ?? axis.only ?? (axis.isLog ? logTicks : ticks)(axis.low, axis.high, 5);
  const group = svg("g", { "data-axis": axis.name },
    svg("line", { class: "axis", x1: axis.x, x2: axis.x, y1: TOP, y2: BOTTOM }),
    svg("text", { x: axis.x, y: TOP - 30, "text-anchor": "middle", "font-weight": 600 }, axis.title),
    svg("text", { class: "quiet", x: axis.x, y: TOP - 15, "text-anchor": "middle" }, axis.hint ?? ""),
    marks.map((value) => [
      svg("line", { class: "axis", x1: axis.x - 4, x2: axis.x, y1: axis.at(value), y2: axis.at(value) }),
      svg("text", { class: "quiet halo", x: axis.x - 7, y: axis.at(value) + 4, "text-anchor": "end" }, typeof value === "number" ? formatTick(value) : words(value)),
    ]));
  const band = svg("rect", { class: "band", x: axis.x - 7, width: 14, y: TOP, height: 0, visibility: "hidden" });
  const handle = svg("rect", { class: "brush", x: axis.x - 12, width: 24, y: TOP - 6, height: BOTTOM - TOP + 12 });
  let start = null;
  const at = (event) => Math.min(Math.max(new DOMPoint(event.clientX, event.clientY).matrixTransform(handle.getScreenCTM().inverse()).y, TOP - 6), BOTTOM + 6);
  handle.addEventListener("pointerdown", (event) => { start = at(event); handle.setPointerCapture(event.pointerId); });
  handle.addEventListener("pointermove", (event) => { if (start !== null) cover(axis, start, at(event), shown, axes); });
  handle.addEventListener("pointerup", (event) => { cover(axis, start, at(event), shown, axes); start = null; });
  bandNodes.push([axis.name, band]);
  group.append(band, handle);
  return group;
}

// Keeps the trials that cross every covered axis inside its band; a click covers nothing and clears the band.
function cover(axis, start, end, shown, axes) {
  const low = Math.min(start, end), high = Math.max(start, end);
  if (high - low < 3) bands.delete(axis.name);
  else bands.set(axis.name, [low, high]);
  // An objective has an axis in every row.
  for (const [name, band] of bandNodes) {
    if (name !== axis.name) continue;
    band.setAttribute("visibility", bands.has(name) ? "visible" : "hidden");
    band.setAttribute("y", low);
    band.setAttribute("height", high - low);
  }
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
