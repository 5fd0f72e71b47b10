// The program with its current line, the list of all steps, and what is said about this one.

const ROW = 30; // pixels: a row of the list of steps
const SPARE = 8; // rows beyond both ends of what is seen

// A file by its last name; library files keep their folder.
function short(name) {
  if (name === "<text>") return "the program";
  return name.startsWith("library/") ? name : name.split(/[/\\]/).pop();
}

class Program {
  constructor(section, walk, onLine) {
    this.section = section;
    this.walk = walk;
    this.onLine = onLine;
  }

  show() {
    const place = this.walk.place() || this.last || [0, 0];
    this.last = place;
    const [number, line, own, ownLine] = place, source = this.walk.sources[number];
    if (!source) { this.section.replaceChildren(element("p", "quiet", "no program text")); return; }
    if (number !== this.number) this.fill(number);
    const row = this.walk.position > 0 ? this.rows[line - source.first] : undefined;
    if (row !== this.here) {
      this.here?.classList.remove("here");
      this.here?.removeAttribute("aria-current");
      row?.classList.add("here");
      row?.setAttribute("aria-current", "step");
      this.here = row;
    }
    if (row) this.scrollTo(row);
    this.called.textContent = own === undefined ? "" : this.caller(own, ownLine);
    this.stops();
  }

  caller(number, line) {
    const source = this.walk.sources[number];
    return `called from ${short(source.name)}:${line}: ${source.lines[line - source.first].trim()}`;
  }

  fill(number) {
    this.number = number;
    this.here = undefined;
    this.stopsAt = undefined;
    const source = this.walk.sources[number], list = element("ol", "lines");
    this.rows = source.lines.map((text, at) => this.line(number, source.first + at, text));
    list.append(...this.rows);
    this.called = element("p", "quiet called");
    const title = element("h2", "", short(source.name));
    title.title = source.name;
    this.section.replaceChildren(title, this.called, list);
  }

  line(number, line, text) {
    const row = element("li"), gutter = element("button", "gutter", String(line));
    gutter.type = "button";
    gutter.tabIndex = -1;
    gutter.title = "stop here";
    gutter.addEventListener("click", () => this.onLine(number, line));
    row.append(gutter, element("code", "", text || " "));
    return row;
  }

  // Scrolls the pane alone, never the page.
  scrollTo(row) {
    const {scrollTop, clientHeight} = this.section;
    const hidden = row.offsetTop < scrollTop + 48 || row.offsetTop + row.offsetHeight > scrollTop + clientHeight - 32;
    if (hidden) this.section.scrollTop = row.offsetTop - clientHeight / 2;
  }

  // A dot at each line with a node that stops.
  stops() {
    const key = [...this.walk.breakpoints].join();
    if (key === this.stopsAt) return;
    this.stopsAt = key;
    const places = [...this.walk.breakpoints].map((node) => this.walk.nodes[node].place);
    const lines = new Set(places.filter((place) => place && place[0] === this.number).map(([, line]) => line));
    const {first} = this.walk.sources[this.number];
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
    this.section.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.show()).observe(this.section);
    this.rows = new Map();
  }

  // In the list itself up and down go from step to step.
  key(event) {
    const {position, end} = this.walk;
    const goal = {ArrowUp: position - 1, ArrowDown: position + 1, Home: 0, End: end}[event.key];
    if (goal === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.onStep(Math.max(0, Math.min(end, goal)));
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
    const walk = this.walk, {position, end} = walk;
    const inside = walk.stack().map((call) => call.text).join(" › ");
    this.where.textContent = position === 0 ? `start, 0 of ${end}` :
      `${position} of ${end}, ${walk.pass}: ${walk.words[walk.kind]}${inside ? " in " + inside : ""}`;
    const told = walk.said.length ? walk.said[position] : this.short();
    this.sentence.textContent = told.replaceAll("/∂", "/\u2060∂"); // no line ends inside of ∂f/∂x
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
