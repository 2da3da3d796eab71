// Everything about the selected trial.

function drawPanel() {
  const panel = place("panel");
  const trial = byId.get(state.selected);
  place("thumbnails").replaceChildren(...(trial ? drawThumbnails(trial) : []));
  if (!trial) {
    panel.replaceChildren(html("p", { class: "empty" }, trials.length ? "Select a trial." : "No trial has started yet."));
    return;
  }
  panel.replaceChildren();
  put(panel,
    html("h3", {}, html("span", { class: "swatch", style: `background: ${colourOf(trial.id)}` }), `Trial ${trial.id}${trial.baseline ? `, ${trial.baseline}` : ""}${trial.isOnFront ? ", on the front" : ""}`),
    html("p", { class: "hint" }, describeOrigin(trial)),
    trial.reason ? html("p", {}, html("strong", {}, trial.reason)) : null,
    drawPart("Architecture", "architecture", trial), drawPart("Training", "recipe", trial),
    drawNumbers(trial), drawCorruptions(trial));
}
watchers.push(drawPanel);

function describeOrigin(trial) {
  const from = trial.parents.length ? ` of ${trial.parents.join(" and ")}` : "";
  const seeds = trial.seeds ? `mean over seeds ${trial.seeds.join(", ")}` : `seed ${trial.seed}`;
  return `candidate ${trial.candidate}, ${seeds}, ${trial.state}, proposed by ${trial.origin}${from}`;
}

function drawPart(title, part, trial) {
  const list = html("dl", { class: "dimensions", id: `panel-${part}` });
  for (const item of data.dimensions.filter((dimension) => dimension.part === part)) {
    list.append(html("div", {}, html("dt", {}, words(item.name)), html("dd", {}, formatNumber(trial.values[item.name]))));
  }
  return [html("h3", {}, title), list];
}

function drawNumbers(trial) {
  if (!Object.keys(trial.objectives).length) return [];
  const body = html("tbody");
  for (const item of measures) {
    const test = item.ofTest(trial);
    body.append(html("tr", {}, html("th", { scope: "row" }, item.label),
      html("td", { class: "number" }, formatNumber(item.of(trial)) + formatInterval(item.interval(trial))),
      html("td", { class: "number" }, item.isObjective ? formatNumber(test) : "")));
  }
  const head = html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "measured"), html("th", { scope: "col", class: "number" }, "validation"), html("th", { scope: "col", class: "number" }, "test")));
  const device = trial.device ? html("p", { class: "hint" }, `Latency, memory and training time on ${trial.device}.`) : null;
  const loss = trial.drop === undefined ? [] : [html("p", { class: "hint" }, describeLoss(trial))];
  const sure = trial.probability === undefined ? [] : [html("p", { class: "hint" }, `Probability of being on the front: ${trial.probability.toFixed(2)}, ${trial.isConfirmed ? "on test cases, with all seeds" : "by the validation cases, which chose it"}.`)];
  return [html("h3", {}, "Objectives and costs"), html("table", { id: "panel-numbers" }, head, body), ...sure, ...drawProfile(trial), ...loss, ...(device ? [device] : [])];
}

// What is reported beside robustness, and the flag of a network that collapses.
function drawProfile(trial) {
  if (!trial.profile) return [];
  const flag = describeCollapse(trial);
  const worst = (profile) => profile?.worstFamily ? `${words(profile.worstFamily)} ${formatNumber(profile.families[profile.worstFamily])}` : "none";
  const tested = trial.testProfile ? ` (on test cases ${worst(trial.testProfile)})` : "";
  const heldOut = (profile) => profile.heldOut === null ? "none" : formatNumber(profile.heldOut);
  const heldOutTested = trial.testProfile ? ` (on test cases ${heldOut(trial.testProfile)})` : "";
  const text = `Worst family: ${worst(trial.profile)}${tested}. Held-out corruptions: ${heldOut(trial.profile)}${heldOutTested}. Reported, not optimised.`;
  const limit = `: less than half of its clean score of ${formatNumber(trial.profile.clean)}.`;
  return [
    ...(flag ? [html("p", { id: "panel-flag" }, html("strong", {}, flag[0].toUpperCase() + flag.slice(1)), limit)] : []),
    html("p", { class: "hint", id: "panel-profile" }, text),
  ];
}

function describeLoss(trial) {
  const kept = trial.retention === undefined ? "" : `, it keeps ${(100 * trial.retention).toFixed(0)} %`;
  return `From clean to corrupted images it drops by ${formatNumber(trial.drop)}${kept}; this is reported, not optimised.`;
}

// What the reader must know about a score under a corruption.
function remark(corruption, trial) {
  const known = data.corruptions[corruption];
  if (!known) return "";
  const parts = [known.isCounted ? "" : "not counted", trial?.trainedOn.includes(known.family) ? "met in training" : ""];
  return parts.some(Boolean) ? ` (${parts.filter(Boolean).join(", ")})` : "";
}

function drawCorruptions(trial) {
  const scores = data.severities.validation[trial.id];
  if (!scores) return [];
  const tested = data.severities.test[trial.id] ?? {};
  const severities = [...new Set(Object.values(scores).flatMap((row) => Object.keys(row)))].map(Number).sort((one, other) => one - other);
  const body = html("tbody");
  for (const [corruption, row] of Object.entries(scores)) {
    const cells = severities.map((severity) => {
      const test = tested[corruption]?.[severity];
      const text = row[severity] === undefined ? "" : formatNumber(row[severity]) + (test === undefined ? "" : ` (${formatNumber(test)})`);
      return html("td", { class: "number" }, text);
    });
    body.append(html("tr", {}, html("th", { scope: "row" }, corruption === "none" ? "clean" : words(corruption) + remark(corruption, trial)), cells));
  }
  const titles = severities.map((severity) => html("th", { scope: "col", class: "number" }, severity === 0 ? "clean" : `severity ${severity}`));
  const table = html("table", { id: "panel-corruptions" }, html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "corruption"), titles)), body);
  const inBrackets = Object.keys(tested).length ? "; in brackets: on test cases" : "";
  const which = trial.seeds ? `, with seed ${trial.seed}` : "";
  return [html("h3", {}, `Mean ${metricName} under every corruption${which}, higher is better${inBrackets}`), html("div", { class: "scroll" }, table)];
}

function drawThumbnails(trial) {
  const answers = data.pictures.answers?.[trial.id];
  if (!answers) return [];
  const grid = html("div", { class: "thumbnails", style: `grid-template-columns: repeat(${data.pictures.conditions.length}, minmax(0, 1fr))` });
  data.pictures.cases.forEach((item, row) => data.pictures.conditions.forEach((condition, column) => {
    grid.append(drawPicture(data.pictures.scenes[row][column], answers[row][column], describePicture(item, condition, trial)));
  }));
  return [html("h3", {}, `What trial ${trial.id} predicts, each case clean and corrupted`), drawOutlineLegend(), grid];
}
