// Keys, buttons and slider: each becomes a motion of the walk, after which every part is shown anew.

const data = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const walk = new Walk(data);
const picture = new Picture(find("picture"), walk, select);
const card = new Card(find("card"), walk);
const program = new Program(find("program"), walk, toggleLine);
const steps = new Steps(find("steps"), walk, (position) => move(walk.go(position)));
const said = new Said(find("said"), walk);
const slider = find("slider");
const PAUSE = 900; // milliseconds between the steps of a playing walk
const ARROWS = {left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1]};
let playing = null;

const COMMANDS = {
  "step": () => walk.go(walk.position + 1),
  "reverse-step": () => walk.go(walk.position - 1),
  "next": () => walk.goWithStops(walk.after(walk.position)),
  "reverse-next": () => walk.goWithStops(walk.before(walk.position)),
  "finish": () => walk.goWithStops(walk.out(walk.position)),
  "reverse-finish": () => walk.goWithStops(walk.outBackwards(walk.position)),
  "continue": () => walk.goWithStops(walk.end),
  "reverse-continue": () => walk.goWithStops(0),
  "until": () => walk.goWithStops(walk.reach(walk.selected, true) ?? walk.position),
  "reverse-until": () => walk.goWithStops(walk.reach(walk.selected, false) ?? walk.position),
  "last": () => walk.go(walk.end),
  "restart": () => walk.go(0),
  "undo": () => { if (walk.past.length) { walk.position = walk.past.pop(); return true; } return false; },
};
const LOOKS = {
  "break": () => toggle(walk.selected),
  "consumer": () => select(linked("source", "target")),
  "producer": () => select(linked("target", "source")),
  "current": () => { select(picture.standsFor(walk.node)); picture.reveal(walk.selected); },
  "help": () => showKeys(),
};

// Textual's names of keys, as a browser calls them.
const NAMES = {question_mark: "?", left: "ArrowLeft", right: "ArrowRight", up: "ArrowUp", down: "ArrowDown"};
const BY_KEY = new Map();
for (const command of data.keys) {
  for (const key of command.keys) BY_KEY.set(NAMES[key] || (/^f\d+$/.test(key) ? key.toUpperCase() : key), command.name);
}

function run(name) {
  if (COMMANDS[name]) { move(COMMANDS[name]()); return; }
  if (ARROWS[name]) {
    select(picture.neighbour(walk.selected, ...ARROWS[name]));
    picture.reveal(walk.selected);
    return;
  }
  LOOKS[name]?.();
}

// After a motion: the node at hand is selected and everything shows the new position.
function move(moved) {
  if (moved) walk.selected = follow();
  show();
}

// The node that the card shows: the one at hand, of a call its result.
function follow() {
  if (walk.node !== NONE) return walk.node;
  return walk.selected;
}

function show() {
  picture.show();
  card.show();
  program.show();
  steps.show();
  said.show();
  slider.value = walk.position;
  slider.setAttribute("aria-valuetext", find("where").textContent);
  document.body.dataset.position = walk.position;
}

function select(node) {
  if (node === NONE || node === undefined) return;
  walk.selected = node;
  show();
}

function linked(from, to) {
  const at = picture.standsFor(walk.selected);
  const found = walk.edges.find(([source, target]) => (from === "source" ? source : target) === at);
  return found ? (to === "source" ? found[0] : found[1]) : NONE;
}

function toggle(node) {
  if (node === NONE || !(walk.places[node] || []).length) return;
  if (!walk.breakpoints.delete(node)) walk.breakpoints.add(node);
  show();
}

function toggleLine(source, line) {
  const nodes = Object.keys(walk.nodes).map(Number).filter((node) => {
    const place = walk.nodes[node].place;
    return place && place[0] === source && place[1] === line && (walk.places[node] || []).length;
  });
  const on = !nodes.some((node) => walk.breakpoints.has(node));
  for (const node of nodes) walk.breakpoints[on ? "add" : "delete"](node);
  show();
}

function play() {
  const button = find("play");
  if (playing) {
    clearInterval(playing);
    playing = null;
  } else {
    if (walk.position === walk.end) walk.go(0);
    playing = setInterval(() => {
      move(walk.go(walk.after(walk.position)));
      if (walk.position === walk.end) play();
    }, PAUSE);
  }
  button.classList.toggle("playing", playing !== null);
  button.title = playing ? "pause (space)" : "play (space)";
  button.setAttribute("aria-label", button.title);
}

function showKeys() {
  const dialog = find("keys");
  const table = element("table");
  let group = "";
  for (const command of data.keys) {
    if (command.group !== group) {
      group = command.group;
      const row = element("tr");
      const head = element("th", "", group);
      head.colSpan = 3;
      row.append(head);
      table.append(row);
    }
    const row = element("tr"), keys = element("td");
    for (const key of command.keys) keys.append(element("kbd", "", NAMES[key] || key), " ");
    row.append(keys, element("td", "", command.name), element("td", "quiet", command.help));
    table.append(row);
  }
  const row = element("tr"), keys = element("td");
  keys.append(element("kbd", "", "space"));
  row.append(keys, element("td", "", "play"), element("td", "quiet", "step by itself, node by node"));
  table.append(row);
  const close = element("button", "", "close");
  close.type = "button";
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(element("h2", "", "Keys"), table, close);
  dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || find("keys").open) return;
  const typing = event.target === slider && event.key.startsWith("Arrow");
  const pressing = event.target.tagName === "BUTTON" && (event.key === " " || event.key === "Enter");
  if (typing || pressing) return;
  if (event.key === " ") { event.preventDefault(); play(); return; }
  const part = event.target.closest?.("g[role=button]");
  if (event.key === "Enter" && part) { select(Number(part.id.split("-").pop())); return; }
  const name = BY_KEY.get(event.key);
  if (!name) return;
  event.preventDefault();
  run(name);
});

for (const button of document.querySelectorAll("[data-do]")) {
  button.setAttribute("aria-label", button.title);
  button.addEventListener("click", () => run(button.dataset.do));
}
find("play").setAttribute("aria-label", find("play").title);
find("play").addEventListener("click", play);
find("help").addEventListener("click", showKeys);
find("closer").addEventListener("click", () => picture.zoom(0.8));
find("farther").addEventListener("click", () => picture.zoom(1.25));
find("fit").addEventListener("click", () => picture.fit());
for (const id of ["closer", "farther", "fit"]) find(id).setAttribute("aria-label", find(id).title);
find("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
});
slider.max = walk.end;
slider.addEventListener("input", () => move(walk.go(Number(slider.value))));

find("name").textContent = document.title.replace(/: graphdbg$/, "");
find("stamp").textContent = [data.check, ...data.notes, data.drawn.length ? `random values for ${data.drawn.join(", ")}` : ""].filter(Boolean).join(" · ");
find("stamp").classList.toggle("bad", data.check.startsWith("✗"));
const turn = data.turn > data.end ? 1 : data.turn / Math.max(data.end, 1);
find("forward").style.width = `${100 * turn}%`;
find("backward").style.width = `${100 * (1 - turn)}%`;
find("backward").hidden = turn === 1;
if (walk.node !== NONE) walk.selected = walk.node;
show();
