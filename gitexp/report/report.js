// The page's only script. All text arrives as data and leaves as text nodes; nothing is parsed as markup, nothing is loaded.
"use strict";
(() => {
const doc = JSON.parse(document.getElementById("data").textContent);
const app = document.getElementById("app");
const SVG = "http://www.w3.org/2000/svg";
const NONE = "–";
const LINES = 12;       // colours times dashes: what can be told apart
const ROWS = 200;       // of the table at first

// ---- elements --------------------------------------------------------------------------------------------------------

function el(name, attributes, ...children) {
  return filled(document.createElement(name), attributes, children);
}
function svg(name, attributes, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}
function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "checked" || key === "value" || key === "selected") node[key] = value;
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child.nodeType ? child : String(child));
  }
  return node;
}
const part = (id, title, ...children) => el("section", { id, "aria-labelledby": id + "-h" }, el("h2", { id: id + "-h" }, title), children);
const wide = (label, ...children) => el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": label }, children);
function clear(node, ...children) {
  node.replaceChildren();
  return filled(node, null, children);
}
function choice(label, options, chosen, changed) {
  const select = el("select", { onchange: () => changed(Number(select.value)) },
    options.map((text, at) => el("option", { value: at, selected: at === chosen }, text)));
  return el("label", null, label + " ", select);
}
function tick(label, on, changed) {
  const box = el("input", { type: "checkbox", checked: on, onchange: () => changed(box.checked) });
  return el("label", { class: "tick" }, box, " " + label);
}

// ---- numbers and words -----------------------------------------------------------------------------------------------

const ODD = new Map([["nan", NaN], ["inf", Infinity], ["-inf", -Infinity]]);
const number = (cell) => (typeof cell === "string" ? ODD.get(cell) : cell === null || cell === undefined ? null : cell);
const finite = (value) => typeof value === "number" && Number.isFinite(value);
function short(value, digits = 4) {
  if (value === null || value === undefined) return NONE;
  if (typeof value !== "number") return String(value);
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(digits - 2).replace("e+", "e");
  return String(Number(value.toPrecision(digits)));
}
function duration(s) {
  if (!finite(s)) return NONE;
  if (s < 10) return s.toFixed(1) + " s";
  if (s < 90) return Math.round(s) + " s";
  if (s < 5400) return (s / 60).toFixed(1) + " min";
  return s < 172800 ? (s / 3600).toFixed(1) + " h" : (s / 86400).toFixed(1) + " d";
}
function bytes(count) {
  if (!finite(count)) return NONE;
  let at = 0;
  while (count >= 1000 && at < 4) { count /= 1000; at += 1; }
  return short(count, 3) + " " + ["B", "kB", "MB", "GB", "TB"][at];
}
const when = (s) => (finite(s) && Math.abs(s) < 8e12 ? new Date(s * 1000).toISOString().slice(0, 16).replace("T", " ") : NONE);
const counted = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const mean = (v) => v.reduce((sum, x) => sum + x / v.length, 0);
const sd = (v) => { const m = mean(v); return v.length > 1 ? Math.sqrt(v.reduce((s, x) => s + (x - m) ** 2, 0) / (v.length - 1)) : null; };
const span = (v) => { let a = Infinity, b = -Infinity; for (const x of v) if (finite(x)) { if (x < a) a = x; if (x > b) b = x; } return a <= b ? [a, b] : null; };
function plusMinus(v) {   // two digits of the sd, and the mean to the same place
  const s = sd(v);
  if (!finite(s) || s === 0 || s < 1e-6 || Math.abs(mean(v)) >= 1e6) return short(mean(v)) + (s === null ? "" : ` ± ${short(s, 2)}`);
  const places = Math.max(0, Math.min(8, 1 - Math.floor(Math.log10(s))));
  return `${mean(v).toFixed(places)} ± ${s.toFixed(places)}`;
}
function gathered(some, by) {   // lists of those for which `by` is the same, in the order of the first
  const found = new Map();
  for (const one of some) { const key = by(one); if (found.has(key)) found.get(key).push(one); else found.set(key, [one]); }
  return found;
}
function usual(values) {   // the range without what lies far outside: three times the distance of the quartiles beyond them
  const v = values.filter(finite).sort((a, b) => a - b), q = (f) => v[Math.round(f * (v.length - 1))];
  if (v.length < 8) return span(v);
  const far = 3 * (q(0.75) - q(0.25));
  return far > 0 ? span(v.filter((x) => x >= q(0.25) - far && x <= q(0.75) + far)) : span(v);
}

// ---- what there is to look at: runs by number, keys as columns ------------------------------------------------------------

const R = doc.runs;
const count = R.id.length;
const all = Array.from({ length: count }, (_, at) => at);
const coded = (column) => (at) => { const code = column.at[at]; return code < 0 ? null : column.values[code]; };
const keys = [];
function key(name, kind, get, show) {
  const values = all.map(get);
  const there = values.filter((value) => value !== null);
  const numeric = there.length > 0 && there.every((value) => typeof value === "number");
  const one = { name, kind, get: (at) => values[at], numeric, there: there.length, distinct: new Set(values.map(String)).size,
    show: show || ((value) => short(value)) };
  keys.push(one);
  return one;
}
const idOf = (at) => R.id[at].slice(0, 8);
const attempt = (at) => (R.attempt[at] > 1 ? "/" + R.attempt[at] : "");
const kRun = key("run", "fact", (at) => R.id[at] + attempt(at), (v) => v);
const kWhen = key("finished (UTC)", "fact", (at) => R.finished[at], when);
key("author", "fact", coded(R.author), (v) => v);
const kStatus = key("status", "fact", coded(R.status), (v) => v);
const kRecipe = key("recipe", "fact", coded(R.recipe), (v) => v);
const kSeed = key("seed", "fact", (at) => R.seed[at], (v) => String(v));
const kTime = key("duration", "fact", (at) => number(R.duration_s[at]), duration);
key("message", "fact", coded(R.message), (v) => v);
const out = coded(R.retracted);   // why a run does not count; null: it does
const remarks = ["tag", "note", "baseline", "retracted"].filter((name) => R[name].values.length).map((name) => key(name, "fact", coded(R[name]), (v) => v));
for (const one of doc.settings) key(one.name, "setting", coded(one), (v) => (typeof v === "number" ? short(v, 6) : v));
for (const one of doc.metrics) key(one.name, "metric", (at) => number(one.values[at]));
for (const one of doc.facts) key(one.name, "digest", coded(one), (v) => v);
const settings = keys.filter((one) => one.kind === "setting");
const metrics = keys.filter((one) => one.kind === "metric");
const ofRecipe = gathered(all, kRecipe.get);
const told = (at) => settings.some((one) => one.get(at) !== null);   // of others no setting is recorded
const varying = settings.filter((one) => one.distinct > 1 && [...ofRecipe.values()].some((these) => new Set(these.filter(told).map((at) => String(one.get(at)))).size > 1));
const goals = new Map(doc.goals);
const kind = coded(R.kind);
const marks = (at) => [kind(at) === "run" ? "" : kind(at), R.clean[at] ? "" : "dirty", R.defects[at] ? counted(R.defects[at], "defect") : "",
  R.problem[at] ? "cannot be read" : "", out(at) === null ? "" : "retracted"].filter(Boolean);
const counts = (at) => kStatus.get(at) === "completed" && kind(at) !== "smoke" && !R.problem[at] && !R.repeats[at] && out(at) === null;
const primary = metrics.find((one) => one.name === doc.primary) || metrics[0];
const cell = (one, at) => { const value = one.get(at); return value === null ? NONE : one.show(value); };
const better = (goal, a, b) => (goal === "max" ? a > b : a < b);

// Replicates: the same inputs but for the seed.
const groups = doc.groups.map((runs, at) => ({ at, runs, label: "" }));
const lastWord = (one) => one.name.split(".").pop();
for (const group of groups) {
  const first = group.runs[0];
  const told = varying.filter((one) => lastWord(one) !== "seed" && one.get(first) !== null
    && groups.some((g) => kRecipe.get(g.runs[0]) === kRecipe.get(first) && String(one.get(g.runs[0])) !== String(one.get(first))));
  const words = told.slice(0, 4).map((one) => `${varying.some((other) => other !== one && lastWord(other) === lastWord(one)) ? one.name : lastWord(one)} ${cell(one, first)}`);
  if (told.length > 4) words.push(`${told.length - 4} more`);
  if (new Set(all.filter(counts).map(kRecipe.get)).size > 1 || !words.length) words.unshift(kRecipe.get(first) || "unreadable");
  group.label = group.words = words.join(", ");
}
for (const alike of gathered(groups, (group) => group.label).values()) if (alike.length > 1) for (const group of alike) group.label += ` (${idOf(group.runs[0])})`;
const groupOf = new Array(count);
for (const group of groups) for (const at of group.runs) groupOf[at] = group;
const seedOf = (at) => (R.seed[at] === null ? "" : `, seed ${R.seed[at]}`);
function ranked(one) {
  const goal = goals.get(one.name);
  const found = groups.map((group) => ({ group, values: group.runs.filter(counts).map(one.get).filter(finite) })).filter((g) => g.values.length);
  for (const g of found) g.mean = mean(g.values);
  return found.sort((a, b) => (goal === "min" ? a.mean - b.mean : b.mean - a.mean));
}

// ---- pictures --------------------------------------------------------------------------------------------------------

function ticksOf(a, b, log, most) {
  if (log) {
    const found = [];
    const from = Math.floor(Math.log10(a)), to = Math.ceil(Math.log10(b));
    const every = Math.max(1, Math.ceil((to - from) / most));
    for (let p = from; p <= to; p += every) for (const m of to - from < 3 ? [1, 2, 5] : [1]) {
      const v = m * 10 ** p;
      if (v >= a * 0.999 && v <= b * 1.001) found.push(v);
    }
    return found.length > 1 ? found : [a, b];
  }
  const raw = (b - a) / most, base = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * base).find((s) => s >= raw * 0.999) || raw;
  const found = [];
  for (let n = Math.ceil(a / step - 1e-9); n * step <= b + step * 1e-6 && found.length < 50; n += 1) found.push(Number((n * step).toPrecision(12)));
  return found;
}
function scale(values, { log = false, from, to, words = null, pad = 0.04 }) {
  if (words) {
    const place = new Map(words.map((word, at) => [word, at]));
    const of = (v) => from + ((place.get(String(v)) + 0.5) / words.length) * (to - from);
    const every = Math.ceil(words.length / 12);
    return { of, ticks: words.filter((_, at) => at % every === 0).map((word) => [of(word), word]) };
  }
  let [a, b] = span(log ? values.filter((v) => v > 0) : values) || [0, 1];
  if (a === b) { const by = Math.abs(a) * 0.05 || 0.5; a -= log ? 0 : by; b += by; }
  if (log) { const f = (b / a) ** pad; a /= f; b *= f; } else { const by = (b - a) * pad; a -= by; b += by; }
  const of = log ? (v) => from + (Math.log(v / a) / Math.log(b / a)) * (to - from) : (v) => from + ((v - a) / (b - a)) * (to - from);
  const most = Math.max(2, Math.min(8, Math.floor(Math.abs(to - from) / (to < from ? 42 : 70))));
  return { of, min: a, max: b, ticks: ticksOf(a, b, log, most).map((v) => [of(v), short(v)]) };
}
function wordsOf(one, among) {
  if (one.numeric) return null;
  return [...new Set(among.map(one.get).filter((v) => v !== null).map(String))].sort();
}
function frame(width, height, x, y, xName, yName, left, label) {
  const bottom = height - 38, right = width - 14;
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, width, height });
  let last = -Infinity;
  for (const [at, text] of y.ticks) {
    root.append(svg("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }),
      svg("text", { class: "tick", x: left - 6, y: at + 4, "text-anchor": "end" }, cut(text, Math.floor(left / 7))));
  }
  for (const [at, text] of x.ticks) {
    const shown = cut(text, 14), half = shown.length * 3.4;
    root.append(svg("line", { class: "grid", x1: at, x2: at, y1: bottom, y2: bottom + 4 }));
    if (at - half < last + 6) continue;
    last = Math.min(at + half, right);
    root.append(svg("text", { class: "tick", x: at, y: bottom + 16, "text-anchor": at + half > width ? "end" : "middle" }, shown));
  }
  root.append(svg("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
    svg("text", { class: "name", x: right, y: height - 5, "text-anchor": "end" }, cut(xName, 60)),
    svg("text", { class: "name", x: left, y: 11 }, cut(yName, 60)));
  return root;
}
const cut = (text, most) => { const c = [...String(text)]; return c.length > most ? c.slice(0, most - 1).join("") + "…" : c.join(""); };
const named = (...parts) => svg("title", null, parts.join(""));
const widthOf = (node) => Math.max(300, Math.min(1000, node.clientWidth || 900));
const leftOf = (words) => (words ? Math.min(130, 16 + 7 * Math.max(3, ...words.map((w) => w.length))) : 62);
const kept = [];  // what is drawn again when the window has another width

// A picture, what chooses in it, and the same as a table.
function figure(id, title, about, build) {
  const controls = el("div", { class: "controls" }), stage = el("div", { class: "stage" }), words = el("p", { class: "reading", "aria-live": "polite" });
  const twin = wide(`${title}, as a table`);
  const details = el("details", { class: "twin", ontoggle: () => { if (details.open) twinned(); } }, el("summary", null, "As a table"), twin);
  const section = part(id, title, about && el("p", { class: "about" }, about), controls, stage, words, details);
  let table = () => el("p", null, "Nothing to show");
  const twinned = () => clear(twin, table());
  const drawn = () => {
    const found = build.draw(widthOf(stage), words);
    clear(stage, found.picture);
    table = found.table;
    if (details.open) twinned();
  };
  if (build.controls) clear(controls, build.controls(() => drawn())); else controls.remove();
  kept.push(drawn);
  app.append(section);
  return drawn;
}
function plainTable(caption, head, rows) {
  const shown = rows.slice(0, 2000);
  return el("table", null, el("caption", null, caption + (rows.length > shown.length ? ` (the first ${shown.length} of ${rows.length})` : "")),
    el("thead", null, el("tr", null, head.map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", null, shown.map((row) => el("tr", null, row.map((value) => td(value))))));
}
function td(value) {
  if (value === null || value === undefined || value === NONE) return el("td", null, absent());
  return typeof value === "number" ? el("td", { class: "n", title: value }, short(value)) : el("td", null, value);
}
const absent = () => el("span", { class: "none", title: "not recorded", "aria-label": "not recorded" }, NONE);
const chip = (text, cls) => el("span", { class: "chip " + (cls || "") }, text);
function legend(entries) {
  return el("ul", { class: "legend" }, entries.map((entry) => el("li", null,
    svg("svg", { width: 26, height: 10, "aria-hidden": "true" }, svg("line", { class: "line " + entry.cls, x1: 1, x2: 25, y1: 5, y2: 5 })), " " + cut(entry.label, 70))));
}
const style = (n) => `s${n % 6}${n % LINES >= 6 ? " dashed" : ""}`;
function nothing(text) { return { picture: el("p", { class: "empty" }, text), table: () => el("p", null, text) }; }

// ---- the first view: which is best, and is it noise ------------------------------------------------------------------------

function head() {
  const recipes = [...new Set(all.map(kRecipe.get))];
  const completed = all.filter((at) => kStatus.get(at) === "completed").length;
  const running = all.filter((at) => kStatus.get(at) === "running").length;
  const parts = [`${counted(count, "run")} of ${recipes.length > 3 ? recipes.length + " recipes" : recipes.join(", ") || "no recipe"}`,
    `${completed} completed`, all.some((at) => out(at) !== null) && `${all.filter((at) => out(at) !== null).length} retracted`, running && `${running} running`, count - completed - running && `${count - completed - running} did not complete`].filter(Boolean);
  const some = (table, kinds, word) => kinds.filter((k) => table[k]).map((k) => counted(table[k], k + word)).join(", ");
  const left = some(doc.left_out, ["smoke", "retracted"], " run"), beyond = some(doc.beyond, ["metric", "setting", "curve"], "");
  const omitted = left ? ` Left out: ${left}.` : " None was left out.";
  app.append(el("header", null, el("h1", null, doc.title), el("p", { class: "lead" }, parts.join(" · ") + "." + (doc.left_out.known ? omitted : "")), el("p", { class: "made" },
    `Made ${when(doc.made.at)} UTC by gitexp ${doc.made.gitexp} from ${doc.made.branch} at ${doc.made.tip}` + (doc.made.code ? `, code at ${doc.made.code}` : "") + ". " + (beyond && `Too much for a page, and not on it: ${beyond}. `),
    doc.watch && el("strong", null, "Live: the page loads itself anew while runs go on."))));
  if (count) {
    app.append(el("nav", { "aria-label": "Sections" }, [["best", "Best"], ["runs", "Runs"], ["curves", "Curves"], ["scatter", "Scatter"], ["parallel", "Parallel"],
      ["sofar", "Best so far"], ["two", "Two runs"], ["recipes", "Recipes"], ["usage", "Resources"], ["said", "Reruns and words"]].map(([id, text]) => el("a", { href: "#" + id }, text))));
  }
}
function best() {
  if (!primary) return;
  let one = primary;
  const sentence = el("p", { class: "finding" });
  const choose = (redraw) => choice("Metric", metrics.map((m) => m.name), metrics.indexOf(one), (at) => { one = metrics[at]; redraw(); });
  const draw = (width) => {
    const found = ranked(one), goal = goals.get(one.name);
    clear(sentence, finding(one, found, goal));
    if (!found.length) return nothing(`No completed run has ${one.name}.`);
    const top = found.slice(0, 12), left = Math.min(width * 0.42, 18 + 7.6 * Math.max(...top.map((g) => g.group.label.length), 8)), row = 26, height = top.length * row + 62;
    const [least, most] = usual(top.flatMap((g) => g.values)), x = scale([least, most], { from: left, to: width - 118 });
    let outside = 0;
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${one.name} of each group: runs as dots, mean and standard deviation` });
    for (const [at, text] of x.ticks) root.append(svg("line", { class: "grid", x1: at, x2: at, y1: 18, y2: height - 36 }), svg("text", { class: "tick", x: at, y: height - 22, "text-anchor": "middle" }, text));
    root.append(svg("text", { class: "name", x: width - 118, y: height - 5, "text-anchor": "end" }, cut(one.name + (goal ? ` (${goal === "max" ? "higher" : "lower"} is better)` : ""), 60)),
      svg("text", { class: "name", x: width - 2, y: 11, "text-anchor": "end" }, "mean ± sd (n)"));
    top.forEach((g, at) => {
      const y = 32 + at * row, s = sd(g.values), cls = at === 0 && goal ? "accent" : "quiet";
      root.append(svg("text", { class: "tick" + (at === 0 && goal ? " strong" : ""), x: left - 12, y: y + 4, "text-anchor": "end" }, cut(g.group.label, Math.floor((left - 14) / (at === 0 && goal ? 7.6 : 7)))));
      const inside = (v) => Math.max(left, Math.min(width - 118, x.of(v)));
      if (s !== null) root.append(svg("line", { class: "band-line " + cls, x1: inside(g.mean - s), x2: inside(g.mean + s), y1: y, y2: y }));
      for (const v of g.values) {
        const out = v < least ? -1 : v > most ? 1 : 0;
        if (out) { outside += 1; const px = inside(v); root.append(svg("path", { class: "dot " + cls, d: `M${px + 8 * out},${y}L${px},${y - 5}V${y + 5}Z` }, named(`${g.group.label}: ${short(v)}, outside of the picture`))); }
        else root.append(svg("circle", { class: "dot " + cls, cx: x.of(v), cy: y, r: 4 }, named(`${g.group.label}: ${short(v)}`)));
      }
      if (g.values.length > 1 && g.mean >= least && g.mean <= most) root.append(svg("line", { class: "mean " + cls, x1: x.of(g.mean), x2: x.of(g.mean), y1: y - 8, y2: y + 8 }));
      root.append(svg("text", { class: "tick", x: width - 2, y: y + 4, "text-anchor": "end" }, `${plusMinus(g.values)} (${g.values.length})`));
    });
    return { picture: [root, outside > 0 && el("p", { class: "about" }, `Arrows: ${counted(outside, "run")} far outside of the picture.`), found.length > top.length && el("p", { class: "about" }, `The first 12 of ${found.length} groups.`)],
      table: () => plainTable(`${one.name} by group`, ["group", "n", "mean", "sd", "least", "most"], found.map((g) => [g.group.label, g.values.length, g.mean, sd(g.values), ...span(g.values)])) };
  };
  figure("best", "Best, and is it noise?", "Runs with the same inputs but for the seed form a group. Each dot is a run, the tall mark their mean, the bar one standard deviation to either side.", { controls: (r) => [choose(r)], draw });
  document.getElementById("best").insertBefore(sentence, document.getElementById("best").children[1]);
}
function finding(one, found, goal) {
  if (!found.length) return "";
  if (!goal) return `No goal is recorded for ${one.name}, so none is called the best.`;
  const [a, b] = found, n = a.values.length;
  const first = [`Best mean of ${one.name}: `, el("strong", null, a.group.label), ` with ${plusMinus(a.values)} (n = ${n}). `];
  if (n === 1) first.push("One run: no claim, its noise is not known. ");
  if (b) {
    first.push(`The next, ${b.group.label}, has ${plusMinus(b.values)} (n = ${b.values.length}); the ${n === 1 && b.values.length === 1 ? "values" : "means"} are ${short(Math.abs(a.mean - b.mean), 2)} apart`);
    first.push(n > 1 && b.values.length > 1 ? ", " : ". ");
    if (a.values.length > 1 && b.values.length > 1 && Math.abs(a.mean - b.mean) < Math.max(sd(a.values), sd(b.values))) first.push(el("strong", null, "less than one standard deviation of single runs."));
    else if (n > 1 && b.values.length > 1) first.push("more than one standard deviation of single runs.");
  }
  const claim = doc.claims.find((c) => c.metric === one.name);
  if (claim) {
    first.push(` Of A, ${groupOf[claim.a].label}, and B, ${groupOf[claim.b].label}: `, el("strong", null, claim.sentence), ". ");
    if (claim.groups > 2) first.push(`They are the best two of ${claim.groups} by this very metric, for which the test does not allow. `);
    for (const words of claim.unfair) first.push(`${words}. `);
  }
  const rows = new Set(all.filter(counts).map(coded(R.held_out)).filter((h) => h !== null && h !== ""));
  if (rows.size > 1) first.push(" Not all of these runs were judged on the same held-out rows.");
  return first;
}

// ---- the runs ------------------------------------------------------------------------------------------------------------

function runs() {
  const judged = metrics.filter((m) => goals.has(m.name) && !m.name.includes("["));
  const first = [kRun, kStatus, ...remarks.filter((one) => one.name !== "retracted"), ...(kRecipe.distinct > 1 ? [kRecipe] : []), ...varying.slice(0, 8), kSeed, ...(judged.length ? judged : metrics).slice(0, 4), kTime, kWhen];
  let shown = [...new Set(first)];
  let order = null, down = true, text = "", rows = ROWS, alike = false;
  const body = wide("Table of runs"), said = el("p", { class: "reading", "aria-live": "polite" });
  const filter = el("input", { type: "search", placeholder: "text in any column", oninput: () => { text = filter.value.toLowerCase(); rows = ROWS; draw(); } });
  const columns = el("details", { class: "columns" }, el("summary", null, "Columns"), ["fact", "setting", "metric", "digest"].map((k) => {
    const these = keys.filter((one) => one.kind === k);
    return these.length ? el("fieldset", null, el("legend", null, { fact: "About the run", setting: "Settings", metric: "Metrics", digest: "Digests" }[k]),
      these.map((one) => tick(one.name, shown.includes(one), (on) => { shown = on ? [...shown, one] : shown.filter((other) => other !== one); draw(); }))) : null;
  }));
  const equal = tick("Hide columns that are equal", false, (on) => { alike = on; draw(); });
  function draw() {
    const found = all.filter((at) => !text || keys.some((one) => cell(one, at).toLowerCase().includes(text)) || marks(at).join(" ").includes(text));
    const these = alike ? shown.filter((one) => one === kRun || new Set(found.map((at) => String(one.get(at)))).size > 1) : shown;
    const hidden = shown.length - these.length;
    if (order) found.sort((a, b) => compared(order.get(a), order.get(b), down));
    const top = new Map(these.filter((one) => goals.has(one.name) && one.kind === "metric").map((one) => {
      const values = found.filter(counts).map(one.get).filter(finite);
      const [least, most] = span(values) || [null, null];
      return [one, values.length > 1 ? (goals.get(one.name) === "max" ? most : least) : null];
    }));
    const header = these.map((one) => el("th", { scope: "col", class: one.numeric ? "n" : null, "aria-sort": order === one ? (down ? "descending" : "ascending") : null },
      el("button", { type: "button", title: one.name, onclick: () => { down = order === one ? !down : goals.get(one.name) !== "min" && one.numeric; order = one; draw(); focusOn(one.name); } },
        cut(one.name, 28) + (order === one ? (down ? " ↓" : " ↑") : ""))));
    const lines = found.slice(0, rows).map((at) => el("tr", { class: out(at) !== null ? "weak struck" : counts(at) ? null : "weak" }, these.map((one) => runCell(one, at, top.get(one)))));
    clear(body, el("table", null, el("thead", null, el("tr", null, header)), el("tbody", null, lines)));
    clear(said, `${found.length === count ? counted(count, "run") : `${found.length} of ${count} runs`}${found.length > rows ? `, the first ${rows} shown` : ""}${hidden ? `; ${counted(hidden, "equal column")} hidden` : ""}. `,
      [...top.values()].some((v) => v !== null) && "The best value of a metric with a goal is bold.",
      found.length > rows && " ", found.length > rows && el("button", { type: "button", onclick: () => { rows = Infinity; draw(); } }, "Show all"));
  }
  function focusOn(name) { for (const b of body.querySelectorAll("th button")) if (b.title === name) b.focus(); }
  function runCell(one, at, top) {
    const value = one.get(at);
    if (one === kRun) return el("th", { scope: "row" }, el("button", { type: "button", class: "id", title: `${value}, commit ${R.commit[at]}: compare it with another`, onclick: () => compareWith(at) }, idOf(at) + attempt(at)));
    if (one === kStatus) return el("td", null, chip(value === null ? "not recorded" : value, value === "completed" ? "" : value === "running" ? "live" : "bad"), marks(at).map((m) => [" ", chip(m === "retracted" ? `retracted: ${cut(out(at), 60)}` : m, "mark")]));
    if (value === null) return el("td", { class: one.numeric ? "n" : null }, absent());
    return el("td", { class: (one.numeric ? "n" : "") + (top !== null && top !== undefined && value === top && counts(at) ? " top" : ""), title: one.numeric && one.kind !== "fact" ? value : [...String(cell(one, at))].length > 40 ? cell(one, at) : null }, cut(cell(one, at), 40));
  }
  app.append(part("runs", "Runs", sameForAll(), el("div", { class: "controls" }, el("label", null, "Filter ", filter), equal, columns), said, body));
  draw();
}
function compared(a, b, down) {
  const odd = (v) => v === null || Number.isNaN(v);
  if (odd(a) || odd(b)) return odd(a) - odd(b);   // at the end in either direction
  const found = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  return down ? -found : found;
}
const bestFirst = (runs) => runs.filter((at) => finite(primary.get(at))).sort((p, q) => compared(primary.get(p), primary.get(q), goals.get(primary.name) !== "min"));
function sameForAll() {
  const same = settings.filter((one) => one.distinct === 1 && one.there === count);
  if (!same.length || count < 2) return null;
  return el("details", null, el("summary", null, `${counted(same.length, "setting")} that all of them share`), el("ul", { class: "same" }, same.map((one) => el("li", null, el("b", null, one.name), " " + cell(one, 0)))));
}

// ---- curves --------------------------------------------------------------------------------------------------------------

function unpacked(a) {   // steps from one to the next, in units of a power of ten
  if (Array.isArray(a)) return a.map(number);
  const unit = 10 ** a.places;
  if (a.steps === undefined) return Array.from({ length: a.n }, (_, at) => (a.from + at * a.by) / unit);
  let sum = a.from;
  return [sum / unit, ...a.steps.map((step) => (sum += step) / unit)];
}
const axes = doc.axes.map((a) => { let found = null; return () => found || (found = unpacked(a)); });
function points(curve, by) {
  const code = curve[by];
  if (code === null || code === undefined) return null;
  const xs = axes[code](), found = [];
  unpacked(curve.y).forEach((y, at) => { const x = xs[at]; if (finite(y) && finite(x)) found.push([x, y]); });
  return found;
}
function smoothed(line, weight) {   // exponential, by points, its beginning corrected as Adam's moments are
  if (!weight) return line;
  let sum = 0, norm = 0;
  return line.map(([x, y]) => { sum = weight * sum + (1 - weight) * y; norm = weight * norm + (1 - weight); return [x, sum / norm]; });
}
function at(line, x) {   // between points, nothing outside
  if (!line.length || x < line[0][0] || x > line[line.length - 1][0]) return null;
  let low = 0, high = line.length - 1;
  while (high - low > 1) { const mid = (low + high) >> 1; if (line[mid][0] <= x) low = mid; else high = mid; }
  const [x0, y0] = line[low], [x1, y1] = line[high];
  return x1 === x0 ? y1 : y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}
function banded(lines) {
  const [from, to] = [Math.min(...lines.map((l) => l[0][0])), Math.max(...lines.map((l) => l[l.length - 1][0]))];
  const grid = new Set();
  const longest = lines.reduce((a, b) => (a.length >= b.length ? a : b));
  if (longest.length <= 400) for (const [x] of longest) grid.add(x);
  else for (let n = 0; n <= 400; n += 1) grid.add(from + ((to - from) * n) / 400);
  return [...grid].sort((a, b) => a - b).map((x) => {
    const values = lines.map((line) => at(line, x)).filter((v) => v !== null);
    return values.length ? [x, mean(values), values.length > 1 ? sd(values) : 0, values.length] : null;
  }).filter(Boolean);
}
const pathOf = (line, x, y) => "M" + line.map(([a, b]) => `${x.of(a).toFixed(1)},${y.of(b).toFixed(1)}`).join("L");
function curves() {
  const names = doc.curves.map((one) => one.name);
  let chosen = Math.max(0, names.indexOf(doc.primary)), by = 0, mode = groups.some((g) => g.runs.length > 1) ? 0 : 1, weight = 0, logX = false, logY = false, crop = false, from = 0;
  const BY = ["s", "t", "e"], NAMES = ["step", "time (s)", "epoch"], MODES = ["groups, mean ± sd", "single runs", "all runs"];
  const controls = (redraw) => [choice("Metric", names, chosen, (v) => { chosen = v; redraw(); }), choice("Against", NAMES, by, (v) => { by = v; redraw(); }),
    choice("Show", MODES, mode, (v) => { mode = v; from = 0; redraw(); }),
    choice("Smoothing", ["none", "0.6", "0.9", "0.97"], 0, (v) => { weight = [0, 0.6, 0.9, 0.97][v]; redraw(); }),
    tick("log x", false, (on) => { logX = on; redraw(); }), tick("log y", false, (on) => { logY = on; redraw(); }), tick("crop extremes", false, (on) => { crop = on; redraw(); }),
    el("button", { type: "button", onclick: () => { from += LINES; redraw(); } }, `Next ${LINES}`)];
  const draw = (width, words) => {
    if (!names.length) return nothing("No run has logged a curve.");
    const lines = doc.curves[chosen].lines.filter((curve) => curve[BY[by]] !== null && (mode !== 0 || (out(curve.run) === null && !R.repeats[curve.run])));
    const lineOf = (curve) => smoothed(sortedBy(points(curve, BY[by])), weight);
    if (!lines.length) return nothing(`No run has ${names[chosen]} by ${NAMES[by]}.`);
    const place = new Map((primary ? ranked(metrics.find((m) => m.name === names[chosen]) || primary) : []).map((g, n) => [g.group, n]));
    const rank = (group) => (place.has(group) ? place.get(group) : 1e6 + group.at);
    let series, faint = [];
    if (mode === 0) {
      series = [...gathered(lines, (one) => groupOf[one.run])].sort((a, b) => rank(a[0]) - rank(b[0])).map(([group, these]) => ({ label: `${group.label} (n = ${these.length})`, these }));
    } else {
      lines.sort((a, b) => rank(groupOf[a.run]) - rank(groupOf[b.run]) || a.run - b.run);
      series = lines.map((one) => ({ label: `${idOf(one.run)}${out(one.run) === null ? "" : " (retracted)"} ${groupOf[one.run].words}${seedOf(one.run)}`, these: [one] }));
    }
    const total = series.length;
    if (from >= total) from = 0;
    if (mode === 2) faint = lines.map((one) => ({ line: lineOf(one) }));
    series = series.slice(from, from + LINES);
    for (const one of series) {   // the rest stays packed
      const these = one.these.map(lineOf).filter((line) => line.length);
      const band = these.length > 1 ? banded(these) : null;
      one.line = band ? band.map(([x, m]) => [x, m]) : these[0] || [];
      one.band = band;
    }
    const every = [...faint, ...series];
    const ok = ([x, y]) => (!logX || x > 0) && (!logY || y > 0);
    for (const one of every) one.line = one.line.filter(ok);
    const left = 62, height = Math.min(380, Math.max(260, width * 0.45));
    const x = scale(every.flatMap((one) => (one.line.length ? [one.line[0][0], one.line[one.line.length - 1][0]] : [])), { log: logX, from: left, to: width - 14, pad: 0 });
    const ys = every.flatMap((one) => (one.band ? one.band.flatMap(([, m, s]) => [m - s, m + s]) : one.line.map(([, y]) => y)));
    const within = crop ? quantiled(ys) : ys;
    const y = scale(within, { log: logY, from: height - 42, to: 22 });
    if (crop) { const of = y.of; y.of = (v) => Math.max(16, Math.min(height - 38, of(v))); }
    const root = frame(width, height, x, y, NAMES[by], names[chosen], left, `${names[chosen]} by ${NAMES[by]}: ${counted(series.length, "line")}`);
    for (const one of faint) if (one.line.length) root.append(svg("path", { class: "faint", d: pathOf(one.line, x, y) }));
    series.forEach((one, n) => {
      if (!one.band) return;
      const top = one.band.filter(ok), low = (m, s) => (logY ? Math.max(m - s, y.min) : m - s);
      if (top.length) root.append(svg("path", { class: "band " + style(n), d: pathOf(top.map(([a, m, s]) => [a, m + s]), x, y) + "L" + pathOf(top.map(([a, m, s]) => [a, low(m, s)]).reverse(), x, y).slice(1) + "Z" }));
    });
    series.forEach((one, n) => { if (one.line.length > 1) root.append(svg("path", { class: "line " + style(n), d: pathOf(one.line, x, y) }, named(one.label)));
      else if (one.line.length) root.append(svg("circle", { class: "dot " + style(n), cx: x.of(one.line[0][0]), cy: y.of(one.line[0][1]), r: 3 }, named(one.label))); });
    read(root, x, y, series, words, NAMES[by], width, height, logX);
    return { picture: [root, legend(series.map((one, n) => ({ label: one.label, cls: style(n) }))), total > LINES && el("p", { class: "about" }, `Lines ${from + 1} to ${from + series.length} of ${total}, the best first.`),
      doc.thinned && el("p", { class: "about" }, `Curves are thinned to at most ${doc.thinned} points each; their lowest and highest points are kept.`)],
      table: () => plainTable(`${names[chosen]} by ${NAMES[by]}`, ["line", "points", "first", "last", "least", "most"], series.filter((one) => one.line.length).map((one) => [one.label, one.line.length, one.line[0][1], one.line[one.line.length - 1][1], ...span(one.line.map(([, v]) => v))])) };
  };
  figure("curves", "Curves", "With the pointer over the picture, or with the arrow keys when it has the focus, the values below it are read.", { controls, draw });
}
function quantiled(values) {
  const v = values.filter(finite).sort((a, b) => a - b), edge = Math.floor(v.length * 0.15);
  return v.slice(edge, v.length - edge);
}
function sortedBy(line) { return line && line.every((p, n) => n === 0 || p[0] >= line[n - 1][0]) ? line : line && line.sort((a, b) => a[0] - b[0]); }
function read(root, x, y, series, words, name, width, height, log) {
  const left = 62, right = width - 14, cursor = svg("line", { class: "cursor", y1: 18, y2: height - 38, visibility: "hidden" });
  let px = right;
  root.append(cursor);
  root.setAttribute("tabindex", "0");
  const show = () => {
    px = Math.max(left, Math.min(right, px));
    const f = (px - left) / (right - left), v = log ? x.min * (x.max / x.min) ** f : x.min + f * (x.max - x.min);
    for (const a of ["x1", "x2"]) cursor.setAttribute(a, px);
    cursor.setAttribute("visibility", "visible");
    words.textContent = `${name} ${short(v)}: ` + series.slice(0, 6).map((one) => { const found = at(one.line, v); return `${one.label} ${found === null ? NONE : short(found)}`; }).join("; ");
  };
  root.addEventListener("pointermove", (event) => { const box = root.getBoundingClientRect(); px = ((event.clientX - box.left) / box.width) * width; show(); });
  root.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) { px += (by * (right - left)) / 50; show(); event.preventDefault(); }
  });
}

// ---- any two keys --------------------------------------------------------------------------------------------------------

function scatter() {
  const usable = keys.filter((one) => one !== kRun && one.kind !== "digest" && one.distinct > 1);
  if (usable.length < 2) return;
  const start = varying.find((one) => one.numeric) || varying[0] || kTime;
  let a = Math.max(0, usable.indexOf(start)), b = primary && usable.includes(primary) ? usable.indexOf(primary) : usable.length - 1, logX = goesLog(usable[a]), logY = false;
  const names = usable.map((one) => one.name);
  const box = tick("log x", logX, (on) => { logX = on; again(); });
  let again = () => {};
  const controls = (redraw) => { again = redraw; return [choice("Across", names, a, (v) => { a = v; logX = goesLog(usable[v]); box.querySelector("input").checked = logX; redraw(); }), choice("Up", names, b, (v) => { b = v; redraw(); }), box, tick("log y", false, (on) => { logY = on; redraw(); })]; };
  const draw = (width) => {
    const kx = usable[a], ky = usable[b], ok = (one, at, log) => { const v = one.get(at); return v !== null && (!one.numeric || (finite(v) && (!log || v > 0))); };
    const these = all.filter((at) => ok(kx, at, logX) && ok(ky, at, logY));
    if (!these.length) return nothing("No run has both.");
    const wx = wordsOf(kx, these), wy = wordsOf(ky, these), left = leftOf(wy), height = Math.min(380, Math.max(260, width * 0.45));
    const x = scale(wx ? [] : these.map(kx.get), { log: logX && !wx, from: left, to: width - 14, words: wx });
    const y = scale(wy ? [] : these.map(ky.get), { log: logY && !wy, from: height - 42, to: 22, words: wy });
    if (kx === kWhen) x.ticks = x.ticks.map(([p]) => [p, when(x.min + ((p - left) / (width - 14 - left)) * (x.max - x.min)).slice(5)]);
    if (ky === kWhen) y.ticks = y.ticks.map(([p]) => [p, when(y.min + ((p - height + 42) / (64 - height)) * (y.max - y.min)).slice(5, 10)]);
    const root = frame(width, height, x, y, kx.name, ky.name, left, `${ky.name} against ${kx.name}: ${counted(these.length, "run")}`);
    for (const at of these) root.append(svg("circle", { class: "dot " + (counts(at) ? "accent" : "hollow"), cx: x.of(kx.get(at)), cy: y.of(ky.get(at)), r: these.length > 300 ? 3 : 4.5 }, named(`${idOf(at)}: ${kx.name} ${cell(kx, at)}, ${ky.name} ${cell(ky, at)}, ${cell(kStatus, at)}`)));
    const lost = count - these.length;
    return { picture: [root, el("p", { class: "about" }, `${counted(these.length, "run")}${lost ? `; ${lost} without a number for both` : ""}. Hollow: did not complete, a smoke run, retracted, or a rerun of a run that is here.`)],
      table: () => plainTable(`${ky.name} against ${kx.name}`, ["run", kx.name, ky.name, "status"], these.map((at) => [idOf(at), kx === kWhen ? cell(kx, at) : kx.get(at), ky === kWhen ? cell(ky, at) : ky.get(at), cell(kStatus, at)])) };
  };
  figure("scatter", "Any two keys", "", { controls, draw });
}
function goesLog(one) {
  const [a, b] = (one.numeric && one !== kWhen && span(all.map(one.get))) || [0, 0];
  return one.kind === "setting" && a > 0 && b / a >= 30;
}
function parallel() {
  const usual = (one) => 2 * all.filter((at) => counts(at) && one.get(at) !== null).length >= all.filter(counts).length;
  const start = [...varying.filter(usual).slice(0, 6), ...metrics.filter((m) => goals.has(m.name) && usual(m)).slice(0, 3)];
  if (start.length < 2) return;
  const usable = [kSeed, ...varying, ...metrics].filter((one) => one.distinct > 1);
  let chosen = usable.filter((one) => start.includes(one));
  const controls = (redraw) => [el("details", { class: "columns" }, el("summary", null, "Axes"), el("fieldset", null, usable.map((one) => tick(one.name, chosen.includes(one), (on) => { chosen = usable.filter((o) => (o === one ? on : chosen.includes(o))); redraw(); }))))];
  const draw = (width) => {
    if (chosen.length < 2) return nothing("Choose two axes or more.");
    const these = all.filter((at) => counts(at) && chosen.every((one) => one.get(at) !== null && (!one.numeric || finite(one.get(at)))));
    if (!these.length) return nothing("No completed run has all of these.");
    const height = 300, root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${counted(these.length, "run")} over ${chosen.map((one) => one.name).join(", ")}` });
    const place = (n) => 50 + (n * (width - 110)) / (chosen.length - 1);
    const scales = chosen.map((one) => scale(one.numeric ? these.map(one.get) : [], { from: height - 18, to: 34, words: wordsOf(one, these), log: goesLog(one), pad: 0.02 }));
    const top = new Set(goals.has(primary && primary.name) ? bestFirst(these).slice(0, Math.max(1, Math.ceil(these.length / 10))) : []);
    for (const at of [...these.filter((r) => !top.has(r)), ...top]) root.append(svg("path", { class: "thread " + (top.has(at) ? "accent" : "quiet"), d: "M" + chosen.map((one, n) => `${place(n).toFixed(1)},${scales[n].of(one.get(at)).toFixed(1)}`).join("L") }, named(idOf(at), ": ", chosen.map((one) => `${one.name} ${cell(one, at)}`).join(", "))));
    chosen.forEach((one, n) => {
      const px = place(n), end = n === chosen.length - 1, most = Math.max(6, Math.floor((width - 110) / (chosen.length - 1) / 6.6));
      root.append(svg("line", { class: "axis", x1: px, x2: px, y1: 30, y2: height - 14 }), svg("text", { class: "name", x: n ? (end ? width - 2 : px) : 2, y: n % 2 ? 24 : 11, "text-anchor": n ? (end ? "end" : "middle") : "start" }, cut(one.name, Math.max(most * 2 - 4, 8))));
      for (const [py, text] of scales[n].ticks) root.append(svg("text", { class: "tick halo", x: px + (end ? 5 : -5), y: py + 4, "text-anchor": end ? "start" : "end" }, cut(text, 8)));
    });
    return { picture: [root, el("p", { class: "about" }, top.size ? `Coloured: the best tenth by ${primary.name}, ${counted(top.size, "run")}.` : null)],
      table: () => plainTable("Parallel coordinates", ["run", ...chosen.map((one) => one.name)], these.map((at) => [idOf(at), ...chosen.map((one) => one.get(at))])) };
  };
  figure("parallel", "Parallel coordinates", "Each line is a completed run.", { controls, draw });
}
function soFar() {
  const usable = metrics.filter((one) => goals.has(one.name));
  if (!usable.length) return;
  let one = usable.includes(primary) ? primary : usable[0];
  const draw = (width) => {
    const goal = goals.get(one.name), these = all.filter((at) => counts(at) && finite(one.get(at))).sort((p, q) => R.finished[p] - R.finished[q]);
    if (!these.length) return nothing(`No completed run has ${one.name}.`);
    const height = 260, left = 62, x = scale([1, these.length], { from: left, to: width - 14, pad: 0.02 }), [least, most] = usual(these.map(one.get)), y = scale([least, most], { from: height - 42, to: 22 });
    x.ticks = x.ticks.filter(([, text]) => Number.isInteger(Number(text)));
    const root = frame(width, height, x, y, "completed runs, in the order of their ends", one.name, left, `Best ${one.name} so far`);
    const steps = [];
    let top = null, path = "";
    these.forEach((at, n) => {
      const v = one.get(at), won = top === null || better(goal, v, top);
      const inside = Math.max(22, Math.min(height - 42, y.of(v)));
      root.append(svg("circle", { class: "dot " + (won ? "accent" : v < least || v > most ? "hollow" : "quiet"), cx: x.of(n + 1), cy: inside, r: won ? 4 : 2.5 }, named(`${idOf(at)}: ${short(v)}`)));
      if (won) { path += top === null ? `M${x.of(n + 1)},${inside}` : `H${x.of(n + 1)}V${inside}`; steps.push([n + 1, when(R.finished[at]), idOf(at), v, top === null ? null : Math.abs(v - top)]); top = v; }
    });
    root.append(svg("path", { class: "line accent", d: path + `H${x.of(these.length)}` }));
    return { picture: root, table: () => plainTable("Steps", ["run number", "finished (UTC)", "run", one.name, "by"], steps) };
  };
  figure("sofar", "Best so far", "The best of many runs is better than their mean by luck alone: the more runs, the more so. Hollow at the edge: far outside of the picture.", { controls: (redraw) => [choice("Metric", usable.map((m) => m.name), usable.indexOf(one), (v) => { one = usable[v]; redraw(); })], draw });
}

// ---- two runs, side by side ------------------------------------------------------------------------------------------------

let compareWith = () => {};
function two() {
  if (count < 2) return;
  const target = primary ? bestFirst(all.filter(counts)) : [];
  let a = target.length > 1 ? target[1] : 1, b = target.length ? target[0] : 0, everything = false;
  const names = all.map((at) => `${idOf(at)}${attempt(at)} ${cut(groupOf[at].words, 50)}${seedOf(at)}`);
  const body = wide("Two runs side by side"), controls = el("div", { class: "controls" });
  function draw() {
    clear(controls, choice("A", names, a, (v) => { a = v; draw(); }), choice("B", names, b, (v) => { b = v; draw(); }), tick("also what is equal", everything, (on) => { everything = on; draw(); }));
    const parts = [["About the run", "fact"], ["Settings", "setting"], ["Metrics", "metric"], ["Code, data, environment", "digest"]].map(([title, k]) => {
      const these = keys.filter((one) => one.kind === k && one !== kRun && (one.get(a) !== null || one.get(b) !== null) && (everything || String(one.get(a)) !== String(one.get(b))));
      const same = keys.filter((one) => one.kind === k && one.get(a) !== null && String(one.get(a)) === String(one.get(b))).length;
      return [el("tr", null, el("th", { colspan: 4, scope: "colgroup", class: "part" }, title, !everything && same ? el("span", { class: "quiet-text" }, `  ${same} equal`) : null)),
        these.map((one) => { const x = one.get(a), y = one.get(b), gap = k === "metric" && finite(x) && finite(y) ? y - x : null;
          return el("tr", { class: String(x) === String(y) ? "weak" : null }, el("th", { scope: "row" }, one.name), el("td", null, x === null ? absent() : cell(one, a)), el("td", null, y === null ? absent() : cell(one, b)), el("td", { class: "n" }, gap === null ? "" : (gap > 0 ? "+" : "") + short(gap, 3))); })];
    });
    clear(body, el("table", { class: "two" }, el("thead", null, el("tr", null, ["", `A ${idOf(a)}`, `B ${idOf(b)}`, "B − A"].map((t) => el("th", { scope: "col" }, t)))), el("tbody", null, parts)));
  }
  compareWith = (at) => { b = at; if (a === b) a = at === 0 ? 1 : 0; draw(); document.getElementById("two").scrollIntoView(); };
  app.append(part("two", "Two runs, side by side", el("p", { class: "about" }, "One run against one run is a difference, not “better”."), controls, body));
  draw();
}

// ---- by recipe, resources, what was said -----------------------------------------------------------------------------------

function recipes() {
  const found = gathered(all.filter((at) => !R.problem[at] && kStatus.get(at) !== "running"), (at) => kRecipe.get(at) || NONE);
  const rows = [...found].map(([name, these]) => {
    const n = these.length, timed = these.map(kTime.get).filter(finite), untimed = n - timed.length;
    const [completed, interrupted] = ["completed", "interrupted"].map((word) => these.filter((at) => kStatus.get(at) === word).length), failed = n - completed - interrupted;
    return [name, n, completed, failed, interrupted, `${((100 * failed) / n).toFixed(n < 50 ? 0 : 1)} %`, duration(timed.reduce((sum, s) => sum + s, 0)) + (untimed ? ` (${untimed} not recorded)` : "")];
  });
  app.append(part("recipes", "Failures and compute, by recipe", wide("Recipes", plainTable("Runs of this page", ["recipe", "runs", "completed", "failed", "interrupted", "failure rate", "compute"], rows))));
}
function usage() {
  const rows = doc.usage.map((u) => [idOf(u.run), groupOf[u.run].label, u.cores, u.most_cores, bytes(u.memory_bytes), u.gpu_busy_percent, bytes(u.gpu_memory_bytes), bytes(u.read_bytes), bytes(u.written_bytes)]);
  app.append(part("usage", "Use of resources", rows.length ? wide("Use of resources", plainTable(`${counted(rows.length, "run")} of ${count} with a record of it`, ["run", "group", "cores, mean", "cores, most", "memory, most", "GPU busy %", "GPU memory, most", "read", "written"], rows)) : el("p", { class: "empty" }, "None recorded.")));
}
function said() {
  const parts = [["Verdicts of reruns", ["verdict"]], ["Notes", ["note"]], ["Decisions", ["decision"]], ["Baselines", ["baseline", "unbaseline"]], ["Retractions", ["retract", "reinstate"]]].map(([title, kinds]) => [title, doc.events.filter(([kind]) => kinds.includes(kind))]);
  app.append(part("said", "Reruns, and what was said", parts.map(([title, list]) => [el("h3", null, title),
    list.length ? el("ul", { class: "said" }, list.slice().reverse().map(([kind, about, author, s, commit, words]) => el("li", null, `${kind}${about && " "}${about.slice(0, 8)}, by ${author}, ${when(s)} UTC: git show ${commit}`, words && el("p", { class: "words" }, words)))) : el("p", { class: "empty" }, "None recorded.")])));
}
function foot() {
  app.append(el("footer", null, el("p", null, "“–” means not recorded. Times are UTC. Nothing on this page was loaded from elsewhere, and it loads nothing. Colours after Okabe and Ito (2008), told apart also by dashes. Made by ", el("code", null, doc.made.command), ".")));
}

head();
if (!count) app.append(el("p", { class: "empty" }, "No run fits."));
else { best(); runs(); curves(); scatter(); parallel(); soFar(); two(); recipes(); usage(); said(); }
foot();
for (const draw of kept) draw();
for (const a of document.querySelectorAll("nav a")) if (!document.getElementById(a.getAttribute("href").slice(1))) a.remove();
let width = app.clientWidth, waits = 0;
addEventListener("resize", () => { clearTimeout(waits); waits = setTimeout(() => { if (app.clientWidth !== width) { width = app.clientWidth; for (const draw of kept) draw(); } }, 150); });
document.documentElement.dataset.ready = Math.round(performance.now());
})();
