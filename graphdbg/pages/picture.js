// The picture: the circuit's SVG, restyled for each position. Nothing in it moves but the view.

const UNKNOWN = "—";
const SVG = "http://www.w3.org/2000/svg";
const AT_ONCE = 200; // parts that are shown anew in one go; of more, those out of sight follow
const CHUNK = 50, REST = 30; // parts that follow at a time, milliseconds between

class Picture {
  constructor(section, walk, onSelect) {
    this.walk = walk;
    this.svg = section.querySelector("svg");
    this.parts = new Map();
    this.prepare();
    for (const wire of this.svg.querySelectorAll("g.wire")) this.addPart(wire, onSelect);
    this.addEdges();
    this.changes = this.findChanges();
    this.stale = new Set(this.parts.keys()); // parts whose texts are those of another position
    this.shown = {position: -1, marked: new Set()};
    this.view = new View(section, this.svg);
    this.view.onLook = () => this.refresh();
    this.view.watchSize(() => this.begin());
    this.begin();
    window.addEventListener("beforeprint", () => { this.view.print(); this.refresh(true); });
    window.addEventListener("afterprint", () => this.view.look(this.view.kept));
  }

  // The corner of a large picture may be empty: it begins where its first node is.
  begin() {
    this.reveal(this.parts.keys().next().value);
    this.reveal(this.standsFor(this.walk.node));
  }

  prepare() {
    this.svg.removeAttribute("width");
    this.svg.removeAttribute("height");
    this.svg.setAttribute("role", "group");
    for (const title of this.svg.querySelectorAll("g.graph > title")) title.remove();
    const marker = document.createElementNS(SVG, "marker"), tip = document.createElementNS(SVG, "path");
    const about = {id: "back", viewBox: "0 0 8 8", refX: 2, refY: 4, markerWidth: 9, markerHeight: 9,
      orient: "auto-start-reverse", markerUnits: "userSpaceOnUse"};
    for (const [name, value] of Object.entries(about)) marker.setAttribute(name, value);
    tip.setAttribute("d", "M0 0L8 4L0 8Z");
    marker.append(tip);
    this.svg.append(marker);
  }

  // A node's part: its wire and its operation. The operation is what keys and readers come to.
  addPart(wire, onSelect) {
    const node = Number(wire.id.split("-").pop()), op = this.svg.getElementById("op-" + node);
    const part = {wire, op, edges: [], into: [], button: op || wire};
    for (const text of wire.querySelectorAll("text")) part[text.getAttribute("class")] = text;
    part.groups = [wire, op].filter(Boolean).map((group) => ({group, kind: kindOf(group)}));
    for (const {group} of part.groups) {
      group.addEventListener("click", () => { if (!this.view.dragged) onSelect(node); });
    }
    part.button.setAttribute("role", "button");
    part.button.setAttribute("tabindex", "-1");
    this.parts.set(node, part);
  }

  addEdges() {
    for (const group of this.svg.querySelectorAll("g.edge[id^='edge-'], g.edge[id^='out-']")) {
      const [, source, target] = group.id.split("-").map(Number);
      this.parts.get(source)?.edges.push(group);
      this.parts.get(target)?.into.push({group, source, local: group.querySelector("text")});
    }
  }

  // Where the texts of which node change, in order: a step shows anew only what lies on its way.
  findChanges() {
    const found = [];
    for (const node of this.parts.keys()) {
      const {from, gradient} = this.walk.nodes[node];
      const places = [from, this.walk.visit(node)];
      if (gradient) places.push(gradient.from, ...gradient.parts.map((part) => part.from));
      for (const place of places) found.push([place, node]);
    }
    return found.sort((a, b) => a[0] - b[0]);
  }

  // The node in the picture that stands for a node: the output of a folded call for those inside.
  standsFor(node) {
    if (node === NONE) return NONE;
    const found = this.walk.nodes[node]?.is;
    return (found === undefined ? node : found) ?? NONE;
  }

  // Showing ------------------------------------------------------------------------

  show() {
    const walk = this.walk, current = this.standsFor(walk.node), before = this.shown;
    const low = Math.min(before.position, walk.position), high = Math.max(before.position, walk.position);
    for (let at = firstAfter(this.changes, low); at < this.changes.length && this.changes[at][0] <= high; at++) {
      this.stale.add(this.changes[at][1]);
    }
    const marked = new Set([current, this.standsFor(walk.selected), ...walk.breakpoints]);
    for (const node of [...before.marked, ...marked]) this.stale.add(node);
    this.shown = {position: walk.position, marked};
    this.svg.classList.toggle("backwards", walk.backward);
    if (before.position !== walk.position) this.reveal(current);
    this.refresh();
    if (!this.stop) this.letTabIn(this.parts.keys().next().value);
  }

  // Shows anew what is out of date: at once what is seen or marked, the rest a little later.
  refresh(all = this.stale.size <= AT_ONCE) {
    for (const node of this.stale) {
      if (all || this.shown.marked.has(node) || this.isSeen(node)) this.restyle(node);
    }
    if (this.stale.size && !this.waiting) this.waiting = setTimeout(() => this.goOn(), REST);
  }

  goOn() {
    this.waiting = null;
    for (const node of [...this.stale].slice(0, CHUNK)) this.restyle(node);
    this.refresh();
  }

  isSeen(node) {
    const box = this.box(node);
    return box !== null && this.view.sees(box);
  }

  restyle(node) {
    const part = this.parts.get(node), walk = this.walk;
    this.stale.delete(node);
    if (!part) return;
    const current = node === this.standsFor(walk.node);
    const works = walk.kind !== SEED && walk.kind !== GRADIENT;
    const about = walk.nodes[node], gradient = walk.gradient(node);
    const value = walk.hasValue(node) ? about.wire : UNKNOWN, received = gradient ? gradient.wire : UNKNOWN;
    const pending = value === UNKNOWN, state = current ? "current" : pending ? "pending" : "known";
    const selected = node === this.standsFor(walk.selected);
    write(part.value, value, "value");
    write(part.gradient, received, "gradient");
    const marks = `${state}${selected ? " selected" : ""}${walk.breakpoints.has(node) ? " stop" : ""}`;
    for (const {group, kind} of part.groups) group.setAttribute("class", `${kind} ${marks}`);
    for (const edge of part.edges) edge.classList.toggle("pending", pending);
    for (const {group, local} of part.into) {
      group.classList.toggle("lit", current && works);
      local?.classList.toggle("early", walk.visit(node) > walk.position);
    }
    const says = `${about.name} = ${about.op}, value ${value}, gradient ${received}`;
    part.button.setAttribute("aria-label", says.replaceAll(UNKNOWN, "not computed yet"));
    part.button.setAttribute("aria-pressed", String(selected));
    if (selected) this.letTabIn(node);
  }

  // One part of the picture is in the order of Tab; the arrows go on from there.
  letTabIn(node) {
    this.stop?.setAttribute("tabindex", "-1");
    this.stop = this.parts.get(node)?.button;
    this.stop?.setAttribute("tabindex", "0");
    this.stopsAt = node;
  }

  // The focus follows the selection where it is in the picture.
  focus() {
    if (this.svg.contains(document.activeElement)) this.stop?.focus({preventScroll: true});
  }

  // Places -------------------------------------------------------------------------

  // Where a node is in the picture, in its own units; found once, since nothing moves.
  box(node) {
    const part = this.parts.get(node);
    if (!part) return null;
    if (!part.box) {
      const {x: e, y: f} = this.view.origin;
      const boxes = part.groups.map(({group}) => group.getBBox()).filter((box) => box.width);
      if (!boxes.length) return null; // the frame is not shown yet
      part.box = around(boxes.map(({x, y, width, height}) => (
        {left: x + e, right: x + width + e, top: y + f, bottom: y + height + f})));
    }
    return part.box;
  }

  // Brings a node into view, with what it is computed from where there is room.
  reveal(node) {
    const box = this.box(node);
    if (!box) return;
    const operands = this.parts.get(node).into.map((edge) => this.box(edge.source)).filter(Boolean);
    this.view.reveal(box, around([box, ...operands]));
  }

  // The nearest node of the picture in a direction from another, nearer the axis first.
  neighbour(node, dx, dy) {
    const focused = this.svg.contains(document.activeElement) ? this.stopsAt : NONE;
    const from = this.box(this.standsFor(node === NONE ? focused : node));
    if (!from) return this.parts.keys().next().value;
    let best = NONE, least = Infinity;
    for (const other of this.parts.keys()) {
      const to = this.box(other), x = middle(to, "left", "right") - middle(from, "left", "right");
      const y = middle(to, "top", "bottom") - middle(from, "top", "bottom");
      const along = x * dx + y * dy, aside = Math.abs(x * dy) + Math.abs(y * dx);
      if (along > 1 && along + 3 * aside < least) { least = along + 3 * aside; best = other; }
    }
    return best === NONE ? node : best;
  }
}

const middle = (box, low, high) => (box[low] + box[high]) / 2;

// What a group is, without its state.
function kindOf(group) {
  const states = ["known", "pending", "current"];
  return [...group.classList].filter((each) => !states.includes(each)).join(" ");
}

function write(text, shown, kind) {
  if (!text) return;
  const style = shown === UNKNOWN ? `${kind} unknown` : kind;
  if (text.textContent !== shown) text.textContent = shown;
  if (text.getAttribute("class") !== style) text.setAttribute("class", style);
}

// The first of the sorted changes that comes after a position.
function firstAfter(changes, position) {
  let low = 0, high = changes.length;
  while (low < high) {
    const at = (low + high) >> 1;
    if (changes[at][0] <= position) low = at + 1; else high = at;
  }
  return low;
}
