// The program with its current line, the list of all steps, and what is said about this one.

const ROW = 30; // pixels: a row of the list of steps
const SPARE = 8; // rows beyond both ends of what is seen

class Program {
  constructor(section, walk, onLine) {
    this.section = section;
    this.walk = walk;
    this.onLine = onLine;
    this.number = null;
  }

  show() {
    const place = this.walk.place() || this.last || [0, 0];
    this.last = place;
    const [number, line, own, ownLine] = place;
    if (!this.walk.sources[number]) { this.section.replaceChildren(element("p", "quiet", "no program text")); return; }
    if (number !== this.number) this.fill(number);
    for (const row of this.rows) row.classList.remove("here");
    const source = this.walk.sources[number], row = this.rows[line - source.first];
    if (row && this.walk.position > 0) {
      row.classList.add("here");
      this.scrollTo(row);
    }
    this.called.textContent = own === undefined ? "" :
      `called from ${this.walk.sources[own].name}:${ownLine}: ${this.walk.sources[own].lines[ownLine - this.walk.sources[own].first].trim()}`;
    this.stops();
  }

  fill(number) {
    this.number = number;
    const source = this.walk.sources[number];
    const list = element("ol", "lines");
    list.setAttribute("start", source.first);
    this.rows = source.lines.map((text, at) => {
      const row = element("li");
      const gutter = element("button", "gutter", String(source.first + at));
      gutter.type = "button";
      gutter.tabIndex = -1;
      gutter.title = "stop here";
      gutter.addEventListener("click", () => this.onLine(number, source.first + at));
      row.append(gutter, element("code", "", text || " "));
      list.append(row);
      return row;
    });
    this.called = element("p", "quiet called");
    this.section.replaceChildren(element("h2", "", source.name), this.called, list);
  }

  // Scrolls the pane alone, never the page.
  scrollTo(row) {
    const box = this.section.getBoundingClientRect(), at = row.getBoundingClientRect();
    if (at.top < box.top + 40 || at.bottom > box.bottom - 8) {
      this.section.scrollTop += at.top - box.top - box.height / 2;
    }
  }

  stops() {
    const lines = new Set();
    for (const node of this.walk.breakpoints) {
      const place = this.walk.nodes[node].place;
      if (place && place[0] === this.number) lines.add(place[1]);
    }
    const first = this.walk.sources[this.number].first;
    this.rows.forEach((row, at) => row.classList.toggle("stop", lines.has(first + at)));
  }
}

// All steps; only the rows that are seen exist, so that ten thousand cost no more than ten.
class Steps {
  constructor(section, walk, onStep) {
    this.section = section;
    this.walk = walk;
    this.onStep = onStep;
    this.space = element("div", "space");
    this.space.style.height = `${(walk.end + 1) * ROW}px`;
    this.section.append(this.space);
    this.section.addEventListener("scroll", () => this.fill());
    this.rows = new Map();
  }

  text(position) {
    const walk = this.walk, kind = walk.kinds[position], node = walk.at[position];
    if (kind === START) return "start: the inputs are known";
    if (kind === CALL || kind === RETURN) {
      return `${kind === CALL ? "into" : "out of"} ${walk.calls[walk.frames[position]].text}`;
    }
    const name = walk.nodes[node].name;
    if (kind === VISIT) return `${name} = ${walk.nodes[node].op}`;
    if (kind === SEED) return `∂${walk.of}/∂${walk.of} = 1`;
    if (kind === GRADIENT) return `∂${walk.of}/∂${name} is complete`;
    return `${name}: ${walk.words[kind]}`;
  }

  depth(position) {
    let frame = this.walk.frames[position], found = 0;
    if (this.walk.kinds[position] === CALL || this.walk.kinds[position] === RETURN) found -= 1;
    for (; frame !== NONE; frame = this.walk.calls[frame].parent) found += 1;
    return Math.max(found, 0);
  }

  show() {
    const top = this.walk.position * ROW, seen = this.section.clientHeight;
    if (top < this.section.scrollTop || top + ROW > this.section.scrollTop + seen) {
      this.section.scrollTop = top - seen / 2 + ROW / 2;
    }
    this.fill();
  }

  fill() {
    const first = Math.max(0, Math.floor(this.section.scrollTop / ROW) - SPARE);
    const last = Math.min(this.walk.end, Math.ceil((this.section.scrollTop + this.section.clientHeight) / ROW) + SPARE);
    for (const [position, row] of this.rows) {
      if (position < first || position > last) { row.remove(); this.rows.delete(position); }
    }
    for (let position = first; position <= last; position++) {
      if (!this.rows.has(position)) this.rows.set(position, this.make(position));
      const row = this.rows.get(position), here = position === this.walk.position;
      row.classList.toggle("here", here);
      row.classList.toggle("past", position < this.walk.position);
      row.setAttribute("aria-selected", String(here));
    }
    const here = this.rows.get(this.walk.position);
    if (here) this.section.setAttribute("aria-activedescendant", here.id);
  }

  make(position) {
    const row = element("div", "step" + (position >= this.walk.turn && position < this.walk.update ? " back" : ""));
    row.id = `step-${position}`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-setsize", String(this.walk.end + 1));
    row.setAttribute("aria-posinset", String(position + 1));
    row.style.top = `${position * ROW}px`;
    row.append(element("span", "count", String(position)));
    const text = element("span", "text", this.text(position));
    text.style.paddingLeft = `${this.depth(position)}em`;
    row.append(text);
    row.title = this.text(position);
    row.addEventListener("click", () => this.onStep(position));
    this.space.append(row);
    return row;
  }
}

class Said {
  constructor(section, walk) {
    this.where = section.querySelector("#where");
    this.sentence = section.querySelector("#sentence");
    this.walk = walk;
  }

  show() {
    const walk = this.walk;
    const inside = walk.stack().map((call) => call.text).join(" › ");
    this.where.textContent = walk.position === 0 ? `start, 0 of ${walk.end}` :
      `${walk.position} of ${walk.end}, ${walk.pass}: ${walk.words[walk.kind]}${inside ? " in " + inside : ""}`;
    this.sentence.textContent = walk.said.length ? walk.said[walk.position] : this.short();
  }

  // Where no sentences were made: the bare fact.
  short() {
    const walk = this.walk;
    if (walk.node === NONE) return "";
    const about = walk.nodes[walk.node], now = walk.gradient(walk.node);
    if (!walk.backward) return walk.hasValue(walk.node) ? `${about.name} = ${about.op} = ${about.wire}` : "";
    return now ? `∂${walk.of}/∂${about.name} = ${now.wire}` : "";
  }
}
