// The samples of one prompt: a list, and the response that is chosen in it. All text goes in as text.

const SIGNS = { correct: "✓", incorrect: "✗" };
const REASONS = {
  cut_off: "it was cut off before its end token",
  no_box: "it has no \\boxed answer",
  empty_box: "its box is empty",
  unclosed_box: "its box does not close",
  many_boxes: "it has too many boxes",
  garbled: "most of it is not readable text",
  repeated: "it repeats itself",
  unread: "no parser reads the answer",
  over_limit: "comparing took too long or too much memory",
};

async function ask(name, query = {}) {
  const response = await fetch(`${name}?${new URLSearchParams(query)}`);
  const value = await response.json().catch(() => ({ error: `the viewer answered ${response.status}` }));
  if (!response.ok) throw new Error(value.error ?? `the viewer answered ${response.status}`);
  return value;
}

function inWordsOf(error) {
  return error instanceof TypeError ? "The viewer does not answer: it was closed, or its machine is gone." : error.message;
}

function verdictWords(sample) {
  if (sample.verdict === null) return "no verdict in the log";
  return sample.verdict.replaceAll("_", " ");
}

function reasonWords(sample) {
  if (sample.reason) return REASONS[sample.reason] ?? sample.reason.replaceAll("_", " ");
  return { correct: "the answer equals the label", incorrect: "the answer is not the label" }[sample.verdict] ?? "";
}

// Marks what was searched for, in text alone.
function highlight(root, wanted) {
  if (!wanted) return;
  const texts = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest("math, summary")) texts.push(walker.currentNode);
  let left = 500;
  for (let text of texts) {
    let at;
    while (left > 0 && (at = text.data.toLowerCase().indexOf(wanted.toLowerCase())) >= 0) {
      const hit = text.splitText(at);
      text = hit.splitText(Math.min(wanted.length, hit.data.length));
      hit.replaceWith(node("mark", { textContent: hit.data }));
      left -= 1;
    }
  }
}

// `step(by)` goes to another prompt; `question(prompt)` gives nodes that say what was asked.
function responsesDialog({ query, question, step, title }) {
  const dialog = byId("responses");
  const list = byId("responses-list");
  let prompt = null;
  let found = { samples: [], gold: null };
  let shown = []; // numbers of samples, as filtered
  let hits = null; // numbers that hold what is searched for
  let current = null;
  let pinned = null;
  let back = null;
  let asked = 0;

  function fail(error) {
    byId("responses-problem").hidden = error === null;
    byId("responses-problem").textContent = error === null ? "" : inWordsOf(error);
  }

  function option(n) {
    const sample = found.samples[n];
    const place = sample.epoch === null ? `sample ${(sample.number ?? n) + 1}` : `epoch ${sample.epoch}`;
    const length = sample.tokens === null ? (sample.characters === null ? "" : `${whole(sample.characters)} chars`) : `${whole(sample.tokens)} tokens`;
    const said = node("span", { className: `said ${sample.verdict ?? ""}`, textContent: verdictWords(sample) });
    said.dataset.sign = sample.verdict === null ? "·" : (SIGNS[sample.verdict] ?? "–");
    const answer = sample.answer === null || sample.answer === undefined ? "" : `: ${sample.answer}`;
    const reward = sample.reward === null ? "" : ` · ${number(sample.reward, 2)}`;
    const row = node("div", { className: "sample", id: `sample-${n}` },
      node("span", { textContent: place }),
      node("span", {}, said, answer),
      node("span", { textContent: `${length}${reward}` }),
      node("span", { className: "preview", textContent: sample.preview ?? "the log holds no response" }));
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", "false");
    row.classList.toggle("pinned", n === pinned);
    row.dataset.sample = n;
    return row;
  }

  function choices(select, values, all) {
    const before = select.value;
    select.replaceChildren(node("option", { value: "", textContent: all }), ...values.map(([value, text]) => node("option", { value, textContent: text })));
    select.value = values.some(([value]) => value === before) ? before : "";
  }

  function count(key) {
    const counts = new Map();
    for (const sample of found.samples) {
      const value = key(sample);
      if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    return [...counts];
  }

  function filters() {
    choices(byId("responses-verdict"), count((s) => verdictWords(s)).map(([v, c]) => [v, `${v} (${c})`]), "All verdicts");
    const epochs = count((s) => s.epoch);
    choices(byId("responses-epoch"), epochs.map(([v, c]) => [String(v), `epoch ${v} (${c})`]), "All epochs");
    byId("responses-epoch").hidden = epochs.length === 0;
    const differ = found.samples.filter((s) => s.differs).length;
    if (differ) byId("responses-verdict").append(node("option", { value: "differs", textContent: `verdicts that differ (${differ})` }));
  }

  function refresh() {
    const verdict = byId("responses-verdict").value;
    const epoch = byId("responses-epoch").value;
    shown = found.samples.flatMap((sample, n) =>
      (!verdict || verdictWords(sample) === verdict || (verdict === "differs" && sample.differs)) && (!epoch || String(sample.epoch) === epoch) && (hits === null || hits.has(n)) ? [n] : []);
    list.replaceChildren(...shown.map(option));
    byId("responses-count").textContent = `${whole(shown.length)} of ${whole(found.samples.length)} responses`;
    if (shown.length === 0) {
      current = null;
      list.removeAttribute("aria-activedescendant");
      byId("response-title").textContent = found.samples.length ? "No response matches." : "The log has no response to this prompt.";
      byId("response-facts").replaceChildren();
      byId("response-body").replaceChildren();
      byId("response-pin").disabled = true;
    } else go(shown.includes(current) ? current : shown[0]);
  }

  async function go(n) {
    for (const line of list.children) line.setAttribute("aria-selected", String(Number(line.dataset.sample) === n));
    current = n;
    const line = byId(`sample-${n}`);
    list.setAttribute("aria-activedescendant", line.id);
    line.scrollIntoView({ block: "nearest" });
    const sample = found.samples[n];
    const places = [sample.epoch === null ? null : `Epoch ${sample.epoch}`, sample.step === null ? null : `step ${sample.step}`, sample.number === null ? null : `sample ${sample.number + 1}`];
    byId("response-title").textContent = capital(places.filter(Boolean).join(", ") || `sample ${n + 1}`);
    const reason = reasonWords(sample);
    const facts = [
      ["Verdict", `${verdictWords(sample)}${reason ? `: ${reason}` : ""}${found.graded ? " (by this project's grader)" : ""}`],
      ...(sample.reported ? [["Reported", sample.reported]] : []),
      ["Answer", sample.answer ?? "none"],
      ["Label", found.gold ?? "–"],
      ...(sample.reward === null ? [] : [["Reward", number(sample.reward, 3)]]),
      ["Length", [sample.tokens === null ? null : `${whole(sample.tokens)} tokens`, sample.characters === null ? null : `${whole(sample.characters)} characters`].filter(Boolean).join(", ")],
      ...(sample.more ?? []),
    ];
    byId("response-facts").replaceChildren(...facts.flatMap(([name, value]) => [node("dt", { textContent: name }), node("dd", { textContent: value })]));
    byId("response-pin").disabled = false;
    byId("response-pin").setAttribute("aria-pressed", String(n === pinned));
    const mine = ++asked;
    try {
      const other = pinned !== null && pinned !== n ? pinned : null;
      const value = await (other === null ? ask("response", query(prompt, { sample: n })) : ask("differences", query(prompt, { sample: other, other: n })));
      if (mine !== asked) return; // another one was chosen meanwhile
      fail(null);
      const body = other === null ? whole_(value) : [
        node("p", { className: "hint", textContent: `Against the one that is marked: what it alone has is struck out, what this one alone has is underlined.` }),
        node("div", { className: "text", dir: "auto" }, ...value.map(([what, text]) => (what === "same" ? text : node(what === "new" ? "ins" : "del", { textContent: text })))),
      ];
      byId("response-body").replaceChildren(...body);
      highlight(byId("response-body"), byId("responses-search").value.trim());
      byId("response").scrollTop = 0;
    } catch (error) {
      if (mine !== asked) return;
      byId("response-body").replaceChildren();
      fail(error);
    }
  }

  function whole_({ parts, formulas, characters, cut }) {
    if (found.samples[current].characters === null) return [node("p", { className: "hint", textContent: "The log holds no response." })];
    const source = plainText(parts, formulas);
    const nodes = [promptNode(parts, formulas, false)];
    if (formulas.length) nodes.push(node("details", {}, node("summary", { textContent: "As it was written" }), node("p", { className: "source", textContent: source })));
    if (cut) nodes.push(node("p", { className: "hint", textContent: `Only the beginning is shown: the response has ${whole(characters)} characters.` }));
    return nodes;
  }

  // `prefer`: an answer, of which the last sample is shown first.
  async function open(which, keep, prefer) {
    prompt = which;
    pinned = null;
    const mine = ++asked;
    if (!dialog.open) {
      back = document.activeElement;
      dialog.showModal();
      list.focus();
    }
    byId("responses-title").textContent = title(which);
    byId("response-question").replaceChildren(...question(which));
    list.replaceChildren();
    byId("responses-count").textContent = "Reading …";
    try {
      const answer = await ask("samples", query(which));
      if (mine !== asked) return;
      fail(null);
      found = answer;
      if (found.question) byId("response-question").replaceChildren(promptNode(found.question.parts, found.question.formulas, false));
      if (!keep) {
        byId("responses-search").value = "";
        hits = null;
      }
      filters();
      const preferred = prefer === undefined ? -1 : found.samples.findLastIndex((sample) => sample.answer === prefer);
      current = preferred >= 0 ? preferred : keep ? current : null;
      await search();
      if (found.grade) {
        const verdicts = await ask("graded", query(which));
        if (prompt !== which) return;
        verdicts.forEach((verdict, n) => verdict && Object.assign(found.samples[n], verdict));
        found.graded = true;
        filters();
        refresh();
      }
    } catch (error) {
      if (mine !== asked && prompt !== which) return;
      found = { samples: [], gold: null };
      filters();
      refresh();
      byId("response-title").textContent = "";
      fail(error);
    }
  }

  async function search() {
    const text = byId("responses-search").value.trim();
    const which = prompt;
    const numbers = text ? await ask("search", query(which, { text })) : null;
    if (which !== prompt || text !== byId("responses-search").value.trim()) return;
    hits = numbers === null ? null : new Set(numbers);
    refresh();
  }

  function move(by) {
    const at = shown.indexOf(current);
    if (at >= 0) go(shown[Math.min(Math.max(at + by, 0), shown.length - 1)]);
  }

  // The first sample of the next epoch, or of the one before.
  function leap(by) {
    const epochs = [...new Set(shown.map((n) => found.samples[n].epoch))];
    const to = epochs[epochs.indexOf(found.samples[current]?.epoch) + by];
    const first = shown.find((n) => found.samples[n].epoch === to);
    if (to !== undefined && first !== undefined) go(first);
  }

  let typed = null;
  byId("responses-search").addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(() => search().catch(fail), 150);
  });
  for (const id of ["responses-verdict", "responses-epoch"]) byId(id).addEventListener("change", () => refresh());
  list.addEventListener("click", (event) => {
    const line = event.target.closest(".sample");
    if (line) go(Number(line.dataset.sample));
  });
  list.addEventListener("keydown", (event) => {
    const keys = { ArrowDown: () => move(1), ArrowUp: () => move(-1), PageDown: () => move(10), PageUp: () => move(-10), Home: () => move(-Infinity), End: () => move(Infinity), ArrowRight: () => leap(1), ArrowLeft: () => leap(-1) };
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  byId("response-pin").addEventListener("click", () => {
    pinned = pinned === current ? null : current;
    for (const line of list.children) line.classList.toggle("pinned", Number(line.dataset.sample) === pinned);
    byId("response-pin").setAttribute("aria-pressed", String(pinned === current));
  });
  byId("responses-close").addEventListener("click", () => dialog.close());
  byId("responses-previous").addEventListener("click", () => step(-1));
  byId("responses-next").addEventListener("click", () => step(1));
  dialog.addEventListener("close", () => {
    prompt = null;
    asked += 1;
    back?.focus({ preventScroll: true });
  });
  return { open, isOpen: () => dialog.open };
}
