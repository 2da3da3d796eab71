// The plane of two objectives (or costs), a mark for every trial that may be on the front.

const WIDE = 700, HIGH = 500;
const shapeBy = data.dimensions.find((item) => item.name === "skip") ?? data.dimensions.find((item) => item.options);
const shapeOf = (trial) => SHAPES[shapeBy ? Math.max(shapeBy.options.indexOf(trial.values[shapeBy.name]), 0) % SHAPES.length : 1];

function drawFront() {
  if (!eligible.length) {
    put(place("front"), html("p", { class: "empty" }, "The front is empty: no trial has finished with a network that works."));
    return;
  }
  const has = (part) => front.some((trial) => Object.keys(trial[part]).length);
  const view = { x: measures[0], y: measures[1] ?? measures[0], hasTest: has("test"), hasIntervals: has("intervals") };
  const canTest = view.hasTest, canBound = view.hasIntervals;
  const holder = html("div");
  const redraw = () => holder.replaceChildren(...drawPlane(view));
  const options = measures.map((item) => [item.name, words(item.name)]);
  const find = (name) => measures.find((item) => item.name === name);
  put(place("front"),
    html("div", { class: "controls" },
      choice("across", options, view.x.name, (name) => { view.x = find(name); redraw(); }),
      choice("up", options, view.y.name, (name) => { view.y = find(name); redraw(); }),
      canTest ? tick("show test", true, (isOn) => { view.hasTest = isOn; redraw(); }) : null,
      canBound ? tick("show intervals", true, (isOn) => { view.hasIntervals = isOn; redraw(); }) : null),
    holder);
  redraw();
}

let frontNodes = new Map();
watchers.push(() => mark(frontNodes));

function drawPlane(view) {
  const root = chart(WIDE, HIGH, `Trials by ${view.x.name} and ${view.y.name}`);
  const box = { left: 58, right: WIDE - 12, top: 10, bottom: HIGH - 48 };
  const tested = view.hasTest ? front.filter((trial) => view.x.ofTest(trial) !== undefined && view.y.ofTest(trial) !== undefined) : [];
  const axis = (measure, start, end) => {
    const bounds = view.hasIntervals ? front.flatMap((trial) => measure.interval(trial) ?? []) : [];
    const values = [...eligible.map(measure.of), ...tested.map(measure.ofTest), ...bounds];
    const isLog = measure.isLog && Math.min(...values) > 0;
    const [low, high] = extent(values, 0.06, isLog);
    return { label: measure.label, low, high, isLog, at: scale(low, high, start, end, isLog) };
  };
  const x = axis(view.x, box.left, box.right), y = axis(view.y, box.bottom, box.top);
  drawAxes(root, box, x, y);
  if (data.objectives.length === 2 && view.x.isObjective && view.y.isObjective && view.x !== view.y) drawStairs(root, view, x, y);
  for (const trial of view.hasIntervals ? front : []) drawWhiskers(root, trial, view, x, y);
  for (const trial of tested) drawTest(root, trial, view, x, y);
  const ordered = [...eligible].sort((one, other) => one.isOnFront - other.isOnFront || one.id - other.id);
  frontNodes = new Map(ordered.map((trial) => [trial.id, drawMark(trial, x.at(view.x.of(trial)), y.at(view.y.of(trial)))]));
  root.append(...frontNodes.values());
  for (const trial of eligible.filter((one) => one.baseline)) {
    const place = { cx: x.at(view.x.of(trial)), cy: y.at(view.y.of(trial)) };
    root.append(svg("circle", { class: "baseline-ring", ...place, r: 10, fill: "none", stroke: "var(--ink, currentColor)", "stroke-width": 1.5, "pointer-events": "none" }));
    root.append(svg("text", { class: "mark-label halo", x: place.cx + 13, y: place.cy + 14 }, trial.baseline));
  }
  for (const trial of front.length <= 25 ? front : []) {
    root.append(svg("text", { class: "mark-label halo", x: x.at(view.x.of(trial)) + 9, y: y.at(view.y.of(trial)) - 8, "font-weight": 600 }, `${trial.id}${describeCollapse(trial) ? " !" : ""}`));
  }
  mark(frontNodes);
  return [root, describeMarks(tested.length > 0, front.some((trial) => view.hasIntervals && (view.x.interval(trial) || view.y.interval(trial))))];
}

function drawMark(trial, x, y) {
  return svg("path", {
    class: trial.isOnFront ? "mark member" : "mark",
    d: shapeOf(trial), transform: `translate(${x} ${y})${trial.isOnFront ? " scale(1.25)" : ""}`,
    style: trial.isOnFront ? `fill: ${colourOf(trial.id)}` : null,
    role: "button", tabindex: trial.isOnFront ? 0 : -1, "aria-label": summarise(trial).replaceAll("\n", ", "), "data-trial": trial.id,
    click: () => select(trial.id), keydown: (event) => steer(event, trial),
    pointerenter: (event) => showTip(summarise(trial), event.target), pointerleave: hideTip,
    focus: (event) => showTip(summarise(trial), event.target), blur: hideTip,
  });
}

// Enter and Space select; arrows go to the neighbour on the screen, left and right.
function steer(event, trial) {
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    select(trial.id);
  }
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const nodes = [...frontNodes.values()].sort((one, other) => one.getBoundingClientRect().x - other.getBoundingClientRect().x);
  const next = nodes[nodes.indexOf(frontNodes.get(trial.id)) + step];
  if (next) next.focus();
}

function drawStairs(root, view, x, y) {
  const first = data.objectives[0];
  const points = front.map((trial) => [x.at(view.x.of(trial)), y.at(view.y.of(trial))]);
  // The front is best first in the first objective: up to the next member, nothing better in the other was attained.
  const isAcross = view.x.name === first.name;
  const path = points.map(([px, py], index) => index === 0 ? `M${px} ${py}` : isAcross ? `H${px}V${py}` : `V${py}H${px}`);
  root.append(svg("path", { class: "stairs", d: path.join("") }));
}

// A bar along each axis on which the trial has an interval.
function drawWhiskers(root, trial, view, x, y) {
  const px = x.at(view.x.of(trial)), py = y.at(view.y.of(trial));
  const across = view.x.interval(trial)?.map(x.at), up = view.y.interval(trial)?.map(y.at);
  const draw = (d) => root.append(svg("path", { class: "whisker", style: `stroke: ${colourOf(trial.id)}`, d, "data-whisker": trial.id }));
  if (across) draw(`M${across[0]} ${py - 4}v8m0-4H${across[1]}m0-4v8`);
  if (up) draw(`M${px - 4} ${up[0]}h8m-4 0V${up[1]}m-4 0h8`);
}

function drawTest(root, trial, view, x, y) {
  const start = [x.at(view.x.of(trial)), y.at(view.y.of(trial))], end = [x.at(view.x.ofTest(trial)), y.at(view.y.ofTest(trial))];
  const style = `stroke: ${colourOf(trial.id)}`;
  root.append(
    svg("line", { class: "test-link", style, x1: start[0], y1: start[1], x2: end[0], y2: end[1] }),
    svg("path", { class: "test-mark", style, d: shapeOf(trial), transform: `translate(${end[0]} ${end[1]})` },
      svg("title", {}, `Trial ${trial.id} on test cases`)));
}

function describeMarks(hasTest, hasIntervals) {
  const legend = html("div", { class: "legend" });
  const sample = (attributes) => svg("svg", { viewBox: "-13 -7 26 14", "aria-hidden": true }, svg("path", attributes));
  const used = shapeBy ? shapeBy.options.filter((option) => eligible.some((trial) => trial.values[shapeBy.name] === option)) : [];
  for (const option of used) {
    legend.append(html("span", {}, sample({ class: "mark", d: SHAPES[shapeBy.options.indexOf(option) % SHAPES.length] }), `${shapeBy.name}: ${words(option)}`));
  }
  legend.append(html("span", {}, sample({ class: "stairs", d: "M-12-4H0V4H12" }), "front, on validation cases; labels are trials"));
  if (hasTest) legend.append(html("span", {}, sample({ class: "test-mark", style: "stroke: var(--ink)", d: SHAPES[1] }), "the same network on test cases"));
  if (front.some(describeCollapse)) legend.append(html("span", {}, "! collapses under a family of changes; point at the mark for its name"));
  if (hasIntervals) legend.append(html("span", {}, sample({ class: "whisker", style: "stroke: var(--ink)", d: "M-10-4v8m0-4H10m0-4v8" }), "interval over training seeds and subjects"));
  return legend;
}
