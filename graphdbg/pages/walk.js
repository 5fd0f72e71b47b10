// The walk: a cursor over the steps of both passes. The position is the whole state; what is known
// follows from it. The motions are those of graphdbg/stepping/walk.py.

const START = 0, VISIT = 1, CALL = 2, RETURN = 3, SEED = 4, LOCAL = 5, MULTIPLY = 6,
  ACCUMULATE = 7, GRADIENT = 8, NONE = -1;

class Walk {
  constructor(data) {
    Object.assign(this, data);
    this.position = data.start;
    this.selected = NONE;
    this.breakpoints = new Set(data.stops);
    this.past = [];
    this.consumers = this.findConsumers();
  }

  // For each node, the operands in which other nodes hand it their contributions.
  findConsumers() {
    const found = new Map();
    for (const [key, {operands}] of Object.entries(this.nodes)) {
      for (const operand of operands || []) {
        const node = Number(key), at = this.visit(node) + ACCUMULATE - LOCAL;
        if (!found.has(operand.node)) found.set(operand.node, []);
        found.get(operand.node).push({...operand, node, at});
      }
    }
    return found;
  }

  // Where a node is visited in the backward pass.
  visit(node) {
    return (this.places[node] || []).find((at) => at >= this.turn && at < this.update) ?? Infinity;
  }

  get kind() { return this.kinds[this.position]; }
  get node() { return this.at[this.position]; }
  get backward() { return this.pass === "backward"; }
  get pass() {
    if (this.position >= this.update) return "update";
    return this.position >= this.turn ? "backward" : "forward";
  }
  get isSubstep() { return this.kind >= LOCAL && this.kind <= ACCUMULATE; }

  // What is known ------------------------------------------------------------

  hasValue(node) { return this.nodes[node].from <= this.position; }

  // A text of the card; those that are the wire's own are there once.
  text(found) { return found.value ?? found.wire; }

  // How far the visit of a node has come: -1, then local, multiplied, accumulated.
  stage(node) {
    if (!this.nodes[node].operands?.length) return -1;
    return Math.min(Math.max(this.position - this.visit(node), -1), ACCUMULATE - LOCAL);
  }

  // The contributions to a node's gradient that have arrived, in the order in which they did.
  contributions(node) {
    const all = this.consumers.get(node) || [];
    return all.filter((each) => each.at <= this.position).sort((a, b) => a.at - b.at);
  }

  // The gradient of a node as it stands: null, a part of the sum, or all of it.
  gradient(node) {
    const found = this.nodes[node].gradient;
    if (!found) return null;
    if (found.from <= this.position) return {...found, complete: true, arrived: found.awaited};
    const arrived = found.parts.filter((part) => part.from <= this.position);
    return arrived.length ? {...arrived[arrived.length - 1], awaited: found.awaited} : null;
  }

  // Motions --------------------------------------------------------------------

  after(position) {
    if (position >= this.end) return this.end;
    const ahead = position + 1, kind = this.kinds[ahead];
    if (kind === CALL) return this.partner[ahead];
    return kind >= LOCAL && kind <= ACCUMULATE ? ahead + ACCUMULATE - kind : ahead;
  }

  before(position) {
    if (position <= 0) return 0;
    const kind = this.kinds[position];
    if (kind === RETURN) return this.partner[position] - 1;
    return position - 1 - (kind >= LOCAL && kind <= ACCUMULATE ? kind - LOCAL : 0);
  }

  // The call right around a position, as the places of its beginning and its end.
  around(position) {
    let low = 0, high = this.intervals.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.intervals[middle][0] <= position) low = middle + 1; else high = middle;
    }
    for (let at = low - 1; at >= 0; at = this.parents[at]) {
      const [begin, finish] = this.intervals[at];
      if (begin <= position && position < finish) return [begin, finish];
    }
    return null;
  }

  out(position) {
    const around = this.around(position);
    if (around) return around[1];
    return [this.turn - 1, this.update - 1, this.end].find((end) => position < end) ?? this.end;
  }

  outBackwards(position) {
    const around = this.around(position);
    if (around) return around[0] - 1;
    const begin = [this.update, this.turn].find((place) => position >= place);
    return begin === undefined ? 0 : begin - 1;
  }

  // The next stop at a breakpoint on the way to a position, in either direction of time.
  stopBefore(target) {
    const forwards = target > this.position;
    let found = target;
    for (const node of this.breakpoints) {
      for (const place of this.places[node] || []) {
        const between = forwards ? place > this.position && place < found
          : place < this.position && place > found;
        if (between) found = place;
      }
    }
    return found;
  }

  // Where a node is reached next, or was reached before.
  reach(node, forwards) {
    const places = this.places[node] || [];
    return forwards ? places.find((place) => place > this.position)
      : places.filter((place) => place < this.position).pop();
  }

  // The calls around the cursor, outermost first.
  stack() {
    const around = this.around(this.position), found = [];
    let frame = around ? this.frames[around[0]] : NONE;
    for (; frame !== NONE; frame = this.calls[frame].parent) found.unshift(this.calls[frame]);
    return found;
  }

  // Where the cursor stands in the texts: source and line, then the program's own.
  place() {
    const call = this.kind === CALL || this.kind === RETURN;
    if (call) return this.calls[this.frames[this.position]].place;
    return this.node === NONE ? null : this.nodes[this.node].place || null;
  }

  go(target) {
    const goal = Math.max(0, Math.min(this.end, target));
    if (goal === this.position) return false;
    this.past.push(this.position);
    this.position = goal;
    return true;
  }

  goWithStops(target) { return this.go(this.stopBefore(target)); }
}
