"use strict";
// Finds, filters and sorts what the page already holds; without it the page can be read all the same.
(() => {
  const list = document.getElementById("list");
  const entries = [...list.children].map((li) => ({
    li,
    details: li.querySelector("details"),
    body: li.querySelector(".body"),
    kind: li.dataset.kind,
    order: Number(li.dataset.order),
    ai: Number(li.dataset.ai ?? NaN),
    original: Number(li.dataset.original ?? NaN),
    words: Number(li.dataset.words ?? NaN),
    title: li.querySelector(".title").textContent.trim().toLowerCase(),
    id: li.querySelector(".name small").textContent,
  }));
  const byId = (id) => document.getElementById(id);
  const kinds = ["original", "rewritten", "aggregated", "abstained", "failed"];
  const boxes = [...byId("kinds").querySelectorAll("input")];
  document.documentElement.classList.add("js");

  // In a long list only the articles that are open stay in the document: a browser styles every node that is in it.
  const LONG = 60;

  function attach(e) {
    if (e.details.open && e.body) e.details.append(e.body);
    else e.body?.remove();
  }

  if (entries.length > LONG) {
    for (const e of entries) {
      attach(e);
      e.details.addEventListener("toggle", () => attach(e));
    }
  }

  const shown = () => entries.filter((e) => !e.li.hidden);

  function filter() {
    const wanted = new Set(boxes.filter((b) => b.checked).map((b) => b.value));
    const least = Number(byId("least").value) / 100;
    const query = byId("find").value.trim().toLowerCase();
    byId("least-out").textContent = byId("least").value + "%";
    for (const e of entries) {
      let fits = wanted.has(e.kind) && (least === 0 || e.ai >= least);
      if (fits && query) {
        e.text ??= (e.title + "\n" + e.id + "\n" + (e.body?.querySelector(".copy").textContent ?? "")).toLowerCase();
        fits = e.text.includes(query);
      }
      e.li.hidden = !fits;
    }
    const n = shown().length;
    byId("status").textContent =
      n === entries.length ? `${n.toLocaleString("en")} shown` : `${n.toLocaleString("en")} of ${entries.length.toLocaleString("en")} shown`;
    byId("none").hidden = n > 0 || entries.length === 0;
  }

  function sort() {
    const key = byId("sort").value;
    const name = key.replace("-", "");
    const sign = key.startsWith("-") ? -1 : 1;
    const value = (e) => (name === "kind" ? kinds.indexOf(e.kind) : e[name]);
    entries.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (typeof x === "string") return x.localeCompare(y) || a.order - b.order;
      // what has no figure comes last, whichever way
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a.order - b.order;
      return sign * (x - y) || a.order - b.order;
    });
    list.append(...entries.map((e) => e.li));
  }

  function show() {
    for (const what of ["passages", "wording"]) document.body.classList.toggle(`no-${what}`, !byId(`show-${what}`).checked);
  }

  function follow() {
    const number = /^#a(\d+)/.exec(location.hash)?.[1];
    const entry = entries.find((e) => e.order === Number(number));
    if (!entry) return;
    entry.li.hidden = false;
    entry.details.open = true;
    attach(entry);
    const target = byId(location.hash.slice(1)) ?? entry.li;
    target.scrollIntoView({ block: target === entry.li ? "start" : "center" });
  }

  let waiting;
  byId("find").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  });
  for (const box of boxes) box.addEventListener("change", filter);
  byId("least").addEventListener("input", filter);
  byId("sort").addEventListener("change", sort);
  for (const what of ["passages", "wording"]) byId(`show-${what}`).addEventListener("change", show);
  byId("open").addEventListener("click", () => shown().forEach((e) => (e.details.open = true)));
  byId("close").addEventListener("click", () => entries.forEach((e) => (e.details.open = false)));
  document.querySelector("form.tools").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", follow);
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    event.preventDefault();
    byId("find").focus();
  });
  // A browser may keep what was chosen before the page was loaded again.
  filter();
  sort();
  show();
  follow();
})();
