// What the viewer adds to the report: responses, suspected labels, the steps of a running training.

const VERDICTS = ["correct", "incorrect", "no_answer", "malformed", "truncated", "timeout"];
const EVERY = 4000; // milliseconds between looks at a training
const FIRST_SUSPECTS = 3;

function runView(boot) {
  let chosen = null; // the prompt that is selected in the report
  let details = [];
  const dialog = responsesDialog({
    query: (prompt, more = {}) => ({ prompt, ...more }),
    title: () => `Responses to ${chosen.id}`,
    question: () => details,
    step(by) {
      byId(by < 0 ? "previous-prompt" : "next-prompt").click();
    },
  });
  const button = node("button", { type: "button", textContent: "Responses", id: "open-responses", disabled: true });
  byId("detail").querySelector(".buttons").prepend(button);
  button.addEventListener("click", () => dialog.open(chosen.index));

  function take({ detail }) {
    chosen = detail;
    button.disabled = false;
    const text = byId("detail-body").querySelector(".text");
    details = text ? [text.cloneNode(true)] : [];
    if (dialog.isOpen()) dialog.open(chosen.index, true);
  }
  document.addEventListener("prompt", take);

  // Selecting is the report's own, by the address.
  function select(id, answer) {
    if (chosen?.id === id) {
      dialog.open(chosen.index, false, answer);
      return;
    }
    const once = ({ detail }) => {
      if (detail.id !== id) return;
      document.removeEventListener("prompt", once);
      dialog.open(detail.index, false, answer);
    };
    document.addEventListener("prompt", once);
    const view = new URLSearchParams(location.hash.slice(1));
    view.delete("search");
    view.delete("show");
    view.set("prompt", id);
    location.hash = view.toString();
  }

  suspectList(select);
  if (boot.links.length) {
    const links = boot.links.map(([text, href]) => node("a", { href, textContent: text }));
    document.querySelector(".top").append(node("p", { className: "lede" }, ...links.flatMap((link, n) => (n ? [" · ", link] : [link]))));
  }
  steps(boot);
}

function suspectList(select) {
  let all = [];
  let every = false;
  const status = byId("suspects-status");
  function show() {
    const some = every ? all : all.slice(0, FIRST_SUSPECTS);
    byId("suspects").replaceChildren(...some.map((row) => {
      const button = node("button", { type: "button", textContent: row.id, title: "Read its responses" });
      button.setAttribute("aria-label", `Read the responses to ${row.id}`);
      button.addEventListener("click", () => select(row.id, row.answer));
      return node("li", {}, button, node("p", { textContent: row.reason }));
    }));
    byId("suspects-more").hidden = every || all.length <= FIRST_SUSPECTS;
    byId("suspects-more").textContent = `Show all ${whole(all.length)}`;
  }
  byId("suspects-more").addEventListener("click", () => {
    every = true;
    show();
    byId("suspects").children[FIRST_SUSPECTS]?.querySelector("button").focus();
  });
  async function look() {
    try {
      const found = await ask("suspects");
      if (found.state === "ready") {
        all = found.suspects;
        status.textContent = all.length ? `${whole(all.length)} of the prompts` : "None: no prompt is hardly ever right and answered otherwise again and again.";
        show();
        return;
      }
      if (found.state === "failed") {
        status.textContent = found.error;
        return;
      }
      if (found.total) status.textContent = `Looking … ${percent(found.done, found.total)} of the samples of prompts that are hardly ever right`;
    } catch (error) {
      status.textContent = inWordsOf(error);
      return;
    }
    setTimeout(look, 400);
  }
  look();
}

function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text; // a screen reader repeats what is replaced
}

function steps(boot) {
  let last = null;
  function lines(element, columns, low, high) {
    const box = boxOf(element, 44, 24);
    if (box.width === 0) return;
    const x = linear(last.steps[0], last.steps[last.steps.length - 1], box.left + 6, box.right - 4);
    const y = linear(low, high, box.bottom, box.top);
    element.replaceChildren();
    axes(element, x, y, box, ticks(last.steps[0], last.steps[last.steps.length - 1], box.width / 80).filter(Number.isInteger), ticks(low, high, 4), "");
    for (const [name, values] of columns) element.append(svg("path", { class: name, d: pathOf(values, (k) => x(last.steps[k]), y) }));
  }
  function draw() {
    if (last === null || last.steps.length === 0) return;
    const low = Math.min(0, ...last.rewards);
    const high = Math.max(...last.rewards, low + 1e-6);
    lines(byId("steps-reward"), [["line-one", last.rewards]], low, high);
    const names = VERDICTS.filter((name) => name in last.verdicts);
    byId("steps-shares").hidden = names.length === 0;
    lines(byId("steps-verdicts"), names.map((name) => [`share-line ${name}`, last.verdicts[name]]), 0, 1);
    byId("steps-legend").replaceChildren(...names.map((name) => {
      const key = svg("svg", { viewBox: "0 0 26 8", "aria-hidden": "true" });
      key.append(svg("path", { class: `share-line ${name}`, d: "M0 4L26 4" }));
      return node("span", {}, key, `${name.replaceAll("_", " ")} ${percent(last.verdicts[name].at(-1), 1)}`);
    }));
    byId("steps-reward").setAttribute("aria-label", `Mean reward by step: ${number(last.rewards[0], 3)} at step ${last.steps[0]}, ${number(last.rewards.at(-1), 3)} at step ${last.steps.at(-1)}`);
    byId("steps-verdicts").setAttribute("aria-label", `Shares of verdicts at step ${last.steps.at(-1)}: ${names.map((name) => `${name.replaceAll("_", " ")} ${percent(last.verdicts[name].at(-1), 1)}`).join(", ")}`);
  }
  async function look() {
    try {
      if (!document.hidden || last === null) {
        const found = await ask("live");
        const grown = last === null || found.version !== last.version;
        last = found;
        if (grown) draw();
        byId("steps-new").hidden = found.version === boot.version;
        say("steps-now", `Step ${whole(found.steps.at(-1) ?? 0)}; now ${whole(found.chosen)} of ${whole(found.prompts)} prompts would be chosen (${found.rule}).`);
        byId("steps-problem").hidden = found.problem === null;
        say("steps-problem", found.problem ?? "");
      }
    } catch (error) {
      byId("steps-problem").hidden = false;
      say("steps-problem", inWordsOf(error));
    }
    if (boot.follow) setTimeout(look, EVERY);
  }
  byId("steps-new").addEventListener("click", () => location.reload());
  new ResizeObserver(draw).observe(byId("steps-reward"));
  look();
}

unpack("boot").then((boot) => runView(boot));
