// The page's data, and the state that its parts share: the selected trial and the trials that are kept.

const data = JSON.parse(document.getElementById("data").textContent);
const trials = data.trials;
const byId = new Map(trials.map((trial) => [trial.id, trial]));
const front = data.front.map((id) => byId.get(id));
const eligible = trials.filter((trial) => trial.state === "FINISHED" && trial.reason === "");
const place = (id) => document.getElementById(id);

const metricName = data.metrics.find((item) => item.name === data.metric)?.label ?? words(data.metric);

const NUM_COLOURS = 7;
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "1 3"];

// At most seven members have a colour, spread evenly over the front; the other members share one.
const coloured = new Map();
for (let index = 0; index < Math.min(front.length, NUM_COLOURS); index += 1) {
  const step = (front.length - 1) / Math.max(Math.min(front.length, NUM_COLOURS) - 1, 1);
  coloured.set(front[Math.round(index * step)].id, index);
}
function colourOf(id) {
  if (coloured.has(id)) return `var(--member-${coloured.get(id)})`;
  return byId.get(id).isOnFront ? "var(--accent)" : "var(--other)";
}
const dashOf = (id) => coloured.has(id) ? DASHES[coloured.get(id)] : "";

const state = { selected: null, kept: null };
const watchers = [];

function select(id) {
  state.selected = id;
  watchers.forEach((watch) => watch());
}
function keep(ids) {
  state.kept = ids;
  watchers.forEach((watch) => watch());
}

// Gives every node of a trial the classes of its state.
function mark(nodes) {
  for (const [id, node] of nodes) {
    node.classList.toggle("selected", id === state.selected);
    node.classList.toggle("dimmed", state.kept !== null && !state.kept.has(id));
  }
}

// True if the largest value that is known is more than ten times the smallest.
function spansDecades(values) {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 && Math.min(...known) > 0 && Math.max(...known) > 10 * Math.min(...known);
}

// All numbers that a trial is measured by, with unit and direction.
const measures = [
  ...data.objectives.map((item) => ({
    name: item.name, of: (trial) => trial.objectives[item.name], ofTest: (trial) => trial.test[item.name],
    interval: (trial) => trial.intervals[item.name],
    label: `${words(item.name)}${item.unit && item.unit !== "1" ? ` [${item.unit}]` : ""}, ${item.isMaximised ? "higher" : "lower"} is better`,
    isObjective: true, isMaximised: item.isMaximised, isLog: item.isLog,
  })),
  ...data.costs.map((item) => ({
    name: item.name, of: (trial) => trial.costs[item.name], ofTest: () => undefined, interval: () => undefined,
    label: `${item.label}${item.unit ? ` [${item.unit}]` : ""}, ${item.better}`,
    isObjective: false, isMaximised: false, isLog: spansDecades(trials.map((trial) => trial.costs[item.name])),
  })),
];

function summarise(trial) {
  const numbers = data.objectives.map((item) => `${words(item.name)} ${formatNumber(trial.objectives[item.name])}${formatInterval(trial.intervals[item.name])}`);
  const flag = describeCollapse(trial);
  const broken = trial.broken ? `\nbreaks ${trial.broken.join(", ")}` : "";
  return `Trial ${trial.id}${trial.baseline ? `, ${trial.baseline}` : ""}${trial.isOnFront ? ", on the front" : ""}\n${numbers.join("\n")}${broken}${flag ? `\n${flag}` : ""}`;
}

// The families under which a trial keeps less than half of its clean score, or "".
function describeCollapse(trial) {
  const names = trial.profile?.collapses ?? [];
  return names.length ? `collapses under ${names.map(words).join(", ")}` : "";
}

function varies(dimension) {
  return new Set(trials.map((trial) => trial.values[dimension.name])).size > 1;
}
