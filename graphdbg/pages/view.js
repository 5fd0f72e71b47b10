// The view on the picture: what part of it is seen and how large. Drag, wheel, two fingers, buttons.

const READABLE = 0.8; // units of the picture to a pixel at which its texts are easy to read
const SMALLEST = 1.12; // the same when a small window shows all of it at first
const PAPER = 1600; // units of the picture whose texts can still be read on a sheet of paper
const LARGEST = 0.45, CLOSEST = 0.15, FARTHEST = 40; // the same when all is shown; limits of zooming

class View {
  constructor(section, svg) {
    this.section = section;
    this.svg = svg;
    this.graph = svg.querySelector("g.graph");
    const {e, f} = this.graph.transform.baseVal.consolidate().matrix;
    this.origin = {x: e, y: f}; // of the circuit's own coordinates in those of the picture
    const [x, y, width, height] = svg.getAttribute("viewBox").split(/\s+/).map(Number);
    this.whole = {x, y, width, height};
    this.measure();
    this.natural();
    this.watchPointer();
  }

  // The size of the pane is kept, since asking for it makes the browser lay out the page.
  measure() {
    this.room = {width: this.section.clientWidth, height: this.section.clientHeight};
  }

  // A frame may get its size only after it was opened: the first size that is one decides the view.
  watchSize(onFirst) {
    let seen = this.room.width > 0;
    new ResizeObserver(() => {
      if (!this.section.clientWidth) return;
      const scale = this.scale;
      this.measure();
      if (seen) this.look({...this.at, width: this.room.width * scale, height: this.room.height * scale});
      else this.natural();
      if (!seen) onFirst();
      seen = true;
    }).observe(this.section);
  }

  // The picture is moved by a transformation: a browser lays all its texts out anew for a viewBox.
  look(at) {
    this.at = at;
    const box = `0 0 ${at.width} ${at.height}`;
    if (this.svg.getAttribute("viewBox") !== box) this.svg.setAttribute("viewBox", box);
    this.graph.setAttribute("transform", `translate(${this.origin.x - at.x} ${this.origin.y - at.y})`);
    this.onLook?.();
  }

  // Whether a box of the picture is seen, at least in part.
  sees(box) {
    const {x, y, width, height} = this.at;
    return box.right >= x && box.left <= x + width && box.bottom >= y && box.top <= y + height;
  }

  get scale() {
    return Math.max(this.at.width / Math.max(this.room.width, 1), this.at.height / Math.max(this.room.height, 1));
  }

  get fitting() {
    const {width, height} = this.room;
    return Math.max(this.whole.width / Math.max(width, 1), this.whole.height / Math.max(height, 1));
  }

  // All of it, but not larger than it was drawn.
  fit() {
    const {x, y, width, height} = this.whole;
    this.centre(x + width / 2, y + height / 2, Math.max(this.fitting, LARGEST));
  }

  // On paper all of it, where that is not tiny.
  print() {
    this.kept = this.at;
    if (this.whole.width <= PAPER && this.whole.height <= PAPER) this.look(this.whole);
  }

  // Large enough to be read; a longer picture is seen from its beginning.
  natural() {
    if (this.fitting <= SMALLEST) { this.fit(); return; }
    const width = this.room.width * READABLE, height = this.room.height * READABLE;
    const y = this.whole.height < height ? this.whole.y - (height - this.whole.height) / 2 : this.whole.y;
    this.look({x: this.whole.x, y, width, height});
  }

  centre(x, y, scale) {
    const width = this.room.width * scale, height = this.room.height * scale;
    this.look({x: x - width / 2, y: y - height / 2, width, height});
  }

  // Zooms around a point of the window, by default the middle.
  zoom(by, clientX, clientY) {
    const box = this.section.getBoundingClientRect(), scale = this.scale;
    const next = Math.min(Math.max(scale * by, CLOSEST), FARTHEST);
    const px = clientX === undefined ? box.width / 2 : clientX - box.left;
    const py = clientY === undefined ? box.height / 2 : clientY - box.top;
    const x = this.at.x + px * scale, y = this.at.y + py * scale;
    this.look({x: x - px * next, y: y - py * next, width: box.width * next, height: box.height * next});
  }

  // Brings a box of the picture into view where it is outside; nothing moves otherwise. A larger
  // one is brought instead where it has room.
  reveal(box, larger) {
    if (!this.room.width) return;
    const margin = 12 * this.scale, {x, y, width, height} = this.at;
    const wide = larger.right - larger.left + 2 * margin, high = larger.bottom - larger.top + 2 * margin;
    const goal = wide <= width && high <= height ? larger : box;
    const dx = outside(goal.left - margin, goal.right + margin, x, x + width);
    const dy = outside(goal.top - margin, goal.bottom + margin, y, y + height);
    if (!dx && !dy) return;
    const whole = this.whole;
    this.look({...this.at, x: within(x + dx, width, whole.x, whole.width), y: within(y + dy, height, whole.y, whole.height)});
  }

  pan(dx, dy) {
    const scale = this.scale;
    this.look({...this.at, x: this.at.x - dx * scale, y: this.at.y - dy * scale});
  }

  watchPointer() {
    const touches = new Map();
    this.section.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(event.deltaY * 0.0015), event.clientX, event.clientY);
    }, {passive: false});
    this.svg.addEventListener("pointerdown", (event) => {
      touches.set(event.pointerId, event);
      this.dragged = false;
      this.apart = 0;
    });
    this.svg.addEventListener("pointermove", (event) => {
      const before = touches.get(event.pointerId);
      if (!before) return;
      const moved = Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY);
      if (!this.dragged && moved < 4) return; // a click with an unsteady hand
      touches.set(event.pointerId, event);
      this.dragged = true;
      if (touches.size === 2) this.pinch(...touches.values());
      else this.pan(event.clientX - before.clientX, event.clientY - before.clientY);
    });
    for (const kind of ["pointerup", "pointercancel", "pointerleave"]) {
      this.svg.addEventListener(kind, (event) => { touches.delete(event.pointerId); this.apart = 0; });
    }
  }

  pinch(a, b) {
    const now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    if (this.apart) this.zoom(this.apart / now, (a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2);
    this.apart = now;
  }
}

// How far to move so that a stretch lies inside of another: to its middle, so that it rests there.
function outside(low, high, from, to) {
  return low >= from && high <= to ? 0 : (low + high) / 2 - (from + to) / 2;
}

// Where a view of some length begins that is to show nothing beyond the whole, where it can.
function within(begin, length, from, all) {
  if (all <= length) return from - (length - all) / 2;
  return Math.min(Math.max(begin, from), from + all - length);
}

// The box around boxes.
function around(boxes) {
  return {
    left: Math.min(...boxes.map((each) => each.left)), right: Math.max(...boxes.map((each) => each.right)),
    top: Math.min(...boxes.map((each) => each.top)), bottom: Math.max(...boxes.map((each) => each.bottom)),
  };
}
