// The card of the selected node: value, gradient, and the chain rule, as far as they are known.

const STAGES = ["local", "× upstream", "accumulate"];
const MOST_LISTED = 12; // contributions to one gradient

class Card {
  constructor(section, walk) {
    this.section = section;
    this.walk = walk;
  }

  show() {
    const walk = this.walk, node = walk.selected;
    const shown = node === NONE || !walk.nodes[node]
      ? [element("p", "quiet", "Nothing is computed yet. s steps, ? lists the keys.")]
      : this.parts(walk.nodes[node], node);
    this.section.replaceChildren(...shown);
    if (this.shown !== node) this.section.scrollTop = 0;
    this.shown = node;
  }

  parts(about, node) {
    const title = element("h2", "", about.name), facts = element("dl");
    title.append(element("span", "operation", " = " + about.op));
    facts.append(this.value(about, node));
    if (this.walk.of) facts.append(this.gradient(about, node));
    const drawn = about.is === null ? [element("p", "quiet", "not in the picture")] : [];
    return [title, ...drawn, facts, ...this.handedOn(about, node)];
  }

  fact(term, aside, ...body) {
    const made = element("div", "fact"), head = element("dt", "", term), told = element("dd");
    if (aside) head.append(element("span", "aside", aside));
    told.append(...body.filter(Boolean));
    made.append(head, told);
    return made;
  }

  // A number behind its equation; a table or a vector below it.
  number(kind, found, sides) {
    const known = found !== null, text = known ? this.walk.text(found) : UNKNOWN, table = text.includes("\n");
    const made = element(table ? "pre" : "span", `number ${kind}${known ? "" : " unknown"}`, text);
    if (known && found.exact) { made.title = found.exact; made.dataset.exact = found.exact; }
    if (!sides.length) return [made];
    const line = equation(sides);
    if (text.includes("[") || table || / … /.test(text)) return [line, made];
    line.append(" ", result(made));
    return [line];
  }

  value(about, node) {
    const known = this.walk.hasValue(node);
    const sides = known && about.math ? [about.symbol, about.math] : [];
    return this.fact("value", about.shape, ...this.number("value", known ? about : null, sides));
  }

  gradient(about, node) {
    const walk = this.walk;
    if (!about.gradient) return this.fact("gradient", "", element("span", "quiet", "no gradient flows here"));
    const now = walk.gradient(node), complete = now !== null && now.complete;
    const sides = [derivative(walk.nodes[walk.target].symbol, about.symbol), complete && now.math];
    const found = this.number("gradient", now, sides);
    const shown = found.map((each) => (each.matches(".number") ? each : each.querySelector(".number"))).find(Boolean);
    shown.setAttribute("aria-label", `∂${walk.of}/∂${about.name}: ${now ? walk.text(now) : "not computed yet"}`);
    const stamp = complete && about.gradient.stamp;
    return this.fact("gradient", about.shape, ...found, this.received(about, node),
      stamp && element("p", stamp.startsWith("✓") ? "quiet" : "bad", stamp));
  }

  // How much of a sum has arrived, and from whom.
  received(about, node) {
    const walk = this.walk, {awaited} = about.gradient, now = walk.gradient(node);
    if (awaited < 2) return null;
    const arrived = now ? now.arrived : 0, made = element("div", "received"), list = element("ul");
    made.append(element("p", arrived === awaited ? "quiet" : "warning", `${arrived} of ${awaited} contributions`));
    const parts = walk.contributions(node);
    for (const part of parts.slice(0, MOST_LISTED)) {
      const item = element("li", "", `from ${walk.nodes[part.node].name} `);
      if (!about.shape) item.append(element("span", "number gradient", part.value));
      list.append(item);
    }
    if (parts.length > MOST_LISTED) list.append(element("li", "quiet", `and ${parts.length - MOST_LISTED} more`));
    made.append(list);
    return made;
  }

  // The visit in the backward pass: its three parts, the one at hand marked, and for each operand
  // the chain rule by names, formulas and numbers.
  handedOn(about, node) {
    const walk = this.walk, stage = walk.stage(node);
    if (stage < 0) return [];
    const stages = element("ol", "stages");
    STAGES.forEach((word, at) => {
      const now = walk.node === node && walk.isSubstep && at === stage;
      const item = element("li", now ? "now" : at <= stage ? "done" : "", word);
      if (now) item.setAttribute("aria-current", "step");
      stages.append(item);
    });
    return [stages, ...about.operands.map((operand) => this.operand(about, operand, stage))];
  }

  operand(about, operand, stage) {
    const walk = this.walk, to = walk.nodes[operand.node], {gradient} = about;
    const block = element("div", "operand"), number = operand.number && numeral(operand.number);
    const local = derivative(about.symbol, to.symbol);
    block.append(element("h3", "", "→ " + to.name), equation([local, operand.math, number], "local"));
    if (stage < 1) return block;
    const upstream = derivative(walk.nodes[walk.target].symbol, about.symbol), wise = operand.wise && about.shape;
    const formulas = gradient.math && operand.math && (operand.wise || !about.shape)
      && product(factor(gradient.math, gradient.loose), factor(operand.math, operand.loose), wise);
    const numbers = number && !about.shape
      && product(signed(walk.text(gradient)), signed(operand.number), false);
    const chain = equation([product(upstream, local, false), formulas, numbers], "chain");
    const value = element(operand.value.includes("\n") ? "pre" : "span", "number gradient", operand.value);
    if (!to.shape) chain.append(" ", result(value));
    block.append(...(to.shape ? [chain, value] : [chain]));
    if (stage === 2) block.append(...this.total(operand, to));
    return block;
  }

  // What the operand's gradient has come to with this contribution.
  total(operand, to) {
    const now = this.walk.gradient(operand.node), count = to.gradient ? to.gradient.awaited : 0;
    if (!now || count < 2) return [];
    const told = now.complete ? `${count} of ${count} contributions: complete` : `${now.arrived} of ${count} contributions`;
    const line = element("p", now.complete ? "quiet" : "warning", `∂${this.walk.of}/∂${to.name} `);
    line.append(now.complete ? "= " : "so far ", element("span", "number", this.walk.text(now).split("\n")[0]), `, ${told}`);
    return [line];
  }
}

const signed = (text) => factor(numeral(text), text.startsWith("-"));
