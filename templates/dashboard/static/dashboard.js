"use strict";
// Pages are whole without this script. It tells times in the reader's zone, keeps an open page up
// with a run, and lets charts be read by pointer and keys.

const MOST_MOMENTS = 200;
const body = document.body;

// Times.

const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const brief = new Intl.DateTimeFormat(undefined, {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});
const dated = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

function tellTimes(root) {
  for (const time of root.querySelectorAll("time")) {
    const when = new Date(time.dateTime);
    const sameYear = when.getFullYear() === new Date().getFullYear();
    time.textContent = (sameYear ? brief : dated).format(when);
    time.title = full.format(when);
  }
}

// Regions: what differs in a new copy of the page is put in place of the old.

let refreshing = false;
let again = false;

async function refresh() {
  if (refreshing) { again = true; return; }
  refreshing = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) { tell("not up to date: open the dashboard anew"); return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    tellTimes(fresh);
    // A page that gained or lost a region, as a first trial or a mended lab brings, is loaded anew.
    if (names(fresh) !== names(document)) { if (!busy(document)) location.reload(); return; }
    for (const region of document.querySelectorAll("[data-live]")) {
      replace(region, fresh.getElementById(region.id));
    }
    body.dataset.state = fresh.body.dataset.state;
  } catch {
    tell("connecting again …");
  } finally {
    refreshing = false;
    // Once a second at most, however fast a run is.
    if (again) { again = false; setTimeout(refresh, 1000); }
  }
}

const names = (page) => [...page.querySelectorAll("[data-live]")].map((each) => each.id).join();
const busy = (root) => root.querySelector(":popover-open, textarea:focus, input:focus") !== null;

function replace(region, fresh) {
  const now = fresh.innerHTML;
  if (region.was === now || busy(region)) { return; }
  const open = [...region.querySelectorAll("details")].map((each) => each.open);
  const focused = region.contains(document.activeElement);
  const scrolled = [...region.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
  const top = region.scrollTop;
  region.was = now;
  region.replaceChildren(...fresh.childNodes);
  region.querySelectorAll("details").forEach((each, i) => { each.open = open[i] ?? each.open; });
  region.querySelectorAll(".scroll").forEach((each, i) => { each.scrollLeft = scrolled[i] ?? 0; });
  region.scrollTop = top;
  region.querySelectorAll("[data-chart]").forEach(readable);
  if (focused) { region.querySelector("[data-chart], a, button")?.focus({ preventScroll: true }); }
}

// The stream.

const link = document.getElementById("link");
let source = null;
let since = body.dataset.since || "";

function tell(words) {
  link.hidden = words === "";
  link.textContent = words;
}

function listen() {
  if (!body.dataset.stream || source) { return; }
  const query = new URLSearchParams({ since, state: body.dataset.state || "" });
  source = new EventSource(`${body.dataset.stream}?${query}`);
  source.addEventListener("open", () => tell(""));
  source.addEventListener("error", () => {
    tell(source.readyState === EventSource.CLOSED ? "not live: open the dashboard anew" : "connecting again …");
  });
  source.addEventListener("changed", refresh);
  source.addEventListener("moment", (event) => {
    since = event.lastEventId || since;
    addMoment(JSON.parse(event.data));
  });
}

// A browser allows six connections to a host: pages in the background give theirs back.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { source?.close(); source = null; } else { listen(); }
});

// What comes between two frames is put in at once: a model may say much in a second.
let waiting = [];

function addMoment(moment) {
  if (moment.kind === "started") { waiting = []; }
  if (waiting.push(moment) === 1) { requestAnimationFrame(showMoments); }
  if (waiting.length > MOST_MOMENTS && waiting[0].kind !== "started") { waiting.shift(); }
}

function showMoments() {
  const list = document.getElementById("moments");
  const moments = waiting;
  waiting = [];
  if (!list || !moments.length) { return; }
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  if (moments[0].kind === "started") { list.replaceChildren(); }
  list.querySelector(".none")?.remove();
  for (const moment of moments) {
    const last = list.lastElementChild;
    if (moment.kind === "says" && last?.dataset.says === moment.who) {
      last.querySelector(".text").append(moment.text);
    } else {
      list.append(momentItem(moment));
    }
  }
  while (list.childElementCount > MOST_MOMENTS) { list.firstElementChild.remove(); }
  if (atEnd) { list.scrollTop = list.scrollHeight; }
}

function momentItem(moment) {
  const kind = element("span", "kind", moment.who ? `${moment.who} · ${moment.kind}` : moment.kind);
  if (moment.kind === "started") { kind.append(element("span", "of", ` trial ${moment.trial}`)); }
  const item = element("li", moment.tone || "plain", "");
  if (moment.kind === "says") { item.dataset.says = moment.who; }
  item.append(kind);
  if (moment.text || moment.kind === "says") { item.append(element("span", "text", moment.text)); }
  return item;
}

function element(name, kind, text) {
  const made = document.createElement(name);
  made.className = kind;
  made.textContent = text;
  return made;
}

// Charts: the nearest mark is told; arrow keys go along, Enter opens.

function readable(chart) {
  let marks = null;
  let at = -1;
  const tip = element("div", "tip", "");
  const spot = element("div", "spot", "");
  tip.setAttribute("aria-live", "polite");
  const home = chart.dataset.chart;
  const isBars = "bars" in chart.dataset;

  // Marks are told as [percent of the width, height, trial, words]: read when they are first needed.
  const measure = () => {
    const frame = chart.getBoundingClientRect();
    const plot = chart.querySelector(".plot").getBoundingClientRect();
    marks = JSON.parse(chart.dataset.marks).map(([x, y, trial, words]) => ({
      x: plot.left - frame.left + x * plot.width / 100,
      y: plot.top - frame.top + y,
      words: `Trial ${trial}: ${words}`,
      address: home + trial,
    }));
    marks.sort((a, b) => a.x - b.x || a.y - b.y);
  };

  const forget = () => { marks = null; show(-1); };

  const show = (index) => {
    at = index;
    if (at < 0) { tip.remove(); spot.remove(); return; }
    if (!tip.isConnected) { chart.append(spot, tip); }
    const { x, y, words } = marks[at];
    spot.style.left = `${x}px`;
    spot.style.top = `${y}px`;
    tip.textContent = words;
    const room = chart.clientWidth - tip.offsetWidth;
    const above = y - tip.offsetHeight - 12;
    tip.style.left = `${Math.max(0, Math.min(room, x - tip.offsetWidth / 2))}px`;
    tip.style.top = `${above < -20 ? y + 14 : above}px`;
  };

  const nearest = (event) => {
    if (!marks) { measure(); }
    const frame = chart.getBoundingClientRect();
    const x = event.clientX - frame.left;
    const y = event.clientY - frame.top;
    let found = -1;
    let least = 40 * 40;
    marks.forEach((each, index) => {
      const across = (each.x - x) ** 2;
      const distance = isBars ? across : across + (each.y - y) ** 2;
      if (distance < least) { least = distance; found = index; }
    });
    return found;
  };

  chart.addEventListener("pointermove", (event) => {
    const found = nearest(event);
    chart.style.cursor = found < 0 ? "" : "pointer";
    if (found !== at) { show(found); }
  });
  chart.addEventListener("pointerleave", () => { if (marks) { show(-1); } });
  // As a link: the middle button, or Ctrl, opens it beside this page.
  const open = (event) => {
    const found = nearest(event);
    if (found < 0 || event.button > 1) { return; }
    event.preventDefault();
    const beside = event.button === 1 || event.ctrlKey || event.metaKey;
    window.open(marks[found].address, beside ? "_blank" : "_self");
  };
  chart.addEventListener("click", open);
  chart.addEventListener("auxclick", open);
  chart.addEventListener("focus", forget);
  chart.addEventListener("blur", () => { if (marks) { show(-1); } });
  chart.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
    if (event.key === "Enter" && at >= 0) {
      location.href = marks[at].address;
    } else if (event.key in steps && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      if (!marks) { measure(); }
      if (marks.length) { show(Math.max(0, Math.min(marks.length - 1, at + steps[event.key]))); }
    }
  });
  new ResizeObserver(forget).observe(chart);
}

// Keys of the page.

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) { return; }
  if (event.target.closest("input, textarea, select, [data-chart], .scroll, [popover]")) { return; }
  const search = document.querySelector("[data-search]");
  const turn = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (event.key === "/" && search) {
    event.preventDefault();
    search.focus();
    search.select();
  } else if (turn && document.querySelector(".head [rel]")) {
    document.querySelector(`.head [rel=${turn}]`)?.click();
  }
});

for (const select of document.querySelectorAll("[data-submits]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}

tellTimes(document);
document.querySelectorAll("[data-chart]").forEach(readable);
for (const list of document.querySelectorAll("#moments")) { list.scrollTop = list.scrollHeight; }
// The page is painted first; then it is kept up.
requestAnimationFrame(() => setTimeout(() => {
  for (const region of document.querySelectorAll("[data-live]")) { region.was = region.innerHTML; }
  if (!document.hidden) { listen(); }
}));
