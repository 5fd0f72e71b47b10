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
const PAUSE = 900; // milliseconds between the steps of a playing walk, at speed 1
const SPEEDS = [1, 2, 4, 0.5];
const ARROWS = {left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1]};
let playing = null, speed = SPEEDS[0];

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
  "explain": () => find("said").focus(),
  "consumer": () => select(linked("source", "target")),
  "producer": () => select(linked("target", "source")),
  "current": () => select(walk.node),
  "help": () => showKeys(find("keys"), data.keys),
};
const BY_KEY = keyTable(data.keys);

function run(name) {
  if (COMMANDS[name]) move(COMMANDS[name]());
  else if (ARROWS[name]) select(picture.neighbour(walk.selected, ...ARROWS[name]));
  else LOOKS[name]?.();
}

// After a motion the node at hand is selected and everything shows the new position.
function move(moved) {
  if (moved && walk.node !== NONE) walk.selected = walk.node;
  show();
}

function show() {
  for (const pane of [picture, card, program, steps, said]) pane.show();
  slider.value = walk.position;
  slider.style.setProperty("--at", walk.position / Math.max(walk.end, 1));
  slider.setAttribute("aria-valuetext", find("where").textContent);
  document.body.dataset.position = walk.position;
}

function select(node) {
  if (node === NONE || node === undefined) return;
  walk.selected = node;
  show();
  picture.reveal(picture.standsFor(node));
  picture.focus();
}

// A neighbour of the selected node along an edge of the picture.
function linked(from, to) {
  const ends = ([source, target]) => ({source, target}), at = picture.standsFor(walk.selected);
  return walk.edges.map(ends).find((edge) => edge[from] === at)?.[to];
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
    playing = setInterval(tick, PAUSE / speed);
  }
  button.classList.toggle("playing", playing !== null);
  label(button, playing ? "pause (space)" : "play (space)");
}

function tick() {
  move(walk.go(walk.after(walk.position)));
  if (walk.position === walk.end) play();
}

function nextSpeed() {
  speed = SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length];
  find("speed").textContent = `${speed}×`;
  label(find("speed"), `speed of playing: ${speed}×`);
  if (playing) { play(); play(); }
}

function label(button, text) {
  button.title = text;
  button.setAttribute("aria-label", text);
}

function otherTheme() {
  const root = document.documentElement, given = root.dataset.theme;
  const dark = given ? given === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || find("keys").open) return;
  const sliding = event.target === slider && event.key.startsWith("Arrow");
  const pressing = event.target.tagName === "BUTTON" && (event.key === " " || event.key === "Enter");
  if (sliding || pressing) return;
  const part = event.target.closest?.("g[role=button]"), chosen = event.key === "Enter" || event.key === " ";
  if (part && chosen) select(Number(part.id.split("-").pop()));
  else if (event.key === " ") play();
  else if (BY_KEY.has(event.key)) run(BY_KEY.get(event.key));
  else return;
  event.preventDefault();
}

// Header and slider, which say the same at every position.
function introduce() {
  const drawn = data.drawn.length ? `random values for ${data.drawn.join(", ")}` : "";
  const stamp = [data.check, ...data.notes, drawn].filter(Boolean).join(" · ");
  find("stamp").textContent = find("stamp").title = stamp;
  find("stamp").classList.toggle("bad", data.check.startsWith("✗"));
  slider.max = walk.end;
  // A pass ends halfway to the first position of the next; one that there is not, beyond the end.
  const share = (place) => (place > walk.end ? 2 : (place - 0.5) / walk.end);
  const ends = [0, share(walk.turn), share(walk.update)];
  ["forward", "backward", "update"].forEach((pass, at) => {
    const long = Math.min(ends[at + 1] ?? 1, 1) - Math.min(ends[at], 1);
    find(pass).style.flexGrow = long;
    find(pass).hidden = long <= 0;
  });
  slider.style.setProperty("--turn", ends[1]);
  slider.style.setProperty("--update", ends[2]);
}

document.addEventListener("keydown", onKey);
for (const button of document.querySelectorAll("button[title]")) label(button, button.title);
for (const button of document.querySelectorAll("[data-do]")) {
  button.addEventListener("click", () => run(button.dataset.do));
}
const CLICKS = {
  play, speed: nextSpeed, theme: otherTheme, help: () => run("help"),
  closer: () => picture.view.zoom(0.8), farther: () => picture.view.zoom(1.25), fit: () => picture.view.fit(),
};
for (const [id, action] of Object.entries(CLICKS)) find(id).addEventListener("click", action);
slider.addEventListener("input", () => move(walk.go(Number(slider.value))));
introduce();
if (walk.node !== NONE) walk.selected = walk.node;
show();
