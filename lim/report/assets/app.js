// Puts the page together: one state, one update a frame.

// Mean rewards, from how many samples passed, of a log whose rewards are two values.
function means(data) {
  const [low, high] = data.band;
  return data.passes.map((row, i) => {
    const means = new Array(row.length);
    for (let k = 0; k < row.length; k++) {
      const passes = passesOf(data, i, k);
      means[k] = passes < 0 ? null : Math.round((low + ((high - low) * passes) / countOf(data, i, k)) * 1e4) / 1e4;
    }
    return means;
  });
}

function ready(data) {
  if (data.passes) data.matrix ??= means(data);
  data.scores = Float64Array.from(data.scores, (v) => v ?? NaN);
  data.run = Uint8Array.from(data.chosen);
  const seen = Array.from(data.scores).filter((s) => !Number.isNaN(s)).sort((a, b) => a - b);
  data.sorted = Float64Array.from(seen);
  [data.scoreLow, data.scoreHigh] = seen.length ? [seen[0], seen[seen.length - 1]] : [0, 1];
  data.low = Infinity;
  data.high = -Infinity;
  for (const row of [...(data.matrix ?? []), data.average, ...data.averages]) {
    for (const value of row) {
      if (value === null) continue;
      if (value < data.low) data.low = value;
      if (value > data.high) data.high = value;
    }
  }
  // Room for the band below the lowest mean, unless a single reward lies far off.
  if (data.band) data.low = Math.min(data.low, Math.max(data.band[0], data.low - (data.high - data.low) / 4));
  if (data.low > data.high) [data.low, data.high] = [0, 1];
  if (data.low === data.high) [data.low, data.high] = [data.low - 0.5, data.high + 0.5];
  return data;
}

function mean(row) {
  const seen = row.filter((v) => v !== null);
  return seen.length ? seen.reduce((a, b) => a + b, 0) / seen.length : NaN;
}

function save(name, text, type) {
  const link = node("a", { download: name, href: URL.createObjectURL(new Blob([text], { type })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function saveJson(name, value) {
  save(name, JSON.stringify(value, null, 2) + "\n", "application/json");
}

function folded(title, text) {
  return node("details", {}, node("summary", { textContent: title }), node("p", { className: "source", textContent: text }));
}

// Of being chosen, if the samples were drawn again.
function chanceOf({ replicates, byRank, byThreshold }, i) {
  if (byRank[i] === null) return "–";
  const threshold = byThreshold ? `, ${percent(byThreshold[i], 1)} by threshold` : "";
  return `${percent(byRank[i], 1)} by rank${threshold} (${whole(replicates)} resamplings)`;
}

function detailView(data, texts, state, table) {
  for (const id of ["trajectory", "legend"]) byId(id).toggleAttribute("hidden", !data.matrix);
  byId("detail-title").textContent = data.matrix ? `${capital(data.rewardName)} by epoch` : "Prompt";
  const { chances } = data;
  const draw = data.matrix && trajectoryChart(byId("trajectory"), data, byId("point"));
  let shown = null;
  function facts() {
    const i = state.selected;
    const chosen = state.mask[i] === 1;
    shown = state.mask[i];
    const rows = [
      ["Score", number(data.scores[i], 4) + (chances ? ` ± ${number(chances.errors[i], 3)}` : "")],
      ["Choice", chosen ? "chosen" : "discarded"],
      ...(chances ? [["Chance", chanceOf(chances, i)]] : []),
      ...(data.reasons.index[i] < 0 ? [] : [["No score", data.reasons.values[data.reasons.index[i]]]]),
      ...(data.matrix ? [["First → last", `${number(table.first[i])} → ${number(table.last[i])}`]] : []),
      ...data.groups.map((g) => [g.name, g.values[g.index[i]] ?? "–"]),
      ["Answer", promptNode([texts.answers[i] ?? "–"], texts.formulas, true)],
      ["Id", data.ids[i]],
    ];
    return node("dl", { className: "facts" }, ...rows.flatMap(([name, value]) => {
      const cell = node("dd", {}, value);
      if (name === "Choice") cell.className = chosen ? "choice is-chosen" : "choice";
      return [node("dt", { textContent: name }), cell];
    }));
  }
  return {
    show() {
      const i = state.selected;
      const source = folded("Prompt as it is in the file", plainText(texts.prompts[i], texts.formulas));
      byId("detail-body").replaceChildren(promptNode(texts.prompts[i], texts.formulas, false), facts(), source);
      if (!data.matrix) return;
      draw(i);
      const values = data.epochs.map((epoch, k) => `${epoch}: ${inWords(data, i, k)}`).join("\n");
      source.before(folded(`${capital(data.rewardName)} by epoch`, values));
      byId("trajectory").setAttribute("aria-label", `${data.rewardName} by epoch of prompt ${data.ids[i]}: ${values}`);
    },
    update() {
      // Only when the choice changes: the region is live, and a screen reader repeats what is replaced.
      if (state.selected === null || state.mask[state.selected] === shown) return;
      byId("detail-body").querySelector(".facts")?.replaceWith(facts());
    },
  };
}

function start(data) {
  const n = data.ids.length;
  const scored = data.sorted.length;
  const state = { mask: data.run.slice(), theta: data.threshold, total: 0, selected: null, own: true };
  const views = [];
  const slider = byId("theta");
  const field = byId("theta-number");
  let waiting = false;

  function apply() {
    waiting = false;
    if (state.own) state.mask.set(data.run);
    else for (let i = 0; i < n; i++) state.mask[i] = data.scores[i] >= state.theta ? 1 : 0;
    state.total = state.mask.reduce((a, b) => a + b, 0);
    byId("count").replaceChildren(node("b", { textContent: whole(state.total) }), ` of ${whole(n)}`, node("span", { textContent: ` · ${percent(state.total, n)}` }));
    byId("reset").disabled = state.own;
    track();
    const outside = !state.own && scored && (state.theta > data.scoreHigh || state.theta <= data.scoreLow);
    byId("command").hidden = state.own || !(data.byThreshold || outside);
    if (outside) byId("command").replaceChildren(state.theta > data.scoreHigh ? `No score reaches ${state.theta}: the highest is ${number(data.scoreHigh, 3)}.` : `Every score is at least ${state.theta}: the lowest is ${number(data.scoreLow, 3)}.`);
    else byId("command").replaceChildren("The same choice from the command line: ", node("code", { textContent: `--similarity_threshold=${state.theta}` }));
    for (const view of views) view(state);
  }
  function later() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(apply);
  }

  // Steps fine enough to tell scores apart on a phone's width, coarse enough to read; the run's own
  // threshold need not sit on a step, so the field is free and only the slider snaps.
  const step = niceStep(data.scoreHigh - data.scoreLow || 1, 500);
  const digits = Math.max(2, Math.ceil(-Math.log10(step) - 1e-9));
  Object.assign(slider, { min: Math.floor(data.scoreLow / step) * step, max: Math.ceil(data.scoreHigh / step) * step + step, step: "any" });
  field.step = Number(step.toPrecision(3));
  function track() {
    slider.style.setProperty("--at", (slider.valueAsNumber - slider.min) / (slider.max - slider.min));
  }
  function show(theta) {
    slider.value = theta ?? data.sorted[Math.max(0, scored - state.total)] ?? 0;
    field.value = theta === null ? "" : Number(theta.toFixed(6));
    track();
  }
  function pick(theta, exact) {
    if (!Number.isFinite(theta)) return;
    state.theta = exact ? theta : Number((Math.round(theta / step) * step).toFixed(digits));
    state.own = data.threshold !== null && state.theta === data.threshold;
    if (!exact) show(state.theta);
    later();
  }
  function takeBack({ theta, own }) {
    Object.assign(state, { theta, own });
    apply(); // show() needs the number chosen
    show(theta);
  }
  slider.addEventListener("input", () => pick(slider.valueAsNumber, false));
  slider.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    pick(Math.min(Math.max(slider.valueAsNumber + by * step, slider.min), slider.max), false);
  });
  field.addEventListener("input", () => {
    pick(field.valueAsNumber, true);
    if (Number.isFinite(field.valueAsNumber)) slider.value = field.valueAsNumber;
  });
  field.addEventListener("change", () => {
    if (!Number.isFinite(field.valueAsNumber)) show(state.theta); // emptied: the threshold in force is back
  });
  byId("reset").addEventListener("click", () => {
    takeBack({ theta: data.threshold, own: true });
    slider.focus(); // the button is disabled now, and would drop the focus
  });
  byId("download").addEventListener("click", () => {
    const ids = data.ids.filter((_, i) => state.mask[i]);
    saveJson("chosen-ids.json", { strategy: data.strategy, as_run: state.own, threshold: state.theta, count: ids.length, ids });
  });

  byId("download").disabled = false;
  const parts = { state, views, apply, later, pick: (theta) => (pick(theta, true), show(theta)) };
  if (scored === 0) {
    byId("histogram-card").hidden = true;
    apply();
    return parts;
  }
  byId("histogram-title").textContent = capital(data.scoreName);
  views.push(histogramChart(byId("histogram"), data.scores, data.scoreLow, data.scoreHigh, (theta) => pick(theta, false), takeBack));
  apply();
  show(state.theta);
  for (const id of ["theta", "theta-number"]) byId(id).disabled = false;
  return parts;
}

// What the choice or the list holds, as lim_selection.py --ids_path takes it: `chosen` only where all are.
function recordsOf(data, texts, table, rows, mask, all) {
  return rows.map((i) => ({
    id: data.ids[i],
    prompt: plainText(texts.prompts[i], texts.formulas),
    ...(texts.answers[i] === null ? {} : { answer: plainText([texts.answers[i]], texts.formulas) }),
    ...Object.fromEntries(data.groups.map((g) => [g.key, g.values[g.index[i]] ?? null])),
    score: Number.isNaN(data.scores[i]) ? null : data.scores[i],
    ...(data.chances ? { standard_error: data.chances.errors[i], probability_by_rank: data.chances.byRank[i] } : {}),
    ...(data.matrix ? { first_reward: table.first[i], last_reward: table.last[i] } : {}),
    [all ? "chosen" : "in_choice"]: mask[i] === 1,
  }));
}

function asCsv(records) {
  const cell = (value) => {
    const text = String(value ?? "");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const names = [...new Set(records.flatMap(Object.keys))];
  return [names, ...records.map((record) => names.map((name) => record[name]))].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

function downloads(data, texts, state, table) {
  const places = {
    choice: ["the choice", () => data.ids.flatMap((_, i) => (state.mask[i] ? [i] : []))],
    list: ["the list below", table.list],
  };
  for (const [key, [name, rows]] of Object.entries(places)) {
    const records = () => recordsOf(data, texts, table, rows(), state.mask, key === "choice");
    const kinds = {
      "ids (JSON)": () => saveJson(`${key}-ids.json`, { count: rows().length, ids: rows().map((i) => data.ids[i]) }),
      "records (JSON)": () => saveJson(`${key}.json`, records()),
      CSV: () => save(`${key}.csv`, asCsv(records()), "text/csv"),
    };
    for (const [kind, go] of Object.entries(kinds)) {
      const button = node("button", { type: "button", textContent: `${capital(name)} as ${kind}` });
      button.addEventListener("click", () => {
        go();
        byId("save-menu").open = false;
        byId("save-menu").firstElementChild.focus();
      });
      byId("save-items").append(button);
    }
  }
}

// The address holds the view, so that it can be shared: threshold, search, filter, prompt.
function addressOf(data, state, table, opened) {
  const { search, filter } = table.query();
  const view = new URLSearchParams();
  if (!state.own) view.set("threshold", state.theta);
  if (search) view.set("search", search);
  if (filter !== "all") view.set("show", filter);
  if (opened && state.selected !== null) view.set("prompt", data.ids[state.selected]);
  return view.toString();
}

function finish(data, texts, { state, views, apply, later, pick }) {
  let detail;
  let opened = false; // a prompt was asked for
  let waiting = null;
  function changed() {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const view = addressOf(data, state, table, opened);
      if (view !== location.hash.slice(1)) history.replaceState(null, "", `#${view}`);
    }, 250);
  }
  let back = null; // what had the focus before the sheet of a narrow screen covered it
  function select(i, open = true) {
    state.selected = i;
    detail.show();
    const sheet = byId("detail");
    const opens = open && !sheet.classList.contains("open");
    opened ||= open;
    sheet.classList.toggle("open", open);
    document.dispatchEvent(new CustomEvent("prompt", { detail: { index: i, id: data.ids[i], open } }));
    changed();
    if (opens && getComputedStyle(sheet).position === "fixed") {
      back = document.activeElement;
      byId("close-detail").focus({ preventScroll: true });
    }
    later();
  }
  function close() {
    byId("detail").classList.remove("open");
    back?.focus({ preventScroll: true });
    back = null;
  }
  const table = promptTable(data, texts, state, select, changed);
  detail = detailView(data, texts, state, table);
  if (data.matrix && data.sorted.length) {
    const reward = data.rewardName;
    const values = {
      mean: { name: `mean ${reward}`, at: Float64Array.from(data.matrix, mean) },
      first: { name: `first ${reward}`, at: table.first },
      last: { name: `last ${reward}`, at: table.last },
      gain: { name: `last − first ${reward}`, at: table.last.map((v, i) => v - table.first[i]) },
      ...(data.chances ? { chance: { name: "chance of being chosen, by rank", at: Float64Array.from(data.chances.byRank, (v) => v ?? NaN) } } : {}),
    };
    const toRow = (i) => {
      select(i);
      table.reveal(i);
    };
    const scatter = scatterChart(byId("scatter"), values, data.scores, data.scoreLow, data.scoreHigh, toRow);
    for (const [key, { name }] of Object.entries(values)) byId("scatter-x").append(node("option", { value: key, textContent: name }));
    byId("scatter-x").addEventListener("change", (event) => scatter.show(event.target.value));
    byId("scatter-x").disabled = false;
    views.push(scatter.update);
  } else {
    byId("scatter-card").hidden = true;
    byId("histogram-card").classList.add("wide"); // no hole beside it
  }
  if (data.matrix) averageChart(byId("average"), data);
  else byId("average-card").hidden = true;
  downloads(data, texts, state, table);
  const groups = data.groups.filter((group) => group.values.length > 1);
  if (groups.length) views.push(shareBars(byId("shares"), groups));
  else byId("shares-card").hidden = true;
  views.push(table.update, detail.update, changed);
  byId("close-detail").addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  const move = (by) => {
    const i = table.step(state.selected, by);
    if (i !== null) select(i);
  };
  byId("previous-prompt").addEventListener("click", () => move(-1));
  byId("next-prompt").addEventListener("click", () => move(1));
  if (data.ids.length) select(data.sorted.length ? data.scores.indexOf(data.scoreHigh) : 0, false);
  apply();
  function follow() {
    const view = new URLSearchParams(location.hash.slice(1));
    const theta = Number(view.get("threshold") ?? NaN);
    if (Number.isFinite(theta)) pick(theta);
    table.show({ search: view.get("search") ?? "", filter: view.get("show") ?? "all" });
    const i = data.ids.indexOf(view.get("prompt"));
    if (i < 0) return;
    select(i);
    if (table.list().includes(i)) table.reveal(i);
  }
  if (location.hash.length > 1) follow();
  addEventListener("hashchange", follow);
}

async function open() {
  try {
    const data = ready(await unpack("numbers"));
    const texts = unpack("texts"); // beside the drawing
    texts.catch(() => {}); // its error is met below
    const parts = start(data);
    finish(data, await texts, parts);
    document.documentElement.dataset.ready = "true";
  } catch (error) {
    const box = byId("problem");
    box.hidden = false;
    box.textContent = `This page could not be opened: ${error.message}. It needs Chrome or Edge 103, Firefox 113, Safari 16.4 or newer.`;
    throw error;
  }
}

open();
