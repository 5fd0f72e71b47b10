// The card of the selected node: value, gradient, and the chain rule of this step, as far as known.

// An element with a class and text; never with markup from the data.
function element(tag, kind, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

// A formula: MathML that the page's maker wrote, every name in it escaped.
function formula(math, kind) {
  const made = element("div", "formula " + (kind || ""));
  made.innerHTML = math;
  return made;
}

class Card {
  constructor(section, walk) {
    this.section = section;
    this.walk = walk;
  }

  show() {
    const walk = this.walk, node = walk.selected;
    this.section.replaceChildren();
    if (node === NONE || !walk.nodes[node]) {
      this.section.append(element("p", "quiet", "Nothing is computed yet. s steps, ? lists the keys."));
      return;
    }
    const about = walk.nodes[node];
    const title = element("h2", "", about.name);
    title.append(element("span", "operation", " = " + about.op));
    this.section.append(title);
    const facts = element("dl");
    this.section.append(facts);
    this.value(facts, about, walk.hasValue(node));
    this.upstream(facts, about, node);
    if (walk.backward && walk.node === node && walk.isSubstep) this.step(about);
  }

  row(facts, term, ...parts) {
    facts.append(element("dt", "", term));
    const body = element("dd");
    body.append(...parts);
    facts.append(body);
  }

  value(facts, about, known) {
    const number = element("pre", "value number" + (known ? "" : " unknown"), known ? about.value : UNKNOWN);
    if (known && about.exact) { number.title = about.exact; number.dataset.exact = about.exact; }
    const shape = about.shape ? [element("span", "quiet", about.shape)] : [];
    this.row(facts, "value", ...(known && about.math ? [formula(about.math)] : []), number, ...shape);
  }

  upstream(facts, about, node) {
    const walk = this.walk;
    if (!walk.of) return;
    const name = `∂${walk.of}/∂${about.name}`;
    if (!about.gradient) {
      this.row(facts, "gradient", element("span", "quiet", `no gradient flows here`));
      return;
    }
    const now = walk.gradient(node);
    const number = element("pre", "gradient number" + (now ? "" : " unknown"), now ? now.value : UNKNOWN);
    number.setAttribute("aria-label", `${name}: ${now ? now.value : "not computed yet"}`);
    if (now && now.complete && now.exact) { number.title = now.exact; number.dataset.exact = now.exact; }
    const parts = now && now.complete && now.math ? [formula(now.math)] : [element("span", "quiet", name)];
    parts.push(number);
    if (about.gradient.awaited > 1) {
      const arrived = now ? now.arrived : 0;
      const all = arrived === about.gradient.awaited;
      parts.push(element("span", all ? "quiet" : "warning", `${arrived} of ${about.gradient.awaited} contributions`));
    }
    this.row(facts, "gradient", ...parts);
  }

  // The three parts of a visit in the backward pass, the one at hand marked.
  step(about) {
    const walk = this.walk, stage = walk.kind - LOCAL;
    const stages = element("ol", "stages");
    ["local", "× upstream", "accumulate"].forEach((word, at) => {
      const item = element("li", at === stage ? "now" : "", word);
      if (at === stage) item.setAttribute("aria-current", "step");
      stages.append(item);
    });
    this.section.append(stages);
    for (const operand of about.operands) this.section.append(this.operand(operand, stage));
  }

  operand(operand, stage) {
    const walk = this.walk, to = walk.nodes[operand.node];
    const block = element("div", "operand");
    block.append(element("h3", "", "→ " + to.name));
    block.append(formula(operand.local));
    if (stage >= 1) {
      block.append(formula(operand.chain, "chain"));
      if (to.shape) block.append(element("pre", "gradient number", operand.value));
    }
    if (stage === 2) {
      const now = walk.gradient(operand.node);
      const count = to.gradient ? to.gradient.awaited : 0;
      if (now && count > 1) {
        const told = now.complete ? `${count} of ${count} contributions: complete` : `${now.arrived} of ${count} contributions`;
        block.append(element("p", now.complete ? "quiet" : "warning", `∂${walk.of}/∂${to.name} so far ${now.value.split("\n")[0]}, ${told}`));
      }
    }
    return block;
  }
}
