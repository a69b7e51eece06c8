const EQUAL = 1e-12; // as in lib/evaluation/thresholds.py: smaller differences of costs are rounding
const NEAREST = 6; // pictures on each side of the threshold

// --- numbers, as in lib.evaluation

const logFactorials = [0];

function logFactorial(n) {
  for (let i = logFactorials.length; i <= n; i++) logFactorials.push(logFactorials[i - 1] + Math.log(i));
  return logFactorials[n];
}

/** The regularised incomplete beta function of integers a and b, by its continued fraction (DLMF 8.17.22). */
function betainc(a, b, x) {
  if (x > (a + 1) / (a + b + 2)) return 1 - betainc(b, a, 1 - x); // where the fraction converges fast
  let fraction = 1;
  for (let m = Math.ceil(20 + 4 * Math.sqrt(Math.max(a, b))); m >= 0; m--) {
    fraction = 1 - ((a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)) / fraction;
    if (m) fraction = 1 + (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)) / fraction;
  }
  const logBeta = logFactorial(a - 1) + logFactorial(b - 1) - logFactorial(a + b - 1);
  return Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta) / a / fraction;
}

function betaincinv(a, b, share) {
  let low = 0, high = 1;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (betainc(a, b, middle) < share) low = middle; else high = middle;
  }
  return low;
}

/** Clopper and Pearson's 95 % interval of k of n. */
const interval = (k, n) =>
  [k ? betaincinv(k, n - k + 1, 0.025) : 0, k < n ? betaincinv(k + 1, n - k, 0.975) : 1];

/** How many of the sorted scores are not above the threshold. */
function passed(sorted, threshold) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] > threshold) high = middle; else low = middle + 1;
  }
  return low;
}

/** The threshold that leaves the lowest `count` distinct scores unflagged, midway to the next. */
function between(levels, count) {
  const last = levels.length - 1, edge = levels[count ? last : 0];
  const gap = last ? (count ? edge - levels[last - 1] : levels[1] - edge) : Math.abs(edge) || 1;
  const below = edge > 0 ? Math.max(edge - gap, 0) : edge - gap;
  const low = count ? levels[count - 1] : below, high = levels[count] ?? edge + gap;
  return low / 2 + high / 2;
}

/** The cheapest threshold; of equals the highest. */
function cheapest({ normal, anomalies, levels }, { prevalence, miss, alarm }) {
  const misses = miss * prevalence, alarms = alarm * (1 - prevalence);
  const gains = [-Infinity, ...levels].map((level) => -(misses * (passed(anomalies, level) / anomalies.length) +
    alarms * (1 - passed(normal, level) / normal.length)) / (misses + alarms));
  const most = gains.reduce((a, b) => Math.max(a, b));
  return between(levels, gains.findLastIndex((gain) => gain >= most - EQUAL));
}

/** All figures; those in use are for 1,000 images. */
function figures({ normal, anomalies }, threshold, { prevalence, miss, alarm }) {
  const fn = passed(anomalies, threshold), tn = passed(normal, threshold);
  const tp = anomalies.length - fn, fp = normal.length - tn;
  const recall = [tp / anomalies.length, ...interval(tp, anomalies.length)];
  const fpr = [fp / normal.length, ...interval(fp, normal.length)];
  const share = (r, f) => (prevalence * r) / (prevalence * r + (1 - prevalence) * f);
  const caught = 1000 * prevalence * recall[0], falseAlarms = 1000 * (1 - prevalence) * fpr[0];
  const missed = 1000 * prevalence * (fn / anomalies.length);
  return {
    tp, fp, tn, fn, recall, fpr, caught, missed, falseAlarms, reviewed: caught + falseAlarms,
    share: tp + fp ? [share(recall[0], fpr[0]), share(recall[1], fpr[2]), share(recall[2], fpr[1])] : [],
    cost: missed * miss + falseAlarms * alarm,
  };
}

// --- words

const grouped = (value, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const percent = (share) =>
  `${(100 * share).toFixed((share >= 0.01 && share <= 0.99) || share === 0 || share === 1 ? 1 : 2)} %`;
const signed = (value) => String(value).replaceAll("-", "−");

/** The shortest number that makes the same decisions as the threshold. */
function shortest(levels, threshold) {
  let digits = 3, value;
  do value = Number(threshold.toPrecision(digits++));
  while (passed(levels, value) !== passed(levels, threshold));
  return value;
}

// --- the page

const byId = (id) => document.getElementById(id);

function make(name, attributes, text = "", space = "http://www.w3.org/1999/xhtml") {
  const made = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text; // never HTML: names come from the data
  return made;
}

const drawn = (name, attributes, text) => make(name, attributes, text, "http://www.w3.org/2000/svg");

/** Show a figure; the attribute has the exact value. */
const write = (id, value, text) => byId(id).replaceChildren(make("data", { value }, text));

function unpacked(text) {
  const view = new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  return Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

const data = JSON.parse(byId("data").textContent), sprite = new Image();
const detectors = data.detectors.map((detector) => {
  const normal = unpacked(detector.normal), anomalies = unpacked(detector.anomalies);
  const levels = [...new Set([...normal, ...anomalies])].sort((a, b) => a - b);
  const pictured = unpacked(detector.pictured).map((score, place) => ({ score, place }))
    .filter(({ score }) => !Number.isNaN(score)).sort((a, b) => a.score - b.score);
  return { ...detector, normal, anomalies, levels, pictured };
});
let detector, threshold, settings, toThreshold;

function show() {
  const at = figures(detector, threshold, settings), best = cheapest(detector, settings);
  const { levels, normal, anomalies, pictured } = detector, round = shortest(levels, threshold);
  if (Number(byId("threshold").value) !== threshold) byId("threshold").value = round;
  byId("rank").max = levels.length;
  byId("rank").value = passed(levels, threshold);
  byId("rank").setAttribute("aria-valuetext", signed(round));
  byId("summary").textContent = `At the threshold ${signed(round)}, ${detector.name} flags ${grouped(at.tp)} of ` +
    `${grouped(anomalies.length)} anomalies (${percent(at.recall[0])}) and ${grouped(at.fp)} of ` +
    `${grouped(normal.length)} normal images (${percent(at.fpr[0])}).`;
  for (const name of ["tp", "fp", "tn", "fn"]) write(name, at[name], grouped(at[name]));
  for (const name of ["reviewed", "caught", "missed", "falseAlarms", "cost"]) write(name, at[name], grouped(at[name], 1));
  for (const name of ["recall", "fpr", "share"]) {
    const [value, low, high] = at[name].map(percent);
    write(name, at[name], value ? `${value} (${low} to ${high})` : "nothing is flagged");
  }
  const { cost } = figures(detector, best, settings);
  write("best", best, `${signed(shortest(levels, best))}, at a cost of ${grouped(cost, 1)}`);
  const cut = passed(pictured.map(({ score }) => score), threshold);
  byId("below").replaceChildren(...pictured.slice(Math.max(cut - NEAREST, 0), cut).map(tile));
  byId("above").replaceChildren(...pictured.slice(cut, cut + NEAREST).map(tile));
  draw();
}

function tile({ score, place }) {
  const { id, class: name, normal } = data.pictures[place], { size, columns } = data.sprite;
  const wrong = score > threshold === normal;
  const canvas = make("canvas", { width: size, height: size, role: "img", "aria-label": `image ${id}` });
  canvas.getContext("2d")
    .drawImage(sprite, (place % columns) * size, Math.floor(place / columns) * size, size, size, 0, 0, size, size);
  const verdict = normal ? (wrong ? "false alarm" : "normal, not flagged") : wrong ? "missed anomaly" : "anomaly";
  const item = make("li", { class: wrong ? "wrong" : "" });
  item.append(canvas, make("p", { class: "class", dir: "auto" }, name),
    make("p", {}, `score ${signed(Number(score.toPrecision(4)))}`),
    make("p", {}, `${wrong ? "Wrong" : "Correct"}: ${verdict}`));
  return item;
}

function draw() {
  const { levels, normal, anomalies } = detector, width = Math.max(byId("histogram").clientWidth, 280);
  const half = 110, axis = 230, bins = 40, inner = width - 16;
  let low = levels[0], high = levels.at(-1);
  const log = low > 0 && high > 20 * low;
  if (low === high) [low, high] = [low - (Math.abs(low) || 1), high + (Math.abs(high) || 1)];
  const scale = log ? Math.log : Number, from = scale(low), span = scale(high) - from;
  const part = (score) => Math.min(Math.max((scale(Math.max(score, low)) - from) / span, 0), 1);
  const score = (share) => Number((log ? Math.exp : Number)(from + span * share).toPrecision(3));
  toThreshold = (x) => score(Math.min(Math.max((x - 8) / inner, 0), 1));
  const shares = [normal, anomalies].map((group) => {
    const bars = new Array(bins).fill(0);
    for (const score of group) bars[Math.min(Math.floor(part(score) * bins), bins - 1)] += 1 / group.length;
    return bars;
  });
  const svg = drawn("svg", { viewBox: `0 0 ${width} 268`, role: "img", "aria-labelledby": "histogram-caption" });
  const unit = (half - 18) / Math.max(...shares.flat());
  shares.forEach((group, down) => group.forEach((share, bin) => {
    const height = unit * share;
    svg.append(drawn("rect", { class: down ? "anomaly" : "normal", x: 8.5 + (inner / bins) * bin,
      y: down ? half : half - height, width: inner / bins - 1, height }));
  }));
  const at = 8 + inner * part(threshold), side = at > width / 2 ? { x: 8 } : { x: width - 8, class: "end" };
  svg.append(drawn("path", { d: `M8 ${half}h${inner}M8 ${axis}h${inner}` }),
    drawn("path", { d: `M${at} 0V${axis}`, class: "threshold" }),
    drawn("text", { ...side, y: 13 }, "normal images"), drawn("text", { ...side, y: axis - 4 }, "anomalies"),
    drawn("text", { class: "middle", x: width / 2, y: 264 }, `anomaly score${log ? ", logarithmic" : ""}`));
  for (const share of width < 500 ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1])
    svg.append(drawn("text", { class: { 0: "", 1: "end" }[share] ?? "middle", x: 8 + inner * share, y: axis + 17 },
      signed(score(share))));
  byId("histogram").replaceChildren(svg);
}

function move(value) {
  threshold = value;
  show();
}

const moveTo = (count) => move(between(detector.levels, Math.min(Math.max(count, 0), detector.levels.length)));

function read() {
  const fields = ["prevalence", "miss", "alarm"].map(byId);
  const [prevalence, miss, alarm] = fields.map((field) => field.valueAsNumber);
  const valid = fields.every((field) => field.validity.valid) && miss + alarm > 0;
  byId("fault").hidden = valid;
  if (valid) settings = { prevalence: prevalence / 100, miss, alarm };
}

function choose() {
  detector = detectors[byId("detector").value];
  byId("about").textContent = detector.about;
  move(detector.threshold);
}

const on = (id, kind, act) => byId(id).addEventListener(kind, act);
on("detector", "change", choose);
on("threshold", "input", ({ target }) => target.validity.valid && move(target.valueAsNumber));
on("threshold", "keydown", (event) => {
  const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  if (step) event.preventDefault(), moveTo(passed(detector.levels, threshold) + step);
});
on("rank", "input", ({ target }) => moveTo(target.valueAsNumber));
on("cheapest", "click", () => move(cheapest(detector, settings)));
on("recorded", "click", () => move(detector.threshold));
for (const id of ["prevalence", "miss", "alarm"]) on(id, "input", () => { read(); show(); });
for (const kind of ["pointerdown", "pointermove"])
  on("histogram", kind, (event) => {
    if (event.buttons & 1) move(toThreshold(event.clientX - byId("histogram").getBoundingClientRect().left));
  });
sprite.src = data.sprite.source;
await sprite.decode();
byId("explorer").hidden = false;
read();
choose();
new ResizeObserver(draw).observe(byId("histogram"));
