"use strict";
// Finds, filters and sorts what the page already holds; without it the page can be read all the same.
(() => {
  const list = document.getElementById("list");
  const entries = [...list.children].map((li) => ({
    li,
    details: li.querySelector("details"),
    kind: li.dataset.kind,
    order: Number(li.dataset.order),
    ai: Number(li.dataset.ai ?? NaN),
    original: Number(li.dataset.original ?? NaN),
    words: Number(li.dataset.words ?? NaN),
    title: li.querySelector(".title").textContent.trim().toLowerCase(),
  }));
  const byId = (id) => document.getElementById(id);
  const kinds = ["original", "rewritten", "aggregated", "abstained", "failed"];
  const boxes = [...byId("kinds").querySelectorAll("input")];
  document.documentElement.classList.add("js");

  const shown = () => entries.filter((e) => !e.li.hidden);

  function filter() {
    const wanted = new Set(boxes.filter((b) => b.checked).map((b) => b.value));
    const least = Number(byId("least").value) / 100;
    const query = byId("find").value.trim().toLowerCase();
    byId("least-out").textContent = byId("least").value + "%";
    for (const e of entries) {
      let fits = wanted.has(e.kind) && (least === 0 || e.ai >= least);
      if (fits && query) {
        e.text ??= e.li.textContent.toLowerCase();
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

  function follow() {
    const target = location.hash.length > 1 && byId(decodeURIComponent(location.hash.slice(1)));
    if (!target || !list.contains(target)) return;
    const entry = target.closest("li.entry");
    entry.hidden = false;
    entry.querySelector("details").open = true;
    target.scrollIntoView({ block: target === entry ? "start" : "center" });
  }

  let waiting;
  byId("find").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  });
  for (const box of boxes) box.addEventListener("change", filter);
  byId("least").addEventListener("input", filter);
  byId("sort").addEventListener("change", sort);
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
  follow();
})();
