// Evaluations: benchmarks, their questions, and the samples of the one that is opened.

const ON_PAGE = 50;

function evaluationView({ groups }) {
  let questions = [];
  let shown = [];
  let page = 0;
  let opened = null;
  const group = byId("group");
  for (const [n, name] of groups.entries()) group.append(node("option", { value: n, textContent: name }));
  group.hidden = groups.length < 2;
  const dialog = responsesDialog({
    query: (prompt, more = {}) => ({ group: group.value, prompt, ...more }),
    title: (prompt) => questions.find((q) => q.prompt === prompt)?.id ?? "",
    question: () => [],
    step(by) {
      const at = shown.findIndex((q) => q.prompt === opened) + by;
      if (shown[at]) open(shown[at].prompt, true);
    },
  });
  function open(prompt, keep) {
    opened = prompt;
    dialog.open(prompt, keep);
  }

  const kinds = {
    all: () => true,
    wrong: (q) => q.right === 0,
    mixed: (q) => q.right > 0 && q.right < q.samples,
    right: (q) => q.right === q.samples,
    differ: (q) => q.differ > 0,
  };

  function row(question) {
    const { id, text, gold, right, samples, differ } = question;
    const said = differ ? node("span", { className: "differ", textContent: ` ${whole(differ)} differ` }) : "";
    const line = node("tr", { tabIndex: 0 },
      node("td", { className: "col-id", textContent: id, title: id }),
      node("td", { className: "col-text" }, node("div", { className: "clip short", dir: "auto", textContent: text })),
      node("td", { className: "col-answer", textContent: gold }),
      node("td", { className: "col-right" }, `${whole(right)} of ${whole(samples)}`, said));
    line.addEventListener("click", () => open(question.prompt));
    line.addEventListener("keydown", (event) => {
      const next = { ArrowDown: line.nextElementSibling, ArrowUp: line.previousElementSibling }[event.key];
      if (next) next.focus();
      else if (event.key === "Enter" || event.key === " ") open(question.prompt);
      else return;
      event.preventDefault();
    });
    return line;
  }

  function showPage() {
    const pages = Math.max(1, Math.ceil(shown.length / ON_PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    byId("rows").replaceChildren(...shown.slice(page * ON_PAGE, (page + 1) * ON_PAGE).map(row));
    byId("page-number").textContent = `Page ${whole(page + 1)} of ${whole(pages)}`;
    byId("previous-page").disabled = page === 0;
    byId("next-page").disabled = page === pages - 1;
    byId("nothing").hidden = shown.length > 0;
    const samples = shown.reduce((sum, q) => sum + q.samples, 0);
    const right = shown.reduce((sum, q) => sum + q.right, 0);
    byId("matches").textContent = `${whole(shown.length)} of ${whole(questions.length)} questions; ${percent(right, samples)} of their ${whole(samples)} samples are right`;
  }

  function refresh() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = kinds[byId("show").value];
    shown = questions.filter((q) => fits(q) && words.every((word) => `${q.id} ${q.text} ${q.gold}`.toLowerCase().includes(word)));
    page = 0;
    showPage();
  }

  async function load() {
    byId("matches").textContent = "Reading and grading …";
    byId("rows").replaceChildren();
    try {
      questions = await ask("questions", { group: group.value });
      byId("problem").hidden = true;
      byId("show").querySelector('[value="differ"]').hidden = !questions.some((q) => q.reported);
      refresh();
    } catch (error) {
      byId("problem").hidden = false;
      byId("problem").textContent = inWordsOf(error);
      byId("matches").textContent = "";
    }
    document.documentElement.dataset.ready = "true";
  }

  group.addEventListener("change", load);
  byId("search").addEventListener("input", refresh);
  byId("show").addEventListener("change", refresh);
  byId("previous-page").addEventListener("click", () => { page -= 1; showPage(); });
  byId("next-page").addEventListener("click", () => { page += 1; showPage(); });
  load();
}

unpack("boot").then((boot) => evaluationView(boot));
