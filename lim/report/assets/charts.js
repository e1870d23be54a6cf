// The charts: SVG for the histogram, the trajectories and the sparklines, a canvas for the scatter plot.

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes = {}, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function niceStep(span, count) {
  const rough = span / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 2.5, 5, 10].find((f) => f * power >= rough * 0.999);
  return factor * power;
}

function ticks(low, high, count) {
  const step = niceStep(high - low || 1, count);
  const out = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) out.push(Number((k * step).toPrecision(12)));
  return out;
}

function tickLabel(value) {
  return String(value).replace("-", "−");
}

function linear(from, to, start, end) {
  const span = to - from || 1;
  const scale = (value) => start + ((value - from) / span) * (end - start);
  scale.back = (pixel) => from + ((pixel - start) / (end - start)) * span;
  return scale;
}

// A chart sets its own size from its box, and draws again when that changes.
function onResize(element, draw) {
  new ResizeObserver(() => draw()).observe(element);
}

function axes(target, x, y, box, xTicks, yTicks, xName) {
  for (const value of yTicks) {
    target.append(
      svg("line", { class: "grid", x1: box.left, x2: box.right, y1: y(value), y2: y(value) }),
      svg("text", { x: box.left - 6, y: y(value) + 4, "text-anchor": "end" }, tickLabel(value)),
    );
  }
  for (const value of xTicks) target.append(svg("text", { x: x(value), y: box.bottom + 16, "text-anchor": "middle" }, tickLabel(value)));
  if (xName) target.append(svg("text", { x: (box.left + box.right) / 2, y: box.bottom + 33, "text-anchor": "middle" }, xName));
}

function boxOf(element, left, bottom) {
  const width = element.clientWidth;
  const height = element.clientHeight;
  // Paper has another width than the screen: a view box lets the drawing follow.
  if (element.namespaceURI === SVG) element.setAttribute("viewBox", `0 0 ${width} ${height}`);
  return { width, height, left, right: width - 8, top: 14, bottom: height - bottom };
}

function histogramChart(element, scores, low, high, pick, takeBack) {
  const step = niceStep(high - low || 1, 60);
  const start = Math.floor(low / step + 1e-9) * step;
  const count = Math.max(1, Math.ceil((high - start) / step + 1e-9) + (high === low ? 1 : 0));
  const bin = Int32Array.from(scores, (s) => (Number.isNaN(s) ? -1 : Math.min(count - 1, Math.floor((s - start) / step + 1e-9))));
  const totals = new Int32Array(count);
  for (const b of bin) if (b >= 0) totals[b]++;
  const chosen = new Int32Array(count);
  let x, y, box, bars, line, grip, last;

  function update(state) {
    last = state;
    chosen.fill(0);
    for (let i = 0; i < bin.length; i++) if (bin[i] >= 0) chosen[bin[i]] += state.mask[i];
    for (let b = 0; b < count; b++) {
      const top = y(chosen[b]);
      bars[b].setAttribute("y", top);
      bars[b].setAttribute("height", box.bottom - top);
    }
    const at = x(Math.min(Math.max(state.theta, start), start + count * step));
    for (const part of [line, grip]) part.setAttribute("visibility", state.theta === null ? "hidden" : "visible");
    line.setAttribute("x1", at);
    line.setAttribute("x2", at);
    grip.setAttribute("cx", at);
    element.setAttribute("aria-label", `Histogram of scores; ${state.total} chosen`);
  }

  function draw() {
    box = boxOf(element, 40, 24);
    if (box.width === 0) return;
    x = linear(start, start + count * step, box.left, box.right);
    y = linear(0, Math.max(...totals), box.bottom, box.top);
    element.replaceChildren();
    axes(element, x, y, box, ticks(start, start + count * step, box.width / 70), ticks(0, Math.max(...totals), 4), "");
    const gap = (box.right - box.left) / count > 4 ? 1 : 0;
    bars = [];
    for (let b = 0; b < count; b++) {
      const place = { x: x(start + b * step), width: Math.max(0.5, x(start + (b + 1) * step) - x(start + b * step) - gap) };
      element.append(svg("rect", { class: "bar-all", ...place, y: y(totals[b]), height: box.bottom - y(totals[b]) }));
      bars.push(svg("rect", { class: "bar-chosen", ...place }));
      element.append(bars[b]);
    }
    line = svg("line", { class: "theta-line", y1: 4, y2: box.bottom });
    grip = svg("circle", { class: "theta-grip", cy: 6, r: 5 });
    element.append(line, grip);
    if (last) update(last);
  }

  // A finger that goes down may be about to scroll the page: it picks when it moves along the chart or is lifted,
  // and what it picked is taken back where the browser scrolls after all.
  let before = null;
  function drag(event) {
    if (event.type === "pointerdown") {
      before = last && { theta: last.theta, own: last.own };
      element.setPointerCapture(event.pointerId);
      if (event.pointerType === "touch") return;
    } else if (!element.hasPointerCapture(event.pointerId)) return;
    if (event.type === "pointercancel") {
      if (before) takeBack(before);
      return;
    }
    pick(x.back(event.clientX - element.getBoundingClientRect().left));
  }
  for (const type of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) element.addEventListener(type, drag);
  draw();
  onResize(element, draw);
  return update;
}

function scatterChart(element, values, scores, low, high, pick) {
  const context = element.getContext("2d");
  let x, y, box, last, xs, name;

  function update(state) {
    last = state;
    const ratio = window.devicePixelRatio || 1;
    const style = getComputedStyle(element);
    const color = (key) => style.getPropertyValue(key).trim();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, box.width, box.height);
    context.font = `12px ${style.fontFamily}`;
    context.textAlign = "right";
    for (const value of ticks(low, high, 5)) {
      context.fillStyle = color("--line");
      context.fillRect(box.left, Math.round(y(value)), box.right - box.left, 1);
      context.fillStyle = color("--soft");
      context.fillText(tickLabel(value), box.left - 6, y(value) + 4);
    }
    context.textAlign = "center";
    for (const value of ticks(...xs.range, box.width / 70)) context.fillText(tickLabel(value), x(value), box.bottom + 16);
    context.fillText(name, (box.left + box.right) / 2, box.bottom + 32);
    const size = scores.length > 2000 ? 2.5 : 4;
    context.globalAlpha = scores.length > 2000 ? 0.6 : 0.8;
    for (const side of [0, 1]) {
      context.fillStyle = color(side ? "--chosen" : "--rest");
      for (let i = 0; i < scores.length; i++) {
        if (state.mask[i] !== side || Number.isNaN(scores[i]) || Number.isNaN(xs.at[i])) continue;
        context.fillRect(x(xs.at[i]) - size / 2, y(scores[i]) - size / 2, size, size);
      }
    }
    context.globalAlpha = 1;
    if (state.theta !== null && state.theta >= low && state.theta <= high) {
      context.fillStyle = color("--ink");
      context.fillRect(box.left, Math.round(y(state.theta)), box.right - box.left, 1.5);
    }
    const i = state.selected;
    if (i !== null && !Number.isNaN(scores[i]) && !Number.isNaN(xs.at[i])) {
      context.strokeStyle = color("--ink");
      context.lineWidth = 2;
      context.beginPath();
      context.arc(x(xs.at[i]), y(scores[i]), 6, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  function draw() {
    box = boxOf(element, 40, 40);
    if (box.width === 0) return;
    const ratio = window.devicePixelRatio || 1;
    element.width = Math.round(box.width * ratio);
    element.height = Math.round(box.height * ratio);
    const pad = (xs.range[1] - xs.range[0] || 1) * 0.02;
    x = linear(xs.range[0] - pad, xs.range[1] + pad, box.left, box.right);
    y = linear(low - (high - low || 1) * 0.03, high + (high - low || 1) * 0.03, box.bottom, box.top);
    if (last) update(last);
  }

  function show(key) {
    const at = values[key].at;
    let [from, to] = [Infinity, -Infinity]; // not Math.min(...at): arguments are limited to some ten thousands
    for (const v of at) {
      if (v < from) from = v;
      if (v > to) to = v;
    }
    xs = { at, range: from <= to ? [from, to] : [0, 1] };
    name = values[key].name;
    draw();
  }

  element.addEventListener("click", (event) => {
    const place = element.getBoundingClientRect();
    const [px, py] = [event.clientX - place.left, event.clientY - place.top];
    let best = -1;
    let least = 20 ** 2;
    for (let i = 0; i < scores.length; i++) {
      const distance = (x(xs.at[i]) - px) ** 2 + (y(scores[i]) - py) ** 2;
      if (distance < least) [best, least] = [i, distance];
    }
    if (best >= 0) pick(best);
  });
  show(Object.keys(values)[0]);
  onResize(element, draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  return { update, show };
}

// Path through the values that are there; a missing epoch (null) breaks the line.
function pathOf(values, x, y) {
  let path = "";
  let pen = "M";
  values.forEach((value, k) => {
    if (value === null) pen = "M";
    else {
      path += `${pen}${x(k).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
    }
  });
  return path;
}

// Area between two lines of equal gaps.
function areaOf(lows, highs, x, y) {
  const areas = [];
  let run = [];
  const close = () => {
    if (run.length > 1) {
      const there = run.map((k) => `${x(k).toFixed(1)} ${y(highs[k]).toFixed(1)}`);
      const back = run.reverse().map((k) => `${x(k).toFixed(1)} ${y(lows[k]).toFixed(1)}`);
      areas.push(`M${there.join("L")}L${back.join("L")}Z`);
    }
    run = [];
  };
  lows.forEach((low, k) => (low === null ? close() : run.push(k)));
  close();
  return areas.join("");
}

function epochAxis(element, epochs, low, high) {
  const box = boxOf(element, 40, 40);
  if (box.width === 0) return null;
  const x = linear(0, Math.max(1, epochs.length - 1), box.left + 6, box.right - 4);
  const y = linear(low, high, box.bottom, box.top);
  element.replaceChildren();
  const every = Math.max(1, Math.ceil(epochs.length / (box.width / 34)));
  axes(element, x, y, box, [], ticks(low, high, 5), "epoch");
  epochs.forEach((epoch, k) => {
    if (k % every === 0) element.append(svg("text", { x: x(k), y: box.bottom + 16, "text-anchor": "middle" }, String(epoch)));
  });
  return { x, y };
}

// The average with the middle half of the prompts around it.
function averageChart(element, data) {
  const column = new Float64Array(data.matrix.length);
  const sorted = (k) => {
    let seen = 0;
    for (const row of data.matrix) if (row[k] !== null) column[seen++] = row[k];
    return column.slice(0, seen).sort();
  };
  const quartile = (seen, share) => (seen.length ? seen[Math.round(share * (seen.length - 1))] : null);
  const quartiles = data.epochs.map((_, k) => {
    const seen = sorted(k);
    return [quartile(seen, 0.25), quartile(seen, 0.75)];
  });
  const [lows, highs] = [0, 1].map((side) => quartiles.map((pair) => pair[side]));
  const shown = data.average.map((v, k) => `${data.epochs[k]}: ${number(v, 3)}`).join("   ");
  element.setAttribute("aria-label", `Average ${data.rewardName} by epoch: ${shown}`);
  const draw = () => {
    const axis = epochAxis(element, data.epochs, data.low, data.high);
    if (axis === null) return;
    element.append(svg("path", { class: "band", d: areaOf(lows, highs, axis.x, axis.y) }));
    element.append(svg("path", { class: "line-average", d: pathOf(data.average, axis.x, axis.y) }));
  };
  draw();
  onResize(element, draw);
}

function sparkline(values, average, low, high) {
  const x = linear(0, Math.max(1, values.length - 1), 2, 92);
  const y = linear(low, high, 34, 2);
  const picture = svg("svg", { class: "spark", viewBox: "0 0 94 36", "aria-hidden": "true" });
  picture.append(svg("path", { class: "line-average", d: pathOf(average, x, y) }), svg("path", { class: "line-one", d: pathOf(values, x, y) }));
  return picture;
}

// The curve that a prompt is compared with: its group's, where groups have curves of their own.
function averageOf(data, i) {
  return data.averages[data.averageOf?.[i] ?? -1] ?? data.average;
}

function trajectoryChart(element, data, said) {
  const { epochs, low, high } = data;
  let average = data.average;
  let values = null;
  let one = null; // the prompt
  let axis = null;
  function draw() {
    axis = epochAxis(element, epochs, low, high);
    if (axis === null) return;
    const { x, y } = axis;
    const errors = values === null ? null : intervals(data, one);
    byId("key-error").hidden = errors === null;
    if (errors !== null) element.append(svg("path", { class: "band-one", d: areaOf(errors.lows, errors.highs, x, y) }));
    element.append(svg("path", { class: "line-average", d: pathOf(average, x, y) }));
    if (values === null) return;
    element.append(svg("path", { class: "line-one", d: pathOf(values, x, y) }));
    values.forEach((value, k) => {
      if (value !== null) element.append(svg("circle", { class: "dot-one", cx: x(k), cy: y(value), r: epochs.length > 40 ? 2 : 3 }));
    });
  }
  // The epoch nearest to a pointer or finger, in words.
  function point(event) {
    if (axis === null || values === null) return;
    const k = Math.min(Math.max(Math.round(axis.x.back(event.clientX - element.getBoundingClientRect().left)), 0), epochs.length - 1);
    said.hidden = false;
    said.textContent = `Epoch ${epochs[k]}: ${inWords(data, one, k)}, average ${number(average[k], 3)}`;
  }
  for (const type of ["pointermove", "pointerdown"]) element.addEventListener(type, point);
  draw();
  onResize(element, draw);
  return (i) => {
    one = i;
    values = data.matrix[i];
    average = averageOf(data, i);
    said.hidden = true;
    draw();
  };
}

// "0.625, 5 of 8 passed"
function inWords(data, i, k) {
  const value = data.matrix[i][k];
  if (value === null) return "not seen";
  const count = countOf(data, i, k);
  return `${number(value, 3)}${count > 1 ? `, ${passesOf(data, i, k)} of ${count} passed` : ""}`;
}

function passesOf(data, i, k) {
  return data.passes[i].charCodeAt(k) - 48;
}

function countOf(data, i, k) {
  return typeof data.counts === "number" ? data.counts : (data.counts?.[i][k] ?? 0);
}

// Wilson's 95 % interval of each epoch's mean, for rewards between two ends: of more than two values they are `spread`
// times as variable as of two, which is as if there were more samples. Null where that is not known.
function intervals(data, i) {
  if (!data.band) return null;
  const [lowest, highest, spread] = data.band;
  const z2 = 1.96 ** 2;
  const side = (sign) => data.matrix[i].map((value, k) => {
    if (value === null) return null;
    const n = countOf(data, i, k) / spread;
    const p = Math.min(Math.max((value - lowest) / (highest - lowest), 0), 1);
    const middle = (p + z2 / (2 * n)) / (1 + z2 / n);
    const half = Math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n);
    return Math.max(data.low, lowest + (highest - lowest) * (middle + sign * half));
  });
  return { lows: side(-1), highs: side(1) };
}

function shareBars(element, groups) {
  const parts = groups.map(({ name, values, index }) => {
    const totals = new Int32Array(values.length);
    for (const v of index) if (v >= 0) totals[v]++;
    const rows = values.map((value, v) => {
      const fill = node("div", { className: "fill" });
      const count = node("span", { className: "share-count" });
      return { fill, count, total: totals[v], cells: [node("span", { className: "share-name", textContent: value, title: value }), node("div", { className: "track" }, fill), count] };
    });
    const grid = node("div", { className: "share" }, ...rows.flatMap((row) => row.cells));
    element.append(node("div", {}, node("h3", { textContent: name }), grid));
    return { rows, index, chosen: new Int32Array(values.length) };
  });
  return (state) => {
    for (const { rows, index, chosen } of parts) {
      chosen.fill(0);
      for (let i = 0; i < index.length; i++) if (index[i] >= 0) chosen[index[i]] += state.mask[i];
      rows.forEach(({ fill, count, total }, v) => {
        fill.style.width = `${(100 * chosen[v]) / (total || 1)}%`;
        count.textContent = `${whole(chosen[v])} / ${whole(total)} · ${percent(chosen[v], total)}`;
      });
    }
  };
}
