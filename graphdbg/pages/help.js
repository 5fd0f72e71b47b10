// The keys: the table of the terminal app's commands, as far as the page has them.

// Textual's names of keys, as a browser calls them, and what stands on a key.
const NAMES = {question_mark: "?", left: "ArrowLeft", right: "ArrowRight", up: "ArrowUp", down: "ArrowDown"};
const PRINTED = {left: "←", right: "→", up: "↑", down: "↓", question_mark: "?"};
const PLAY = {name: "play", keys: ["space"], help: "node by node, by itself", group: "On"};

const browserName = (key) => NAMES[key] || (/^f\d+$/.test(key) ? key.toUpperCase() : key);
const printed = (key) => PRINTED[key] || (/^f\d+$/.test(key) ? key.toUpperCase() : key);

// From what a browser calls a key to the command's name.
function keyTable(commands) {
  return new Map(commands.flatMap(({keys, name}) => keys.map((key) => [browserName(key), name])));
}

function showKeys(dialog, commands) {
  const groups = new Map();
  for (const command of [...commands, PLAY]) {
    if (!groups.has(command.group)) groups.set(command.group, []);
    groups.get(command.group).push(command);
  }
  const head = element("div", "head"), close = element("button", "", "close");
  const title = element("h2", "", "Keys"), body = element("div", "groups");
  title.id = "keys-title";
  close.type = "button";
  close.autofocus = true;
  close.addEventListener("click", () => dialog.close());
  head.append(title, close);
  for (const [group, members] of groups) body.append(groupOfKeys(group, members));
  dialog.replaceChildren(head, body);
  dialog.showModal();
  dialog.scrollTop = 0;
}

function groupOfKeys(group, members) {
  const section = element("section"), table = element("table");
  section.append(element("h3", "", group), table);
  for (const {keys, name, help} of members) {
    const line = element("tr"), caps = element("td"), what = element("td", "", name);
    for (const key of keys) caps.append(element("kbd", "", printed(key)), " ");
    what.append(element("div", "quiet", help));
    line.append(caps, what);
    table.append(line);
  }
  return section;
}
