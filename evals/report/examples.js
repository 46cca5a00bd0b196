"use strict";
// Replies are hostile: they reach the page as text nodes only, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const PER_PAGE = 100;
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]|\p{Cs}/gu;
const filters = document.getElementById("filters");
const rows = document.getElementById("rows");
const detail = document.getElementById("detail");
const haystacks = new Map();
let found = [];
let page = 0;
let chosen = null;

/** Characters that no screen shows, or that turn text around, are written out. */
function visible(text) {
  return text.replace(HIDDEN, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = visible(text);
  return node;
}

function asked(example) {
  const users = example.messages.filter((message) => message.role === "user");
  return users.length ? users[users.length - 1].content : "";
}

function haystack(example) {
  if (!haystacks.has(example)) {
    const texts = [example.id, example.gold, ...example.messages.map((message) => message.content)];
    for (const answer of Object.values(example.answers)) texts.push(answer.reply, answer.reason);
    for (const number of example.tools) texts.push(data.tools[number].name);
    haystacks.set(example, texts.join("\n").toLowerCase());
  }
  return haystacks.get(example);
}

function verdictFits(example, answer, verdict) {
  if (verdict === "differs") {
    const verdicts = Object.values(example.answers).map((given) => given.correct);
    return new Set(verdicts).size > 1;
  }
  return !verdict || answer.correct === (verdict === "right");
}

function fits(example, wanted) {
  const answer = example.answers[wanted.arm];
  return (!wanted.split || example.split === wanted.split)
    && (!wanted.kind || example.kind === wanted.kind)
    && verdictFits(example, answer, wanted.verdict)
    && (!wanted.failure || answer.failure === wanted.failure)
    && (!wanted.text || haystack(example).includes(wanted.text.toLowerCase()));
}

function refresh() {
  const wanted = Object.fromEntries(new FormData(filters));
  found = data.examples.filter((example) => fits(example, wanted));
  page = 0;
  chosen = found[0] || null;
  showRows();
  showDetail();
}

function verdict(arm, answer) {
  const mark = make("span", `verdict ${answer.correct ? "right" : "wrong"}`, answer.correct ? "\u2713" : "\u2717");
  mark.title = `${arm}: ${answer.correct ? "right" : answer.failure}`;
  mark.setAttribute("aria-label", mark.title);
  mark.setAttribute("role", "img");
  return mark;
}

function row(example) {
  const button = make("button");
  button.type = "button";
  const verdicts = make("span", "verdicts");
  for (const arm of data.arms) verdicts.append(verdict(arm, example.answers[arm]));
  button.append(verdicts, make("span", "asked", asked(example).slice(0, 200) || example.id));
  button.append(make("span", "name", `${example.split} \u00b7 ${example.kind} \u00b7 ${example.id}`));
  button.addEventListener("click", () => choose(example, button));
  button.setAttribute("aria-current", String(example === chosen));
  const item = make("li");
  item.append(button);
  return item;
}

function choose(example, button) {
  chosen = example;
  for (const other of rows.querySelectorAll("button")) {
    other.setAttribute("aria-current", String(other === button));
  }
  showDetail();
}

function showRows() {
  const start = page * PER_PAGE;
  const shown = found.slice(start, start + PER_PAGE);
  rows.replaceChildren(...shown.map(row));
  rows.scrollTop = 0;
  document.getElementById("count").textContent = found.length
    ? `${start + 1}\u2013${start + shown.length} of ${found.length}` : "no example fits";
  document.getElementById("back").disabled = page === 0;
  document.getElementById("forth").disabled = start + PER_PAGE >= found.length;
}

function turn(label, text) {
  const node = make("div", "turn");
  node.append(make("span", "", label), make("pre", "", text));
  return node;
}

function toolList(tools) {
  const node = make("details");
  node.append(make("summary", "", `${tools.length} ${tools.length === 1 ? "tool" : "tools"}: ${tools.map((tool) => tool.name).join(", ")}`));
  for (const tool of tools) node.append(turn(tool.name, tool.text));
  return node;
}

function answerCard(arm, number, answer) {
  const node = make("div", `answer arm-${number % 6}`);
  const head = make("p");
  head.append(verdict(arm, answer), " ", make("strong", "", arm));
  const decides = answer.decision === "malformed" ? "is malformed" : `decides to ${answer.decision}`;
  head.append(` ${decides}${answer.failure ? " \u00b7 " : ""}`, make("em", "", answer.failure));
  node.append(head);
  if (answer.reason) node.append(make("p", "soft", answer.reason));
  node.append(turn("reply", answer.reply || "(empty)"));
  if (answer.reading) node.append(turn("read as", answer.reading));
  return node;
}

function showDetail() {
  detail.replaceChildren();
  if (!chosen) return;
  detail.append(make("h3", "", chosen.id));
  detail.append(make("p", "soft", `${chosen.split} \u00b7 ${chosen.kind} \u00b7 right is: ${chosen.expected}`));
  if (chosen.tools.length) detail.append(toolList(chosen.tools.map((number) => data.tools[number])));
  for (const message of chosen.messages) detail.append(turn(message.role, message.content));
  if (chosen.gold) detail.append(turn("accepted", chosen.gold));
  data.arms.forEach((arm, number) => detail.append(answerCard(arm, number, chosen.answers[arm])));
}

function turnPage(step) {
  page += step;
  chosen = found[page * PER_PAGE];
  showRows();
  showDetail();
}

function moveFocus(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const buttons = [...rows.querySelectorAll("button")];
  const next = step && buttons[buttons.indexOf(document.activeElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
  next.click();
}

let waiting = 0;
filters.addEventListener("input", (event) => {
  clearTimeout(waiting);
  waiting = setTimeout(refresh, event.target.name === "text" ? 120 : 0);
});
filters.addEventListener("submit", (event) => event.preventDefault());
rows.addEventListener("keydown", moveFocus);
document.getElementById("back").addEventListener("click", () => turnPage(-1));
document.getElementById("forth").addEventListener("click", () => turnPage(1));
refresh();
