// The hypervolume of the front after every trial that ended, over trials, hours, or hours of computing.

function drawConvergence() {
  if (!data.milestones.length) {
    put(place("convergence"), html("p", { class: "empty" }, "No trial has ended yet."));
    return;
  }
  const holder = html("div");
  const redraw = (over) => holder.replaceChildren(drawGrowth(over));
  put(place("convergence"),
    html("p", { class: "hint" }, "Hypervolume: the area (volume) of objective values that the front dominates, measured from fixed references. Marks are trials that made it grow."),
    html("div", { class: "controls" }, choice("over", [["trials", "trials"], ["time", "time"], ["compute", data.computeName]], "trials", redraw)), holder);
  redraw("trials");
}

function drawGrowth(over) {
  const milestones = data.milestones, last = milestones[milestones.length - 1];
  const hours = over === "compute" ? (item) => item.compute_hours : (item) => item.hours;
  const [factor, unit] = hours(last) >= 3 ? [1, "h"] : [60, "min"];
  const of = over === "trials" ? (item) => item.num_ended : (item) => hours(item) * factor;
  const compute = data.computeName === "GPU-hours" ? "time of all GPUs" : "time of all trials";
  const label = { trials: "trials that have ended", time: `time the search has run [${unit}]`, compute: `${compute} [${unit}]` }[over];
  const root = chart(1150, 300, `Hypervolume over ${over === "compute" ? data.computeName : over}`);
  const box = { left: 58, right: 1138, top: 10, bottom: 252 };
  const high = Math.max(last.hypervolume, 1e-9) * 1.06, end = of(last) || 1;
  const x = { label, low: 0, high: end, at: scale(0, end, box.left, box.right) };
  const y = { label: "hypervolume, higher is better", low: 0, high, at: scale(0, high, box.bottom, box.top) };
  drawAxes(root, box, x, y);
  const path = milestones.map((item) => `H${x.at(of(item))}V${y.at(item.hypervolume)}`).join("");
  root.append(svg("path", { class: "stairs", d: `M${x.at(0)} ${y.at(0)}${path}` }));
  milestones.forEach((item, index) => {
    if (item.hypervolume <= (index ? milestones[index - 1].hypervolume : 0)) return;
    root.append(svg("circle", {
      class: "mark", r: 5, cx: x.at(of(item)), cy: y.at(item.hypervolume), style: `fill: ${colourOf(item.trial_id)}`, click: () => select(item.trial_id),
      pointerenter: (event) => showTip(`Trial ${item.trial_id}\nhypervolume ${formatNumber(item.hypervolume)}`, event.target), pointerleave: hideTip,
    }));
  });
  return root;
}
