// The picture: the circuit's SVG, restyled for each position. Nothing in it moves but the view.

const UNKNOWN = "—";

class Picture {
  constructor(section, walk, onSelect) {
    this.walk = walk;
    this.section = section;
    this.svg = section.querySelector("svg");
    this.parts = new Map();
    this.shown = new Map();
    for (const group of this.svg.querySelectorAll("g.wire")) {
      const node = Number(group.id.split("-").pop());
      const texts = {};
      for (const text of group.querySelectorAll("text")) texts[text.getAttribute("class")] = text;
      const op = this.svg.getElementById("op-" + node);
      this.parts.set(node, {wire: group, op, ...texts});
      for (const part of [group, op]) if (part) this.makeButton(part, node, onSelect);
    }
    this.edges = [...this.svg.querySelectorAll("g.edge[id^='edge-']")].map((group) => {
      const [, source, target] = group.id.split("-").map(Number);
      return {group, source, target};
    });
    const [x, y, width, height] = this.svg.getAttribute("viewBox").split(/\s+/).map(Number);
    this.whole = {x, y, width, height};
    this.svg.removeAttribute("width");
    this.svg.removeAttribute("height");
    this.svg.setAttribute("role", "group");
    for (const title of this.svg.querySelectorAll("g.graph > title")) title.remove();
    this.watchPointer();
    this.natural();
    this.watchSize();
  }

  // A frame may get its size only after it was opened; the first size that is one decides the view.
  watchSize() {
    let seen = this.section.clientWidth > 0;
    new ResizeObserver(() => {
      if (!this.section.clientWidth) return;
      if (!seen) {
        seen = true;
        this.natural();
        this.show();
        return;
      }
      const box = this.section.getBoundingClientRect(), scale = this.zoomed;
      this.look({...this.view, width: box.width * scale, height: box.height * scale});
    }).observe(this.section);
  }

  makeButton(part, node, onSelect) {
    part.setAttribute("role", "button");
    part.setAttribute("tabindex", "-1");
    part.addEventListener("click", () => { if (!this.dragged) onSelect(node); });
  }

  // The node in the picture that stands for a node: the output of a folded call for those inside.
  standsFor(node) {
    if (node === NONE) return NONE;
    const found = this.walk.nodes[node] ? this.walk.nodes[node].is : null;
    return found === null || found === undefined ? NONE : found;
  }

  // Shows the position: only what has changed is touched.
  show() {
    const walk = this.walk, current = this.standsFor(walk.node);
    for (const [node, part] of this.parts) {
      const value = walk.hasValue(node) ? walk.nodes[node].wire : UNKNOWN;
      const gradient = walk.gradient(node);
      const shown = gradient ? gradient.wire : UNKNOWN;
      const state = node === current ? "current" : value === UNKNOWN ? "pending" : "known";
      const selected = node === walk.selected, stop = walk.breakpoints.has(node);
      const key = [value, shown, state, selected, stop].join("\u0000");
      if (this.shown.get(node) === key) continue;
      this.shown.set(node, key);
      this.restyle(part, node, value, shown, state, selected, stop);
    }
    const works = current !== NONE && walk.kind !== SEED && walk.kind !== GRADIENT;
    for (const edge of this.edges) {
      const lit = works && edge.target === current;
      edge.group.classList.toggle("lit", lit);
    }
    this.svg.classList.toggle("backwards", walk.backward);
    this.reveal(current);
  }

  restyle(part, node, value, gradient, state, selected, stop) {
    if (part.value) part.value.textContent = value;
    if (part.gradient) part.gradient.textContent = gradient;
    const about = this.walk.nodes[node];
    const says = `${about.name} = ${about.op}, value ${value}, gradient ${gradient}`;
    for (const group of [part.wire, part.op]) {
      if (!group) continue;
      for (const each of ["known", "pending", "current"]) group.classList.toggle(each, each === state);
      group.classList.toggle("selected", selected);
      group.classList.toggle("stop", stop);
      group.setAttribute("aria-pressed", String(selected));
      group.setAttribute("aria-label", says.replaceAll(UNKNOWN, "not computed yet"));
    }
    if (part.op) part.op.setAttribute("tabindex", selected ? "0" : "-1");
    part.value?.classList.toggle("unknown", value === UNKNOWN);
    part.gradient?.classList.toggle("unknown", gradient === UNKNOWN);
  }

  // The nearest node of the picture in a direction from another, nearer the axis first.
  neighbour(node, dx, dy) {
    const from = this.middle(node);
    let best = NONE, least = Infinity;
    if (!from) return this.parts.keys().next().value;
    for (const other of this.parts.keys()) {
      if (other === node) continue;
      const to = this.middle(other), along = (to.x - from.x) * dx + (to.y - from.y) * dy;
      const aside = Math.abs((to.x - from.x) * dy) + Math.abs((to.y - from.y) * dx);
      if (along > 1 && along + 3 * aside < least) { least = along + 3 * aside; best = other; }
    }
    return best === NONE ? node : best;
  }

  middle(node) {
    const part = this.parts.get(node);
    if (!part) return null;
    if (!part.place) {
      const box = (part.op || part.wire).getBBox();
      part.place = {x: box.x + box.width / 2, y: box.y + box.height / 2};
    }
    return part.place;
  }

  // The view ---------------------------------------------------------------------

  look({x, y, width, height}) {
    this.view = {x, y, width, height};
    this.zoomed = this.scale;
    this.svg.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
  }

  get scale() {
    const box = this.section.getBoundingClientRect();
    return Math.max(this.view.width / Math.max(box.width, 1), this.view.height / Math.max(box.height, 1));
  }

  // All of it, but not larger than it was drawn.
  fit() {
    const box = this.section.getBoundingClientRect();
    const scale = Math.max(this.whole.width / box.width, this.whole.height / box.height, 0.45);
    this.centre(this.whole.x + this.whole.width / 2, this.whole.y + this.whole.height / 2, scale);
  }

  // Large enough to be read; a longer picture is seen from its beginning.
  natural() {
    const box = this.section.getBoundingClientRect();
    const fits = Math.max(this.whole.width / box.width, this.whole.height / box.height);
    if (fits <= 0.95) { this.fit(); return; }
    const width = box.width * 0.8, height = box.height * 0.8;
    const y = this.whole.height < height ? this.whole.y - (height - this.whole.height) / 2 : this.whole.y;
    this.look({x: this.whole.x, y, width, height});
  }

  centre(x, y, scale) {
    const box = this.section.getBoundingClientRect();
    const width = box.width * scale, height = box.height * scale;
    this.look({x: x - width / 2, y: y - height / 2, width, height});
  }

  zoom(factor, clientX, clientY) {
    const box = this.section.getBoundingClientRect(), scale = this.scale;
    const next = Math.min(Math.max(scale * factor, 0.15), 40);
    const px = clientX === undefined ? box.width / 2 : clientX - box.left;
    const py = clientY === undefined ? box.height / 2 : clientY - box.top;
    const x = this.view.x + px * scale, y = this.view.y + py * scale;
    this.look({x: x - px * next, y: y - py * next, width: box.width * next, height: box.height * next});
  }

  // Brings a node into the view where it is outside; nothing moves otherwise.
  reveal(node) {
    const part = this.parts.get(node);
    if (!part) return;
    const box = this.section.getBoundingClientRect();
    const seen = [part.op, part.wire].filter(Boolean).map((each) => each.getBoundingClientRect());
    const left = Math.min(...seen.map((each) => each.left)), right = Math.max(...seen.map((each) => each.right));
    const top = Math.min(...seen.map((each) => each.top)), bottom = Math.max(...seen.map((each) => each.bottom));
    const dx = this.outside(left, right, box.left, box.right, 40);
    const dy = this.outside(top, bottom, box.top, box.bottom, 24);
    if (!dx && !dy) return;
    const scale = this.scale;
    this.look({...this.view, x: this.view.x + dx * scale, y: this.view.y + dy * scale});
  }

  // How far to move so that a stretch lies inside of another: to its middle, so that it rests there.
  outside(low, high, from, to, margin) {
    if (low >= from + margin && high <= to - margin) return 0;
    return (low + high) / 2 - (from + to) / 2;
  }

  watchPointer() {
    const touches = new Map();
    let apart = 0;
    this.section.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(event.deltaY * 0.0015), event.clientX, event.clientY);
    }, {passive: false});
    this.svg.addEventListener("pointerdown", (event) => {
      touches.set(event.pointerId, event);
      this.dragged = false;
    });
    this.svg.addEventListener("pointermove", (event) => {
      const before = touches.get(event.pointerId);
      if (!before) return;
      touches.set(event.pointerId, event);
      if (touches.size === 2) {
        const [a, b] = [...touches.values()];
        const now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
        if (apart) this.zoom(apart / now, (a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2);
        apart = now;
        return;
      }
      const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
      if (Math.abs(dx) + Math.abs(dy) > 2) this.dragged = true;
      const scale = this.scale;
      this.look({...this.view, x: this.view.x - dx * scale, y: this.view.y - dy * scale});
    });
    for (const kind of ["pointerup", "pointercancel", "pointerleave"]) {
      this.svg.addEventListener(kind, (event) => { touches.delete(event.pointerId); apart = 0; });
    }
  }
}
