// Prompts as text nodes and MathML. Nothing from a prompt ever goes through innerHTML: a formula is parsed
// in a document of its own, where nothing runs, and built anew from the elements and attributes named here.

const MATHML = "http://www.w3.org/1998/Math/MathML";
const MATH_ELEMENTS = new Set(("math mrow mi mn mo mtext mspace msup msub msubsup mfrac msqrt mroot mover munder " +
  "munderover mmultiscripts mprescripts mtable mtr mtd mpadded mphantom menclose mstyle merror").split(" "));
const TEXT_ELEMENTS = new Set(["span", "b", "i", "em", "strong"]);
const MATH_ATTRIBUTES = new Set(("display displaystyle scriptlevel stretchy symmetric form lspace rspace width height depth " +
  "voffset accent accentunder linethickness minsize maxsize movablelimits notation mathvariant columnspan rowspan").split(" "));
// Padding, colour, alignment: no parentheses, so neither url() nor anything else that loads.
const PLAIN_STYLE = /^[a-z0-9 :;#.%+-]*$/i;

function byId(id) {
  return document.getElementById(id);
}

function node(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function copyMath(source, target) {
  for (const child of source.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) {
      target.append(child.data);
    } else if (child.nodeType === Node.ELEMENT_NODE) {
      const name = child.localName;
      let copy = target;
      if (MATH_ELEMENTS.has(name)) copy = document.createElementNS(MATHML, name);
      else if (TEXT_ELEMENTS.has(name)) copy = document.createElement(name);
      if (copy !== target) {
        for (const { name: key, value } of child.attributes) {
          if (MATH_ATTRIBUTES.has(key)) copy.setAttribute(key, value);
          else if (key === "data-style" && PLAIN_STYLE.test(value)) copy.style.cssText = value;
        }
        target.append(copy);
      }
      copyMath(child, copy);
    }
  }
}

// Style attributes are renamed before parsing, since the page's policy refuses them (a `<` or `>` of the text
// is escaped in MathML, so only tags match); copyMath sets what is plain of them.
const STYLE_ATTRIBUTE = /(<[a-z][^<>]*) style="/g;

function mathNode(mathml, source) {
  const parsed = new DOMParser().parseFromString(mathml.replace(STYLE_ATTRIBUTE, '$1 data-style="'), "text/html");
  const holder = document.createDocumentFragment();
  copyMath(parsed.body, holder);
  const math = holder.firstElementChild;
  if (math === null || math.localName !== "math") return document.createTextNode(source);
  math.setAttribute("title", source);
  return math;
}

// A prompt is a list of strings and numbers; a number points to [source, kind, MathML] in `formulas`.
function plainText(parts, formulas) {
  return parts.map((part) => (typeof part === "string" ? part : formulas[part][0])).join("");
}

function promptNode(parts, formulas, short) {
  const box = node("div", { className: "text", dir: "auto" });
  for (const part of parts) {
    if (typeof part === "string") {
      box.append(part.replace(/\\([$%&#])/g, "$1"));
      continue;
    }
    const [source, kind, mathml] = formulas[part];
    if (kind === "figure") {
      box.append(
        short
          ? node("span", { className: "chip", textContent: "figure" })
          : node("details", {}, node("summary", { textContent: "Figure, as Asymptote source" }), node("code", { textContent: source })),
      );
    } else {
      const math = mathNode(mathml, source);
      if (kind === "inline" || math.nodeType === Node.TEXT_NODE) {
        box.append(math);
      } else if (short) {
        math.removeAttribute("display");
        box.append(" ", math, " ");
      } else {
        box.append(node("span", { className: "display" }, math));
      }
    }
  }
  return box;
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

function number(value, digits = 2) {
  if (value === null || Number.isNaN(value)) return "–";
  return value.toFixed(digits).replace("-", "−");
}

const whole = new Intl.NumberFormat("en").format;

function percent(part, total, digits = 1) {
  if (total === 0) return "–";
  return `${((100 * part) / total).toFixed(digits)} %`;
}

async function unpack(id) {
  const packed = atob(document.getElementById(id).textContent.trim());
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}
