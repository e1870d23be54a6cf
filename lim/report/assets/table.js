// The table of prompts: search, filter, sort, pages. Rows are built when first shown and kept.

const PAGE_ROWS = 25;
const KEPT_ROWS = 1000;

// Order of the rows by one column; rows without a value come last either way.
function orderBy(keys, descending) {
  const order = Array.from(keys, (_, i) => i);
  const text = typeof keys.find?.((k) => k !== null) === "string";
  const compare = text ? new Intl.Collator("en", { numeric: true }).compare : (a, b) => a - b;
  const empty = (key) => key === null || Number.isNaN(key);
  const sign = descending ? -1 : 1;
  return order.sort((a, b) => {
    if (empty(keys[a]) || empty(keys[b])) return empty(keys[a]) - empty(keys[b]) || a - b;
    return sign * compare(keys[a], keys[b]) || a - b;
  });
}

function promptTable(data, texts, state, select, changed) {
  const { ids, scores, matrix, groups, chances } = data;
  const first = Float64Array.from(matrix ?? [], (row) => row.find((v) => v !== null) ?? NaN);
  const last = Float64Array.from(matrix ?? [], (row) => row.findLast((v) => v !== null) ?? NaN);
  const group = groups.find((g) => g.key === "level") ?? groups.find((g) => g.values.length > 1);
  const columns = [
    { key: "id", name: "Id", keys: ids },
    { key: "text", name: "Prompt" },
    ...(group ? [{ key: group.key === "level" ? "level" : "group", name: group.name, keys: Array.from(group.index, (v) => (v < 0 ? null : v)) }] : []),
    { key: "score", name: "Score", keys: scores, descending: true },
    ...(chances ? [{ key: "chance", name: "Chance", keys: Float64Array.from(chances.byRank, (v) => v ?? NaN), descending: true }] : []),
    ...(matrix
      ? [
          { key: "first", name: "First", keys: first, descending: true },
          { key: "last", name: "Last", keys: last, descending: true },
          { key: "spark", name: "Trajectory" },
        ]
      : []),
  ];
  let fields = null; // built by the first search
  function build() {
    const found = {
      id: ids.map((id) => id.toLowerCase()),
      text: texts.prompts.map((parts) => plainText(parts, texts.formulas).toLowerCase()),
      answer: texts.answers.map((answer) => plainText([answer ?? ""], texts.formulas).toLowerCase()),
    };
    for (const { key, values, index } of groups) found[key.toLowerCase()] ??= Array.from(index, (v) => (values[v] ?? "").toLowerCase());
    return found;
  }
  const terms = (text) => {
    if (text.trim() === "") return [];
    fields ??= build();
    // Words, "phrases", and either behind a field's name and a colon.
    const found = [];
    for (const match of text.toLowerCase().matchAll(/(?:([\w.-]+):)?(?:"([^"]*)"?|(\S+))/g)) {
      const field = match[1] !== undefined && match[1] in fields ? match[1] : null;
      const wanted = match[2] ?? match[3];
      found.push({ field, wanted: field === null && match[1] !== undefined ? `${match[1]}:${wanted}` : wanted });
    }
    return found.filter(({ wanted }) => wanted !== "");
  };
  const bare = (text) => text.replaceAll("$", "").trim();
  const has = (i, { field, wanted }) => {
    if (field === null) return Object.values(fields).some((column) => column[i].includes(wanted));
    return field === "text" ? fields.text[i].includes(wanted) : bare(fields[field][i]) === wanted;
  };
  const filters = [
    ["all", "All"],
    ["chosen", "Chosen"],
    ["discarded", "Discarded"],
    ...(chances ? [["unsure", "Unsure"]] : []),
    ...(scores.some(Number.isNaN) ? [["unscored", "No score"]] : []),
  ];
  const kept = new Map();
  let sorted = { key: "score", descending: true };
  let order = orderBy(scores, true);
  let filter = "all";
  let words = [];
  let shown = [];
  let page = 0;

  function passes(i) {
    if (filter === "chosen" && !state.mask[i]) return false;
    if (filter === "discarded" && (state.mask[i] || Number.isNaN(scores[i]))) return false;
    if (filter === "unsure" && !(chances.byRank[i] > 0.1 && chances.byRank[i] < 0.9)) return false;
    if (filter === "unscored" && !Number.isNaN(scores[i])) return false;
    return words.every((word) => has(i, word));
  }

  function row(i) {
    let line = kept.get(i);
    if (line) return line;
    const text = node("div", { className: "clip" }, promptNode(texts.prompts[i], texts.formulas, true));
    const cells = {
      id: ids[i],
      text,
      level: group && (group.values[group.index[i]] ?? "–"),
      group: group && (group.values[group.index[i]] ?? "–"),
      score: number(scores[i], 3),
      chance: chances && (chances.byRank[i] === null ? "–" : percent(chances.byRank[i], 1, 0)),
    };
    if (matrix) Object.assign(cells, { first: number(first[i]), last: number(last[i]), spark: sparkline(matrix[i], averageOf(data, i), data.low, data.high) });
    line = node("tr", { tabIndex: 0 });
    for (const { key, name, keys } of columns) {
      const cell = node("td", { className: `col-${key}` }, cells[key]);
      if (["score", "chance", "first", "last"].includes(key)) cell.classList.add("number");
      if (keys) cell.dataset.label = name;
      if (key === "id") cell.title = ids[i];
      if (key === "score") cell.prepend(node("span", { className: "mark" }, node("span", { className: "hidden said" })));
      line.append(cell);
    }
    line.dataset.index = i;
    if (kept.size >= KEPT_ROWS) kept.clear();
    kept.set(i, line);
    return line;
  }

  function mark(line) {
    const i = Number(line.dataset.index);
    line.classList.toggle("is-chosen", state.mask[i] === 1);
    line.querySelector(".said").textContent = state.mask[i] === 1 ? "chosen " : "";
    if (i === state.selected) line.setAttribute("aria-current", "true");
    else line.removeAttribute("aria-current");
  }

  function showPage() {
    const pages = Math.max(1, Math.ceil(shown.length / PAGE_ROWS));
    page = Math.min(Math.max(page, 0), pages - 1);
    const wanted = shown.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS).map(row);
    const body = byId("rows");
    if (wanted.length !== body.children.length || wanted.some((line, k) => body.children[k] !== line)) {
      body.replaceChildren(...wanted);
      for (const line of wanted) {
        const clip = line.querySelector(".clip");
        clip.classList.toggle("short", clip.scrollHeight <= clip.clientHeight + 1);
      }
    }
    wanted.forEach(mark);
    byId("page-number").textContent = `Page ${whole(page + 1)} of ${whole(pages)}`;
    byId("first-page").disabled = byId("previous-page").disabled = page === 0;
    byId("next-page").disabled = byId("last-page").disabled = page === pages - 1;
    byId("nothing").hidden = shown.length > 0;
    byId("matches").textContent = shown.length === ids.length ? `${whole(ids.length)} prompts` : `${whole(shown.length)} of ${whole(ids.length)} prompts`;
  }

  function refresh(toFirst) {
    shown = order.filter(passes);
    if (toFirst) page = 0;
    showPage();
  }

  function sortBy(key, descending) {
    sorted = { key, descending };
    order = orderBy(columns.find((c) => c.key === key).keys, descending);
    for (const head of byId("heads").children) {
      const active = head.dataset.key === key;
      if (active) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
      const arrow = head.querySelector(".arrow");
      if (arrow) arrow.textContent = active ? (descending ? "↓" : "↑") : "";
    }
    byId("sort").value = `${key} ${descending}`;
    refresh(true);
  }

  // The list as a link or a button wants it: only what is given changes.
  function show(wanted) {
    if (wanted.search !== undefined) {
      byId("search").value = wanted.search;
      words = terms(wanted.search);
    }
    if (filters.some(([key]) => key === wanted.filter)) {
      filter = wanted.filter;
      byId("filter").querySelector(`[value=${filter}]`).checked = true;
    }
    refresh(true);
    changed();
  }

  function goTo(target) {
    page = target;
    showPage();
  }

  function heads() {
    for (const { key, name, keys, descending = false } of columns) {
      const head = node("th", { className: `col-${key}`, scope: "col" });
      if (keys) {
        const button = node("button", { type: "button" }, name, node("span", { className: "arrow", ariaHidden: "true" }));
        button.addEventListener("click", () => sortBy(key, sorted.key === key ? !sorted.descending : descending));
        head.append(button);
        for (const down of [descending, !descending]) {
          byId("sort").append(node("option", { value: `${key} ${down}`, textContent: `${name} ${down ? "↓" : "↑"}` }));
        }
      } else {
        head.append(node("button", { type: "button", disabled: true, textContent: name, tabIndex: -1 }));
      }
      if (["score", "chance", "first", "last"].includes(key)) head.classList.add("number");
      head.dataset.key = key;
      byId("heads").append(head);
    }
  }

  function controls() {
    for (const [key, name] of filters) {
      const input = node("input", { type: "radio", name: "filter", value: key, checked: key === "all" });
      input.addEventListener("change", () => show({ filter: key }));
      byId("filter").append(node("label", {}, input, name));
    }
    byId("search").addEventListener("input", (event) => {
      words = terms(event.target.value);
      refresh(true);
      changed();
    });
    byId("clear").addEventListener("click", () => {
      show({ search: "", filter: "all" });
      byId("search").focus();
    });
    byId("sort").addEventListener("change", (event) => {
      const [key, descending] = event.target.value.split(" ");
      sortBy(key, descending === "true");
    });
    byId("first-page").addEventListener("click", () => goTo(0));
    byId("previous-page").addEventListener("click", () => goTo(page - 1));
    byId("next-page").addEventListener("click", () => goTo(page + 1));
    byId("last-page").addEventListener("click", () => goTo(Infinity));
    const body = byId("rows");
    body.addEventListener("click", (event) => {
      const line = event.target.closest("tr");
      if (line) select(Number(line.dataset.index));
    });
    body.addEventListener("keydown", (event) => {
      const line = event.target.closest("tr");
      if (line === null || event.target !== line) return;
      const next = { ArrowDown: line.nextElementSibling, ArrowUp: line.previousElementSibling }[event.key];
      if (next) next.focus();
      if (next || event.key === "Enter" || event.key === " ") {
        select(Number((next ?? line).dataset.index));
        event.preventDefault();
      }
    });
    for (const id of ["search", "sort"]) byId(id).disabled = false;
  }

  heads();
  controls();
  byId("loading").hidden = true;
  sortBy("score", true);
  return {
    first,
    last,
    show,
    list: () => shown,
    query: () => ({ search: byId("search").value.trim(), filter }),
    // Go to a prompt's row, on whatever page; what hides it is cleared.
    reveal(i) {
      if (!shown.includes(i)) show({ search: "", filter: "all" });
      page = Math.floor(shown.indexOf(i) / PAGE_ROWS);
      showPage();
      kept.get(i)?.scrollIntoView({ block: "nearest" });
    },
    update: () => (filter === "all" ? showPage() : refresh(false)),
    // The prompt `by` places after i in the list as it stands, on whatever page; the page follows.
    step(i, by) {
      if (shown.length === 0) return null;
      const at = shown.indexOf(i);
      const to = at < 0 ? 0 : Math.min(Math.max(at + by, 0), shown.length - 1);
      page = Math.floor(to / PAGE_ROWS);
      return shown[to];
    },
  };
}
