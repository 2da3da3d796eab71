// Cases as the networks saw them, with the outlines of reference and prediction.

function drawPictures() {
  const pictures = data.pictures;
  if (pictures.reason) {
    put(place("pictures"), html("p", { class: "empty" }, `There are no pictures: ${pictures.reason}.`));
    return;
  }
  const ids = Object.keys(pictures.answers).map(Number).sort((one, other) => data.front.indexOf(one) - data.front.indexOf(other));
  const holder = html("div");
  const toggle = (name) => (isOn) => document.body.classList.toggle(`no-${name}`, !isOn);
  put(place("pictures"),
    html("p", { class: "hint" }, describeChoice(ids)),
    html("div", { class: "controls" }, tick("reference", true, toggle("reference")), tick("prediction", true, toggle("predicted"))),
    drawOutlineLegend(), holder);
  holder.append(...pictures.cases.map((item, index) => drawContact(item, index, ids)));
  for (const gap of pictures.gaps) put(place("pictures"), html("p", { class: "hint" }, `${gap}.`));
}

function describeChoice(ids) {
  const some = ids.length < front.length ? `${ids.length} of the front's ${front.length} members are shown. ` : "";
  return `${some}Cases are from the ${data.pictures.split} split, chosen by the members' mean on the clean image; each corruption is shown at the strongest severity that was measured. The number is the mean Dice of the whole case under this condition.`;
}

// One class has a colour for the reference and one for the prediction; of several, each class has a colour for both.
const NUM_CLASS_COLOURS = 8;
const classStyle = (label) => data.pictures.classes.length > 1 ? `stroke: var(--class-${label % NUM_CLASS_COLOURS})` : null;

function drawOutlineLegend() {
  const names = data.pictures.classes.length > 1 ? data.pictures.classes : [];
  return html("div", { class: "legend" }, drawSample("reference", "reference (dashed)"), drawSample("predicted", "prediction"),
    names.map((name, label) => drawSample("predicted", name, classStyle(label))));
}

function drawSample(kind, text, style = null) {
  const plain = data.pictures.classes.length > 1 && !style ? "stroke: #fff" : style;
  return html("span", {}, svg("svg", { viewBox: "0 0 26 14", "aria-hidden": true },
    svg("path", { class: "outline under", d: "M0 7H26" }), svg("path", { class: `outline ${kind}`, d: "M0 7H26", style: plain })), text);
}

// A row for every network, a column for every condition of one case.
function drawContact(item, index, ids) {
  const conditions = data.pictures.conditions;
  const head = html("tr", {}, html("td"), conditions.map((condition) => html("th", { scope: "col" }, describeCondition(condition))));
  const rows = ids.map((id) => html("tr", {},
    html("th", { scope: "row" }, html("button", { type: "button", click: () => select(id) }, html("span", { class: "swatch", style: `background: ${colourOf(id)}` }), `trial ${id}`)),
    conditions.map((condition, column) => {
      const answer = data.pictures.answers[id][index][column];
      return html("td", {},
        drawPicture(data.pictures.scenes[index][column], answer, describePicture(item, condition, byId.get(id))),
        html("div", { class: "caption" }, `Dice ${formatNumber(answer.dice)}`));
    })));
  return html("div", { class: "contact pictures-scroll" }, html("h3", {}, [item.name, item.what, data.pictures.scenes[index][0].place].filter(Boolean).join(", ")), html("table", {}, html("thead", {}, head), html("tbody", {}, rows)));
}

const describeCondition = (condition) => condition.severity === 0 ? "clean" : `${words(condition.corruption)}, severity ${condition.severity}`;
const describePicture = (item, condition, trial) => `${item.name}, ${describeCondition(condition)}, trial ${trial.id}`;

function drawPicture(scene, answer, label) {
  const outline = (kind, paths) => paths.flatMap((d, index) => d ? [
    svg("path", { class: `outline under for-${kind}`, d }), svg("path", { class: `outline ${kind} for-${kind}`, d, style: classStyle(index) }),
  ] : []);
  return svg("svg", { class: "picture", viewBox: `0 0 ${scene.width} ${scene.height}`, role: "img", "aria-label": label },
    svg("title", {}, `${label}\nDice ${formatNumber(answer.dice)}`),
    svg("image", { href: scene.uri, width: scene.width, height: scene.height }),
    outline("reference", scene.reference), outline("predicted", answer.predicted));
}
