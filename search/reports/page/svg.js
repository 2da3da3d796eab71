// Elements, scales, ticks and numbers. Text always goes in as text nodes, so no name can become markup.

function element(namespace, name, attributes, children) {
  const made = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(key, value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  put(made, ...children);
  return made;
}

// Appends nodes and texts, lists of them too; skips null.
function put(parent, ...children) {
  parent.append(...children.flat(2).filter((child) => child !== null).map((child) => child instanceof Node ? child : String(child)));
}

const svg = (name, attributes = {}, ...children) => element("http://www.w3.org/2000/svg", name, attributes, children);
const html = (name, attributes = {}, ...children) => element("http://www.w3.org/1999/xhtml", name, attributes, children);

function chart(width, height, label) {
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label });
}

function scale(low, high, start, end, isLog = false) {
  const turn = isLog ? Math.log : (value) => value;
  const span = turn(high) - turn(low) || 1;
  return (value) => start + ((turn(value) - turn(low)) / span) * (end - start);
}

// Round numbers that cover low..high; at least two.
function ticks(low, high, count) {
  const rough = (high - low || Math.abs(high) || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const found = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place += 1) found.push(place * step);
  return found;
}

// Round numbers within low..high of a logarithmic axis: as many of 1, 2 and 5 times a power of ten as give about `count`.
function logTicks(low, high, count) {
  const within = (steps) => {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
      found.push(...steps.map((step) => Number((step * 10 ** power).toPrecision(3))).filter((value) => value >= low && value <= high));
    }
    return found;
  };
  const sets = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7]].map(within);
  const found = sets.find((some) => some.length >= Math.min(count, 3)) ?? sets.at(-1);
  const every = Math.max(1, Math.ceil(found.length / (2 * count)));
  return found.length > 1 ? found.filter((_, index) => index % every === 0) : ticks(low, high, count);
}

// A range with a margin around the values; of a logarithmic axis the margin is a factor.
function extent(values, share = 0.06, isLog = false) {
  if (isLog) return extent(values.map(Math.log), share).map(Math.exp);
  const low = Math.min(...values), high = Math.max(...values);
  const margin = (high - low) * share || Math.abs(high) * 0.05 || 0.5;
  return [low - margin, high + margin];
}

function formatNumber(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value).replaceAll("_", " ");
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US");
  if (Math.abs(value) >= 100) return value.toFixed(1);
  return Math.abs(value) >= 0.1 ? value.toFixed(3) : String(Number(value.toPrecision(3)));
}

const formatInterval = (interval) => interval ? ` [${interval.map(formatNumber).join(", ")}]` : "";

const LARGE = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k", 1e3]];  // from which value, its letter, what that stands for

function formatTick(value) {
  const [from, letter, size] = LARGE.find(([least]) => Math.abs(value) >= least) ?? [];
  return letter ? `${Number((value / (size ?? from)).toPrecision(4))}${letter}` : formatSmallTick(value);
}

const formatSmallTick = (value) => String(Number(value.toPrecision(Math.abs(value) < 1 ? 3 : 4)));
const words = (name) => name.replaceAll("_", " ");

// Axes of a chart with their grid; x and y are { label, low, high, at, isLog, ticks }, the last one if the round numbers do not fit.
function drawAxes(root, box, x, y) {
  for (const value of x.ticks ?? (x.isLog ? logTicks : ticks)(x.low, x.high, Math.max(2, Math.round((box.right - box.left) / 90)))) {
    root.append(
      svg("line", { class: "grid", x1: x.at(value), x2: x.at(value), y1: box.top, y2: box.bottom }),
      svg("text", { class: "quiet", x: x.at(value), y: box.bottom + 17, "text-anchor": "middle" }, formatTick(value)),
    );
  }
  for (const value of (y.isLog ? logTicks : ticks)(y.low, y.high, Math.max(2, Math.round((box.bottom - box.top) / 36)))) {
    root.append(
      svg("line", { class: "grid", x1: box.left, x2: box.right, y1: y.at(value), y2: y.at(value) }),
      svg("text", { class: "quiet", x: box.left - 7, y: y.at(value) + 4, "text-anchor": "end" }, formatTick(value)),
    );
  }
  const middle = (box.top + box.bottom) / 2;
  root.append(
    svg("rect", { class: "frame", x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top }),
    svg("text", { x: (box.left + box.right) / 2, y: box.bottom + 38, "text-anchor": "middle" }, x.label),
    svg("text", { x: 13, y: middle, "text-anchor": "middle", transform: `rotate(-90 13 ${middle})` }, y.label),
  );
}

// The outline of a mark around the origin; shapes differ by more than colour.
const SHAPES = [
  "M-6-5H6L0 7Z", "M-6 0A6 6 0 1 0 6 0A6 6 0 1 0-6 0Z", "M-5.3-5.3H5.3V5.3H-5.3Z", "M0-7.4L7.4 0L0 7.4L-7.4 0Z",
  "M-6 5H6L0-7Z", "M-2.2-6.5H2.2V-2.2H6.5V2.2H2.2V6.5H-2.2V2.2H-6.5V-2.2H-2.2Z",
];

function choice(label, options, chosen, onChange) {
  const select = html("select", { change: (event) => onChange(event.target.value) });
  for (const [value, text] of options) select.append(html("option", { value, selected: value === chosen }, text));
  return html("label", {}, label, select);
}

function tick(label, isChecked, onChange) {
  return html("label", {}, html("input", { type: "checkbox", checked: isChecked, change: (event) => onChange(event.target.checked) }), label);
}

const tip = html("div", { id: "tip", role: "tooltip", hidden: true });

function showTip(text, target) {
  const box = target.getBoundingClientRect();
  tip.textContent = text;
  tip.hidden = false;
  const left = box.right + 10 + tip.offsetWidth > document.documentElement.clientWidth ? box.left - tip.offsetWidth - 10 : box.right + 10;
  tip.style.left = `${Math.max(left, 4) + scrollX}px`;
  tip.style.top = `${box.top + scrollY - 4}px`;
}

const hideTip = () => { tip.hidden = true; };
