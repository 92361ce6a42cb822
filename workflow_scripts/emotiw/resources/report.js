"use strict";
(() => {
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const control = (id) => document.getElementById(id);
  const filters = ["outcome", "truth", "source", "part"];
  const collator = new Intl.Collator("en", { numeric: true });
  let direction = 1;

  function filter() {
    const text = control("find").value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const named = `${row.dataset.clip} ${row.dataset.subject}`.toLowerCase().includes(text);
      row.hidden = !(named && filters.every((id) => !control(id).value || row.dataset[id] === control(id).value));
      shown += !row.hidden;
    }
    control("shown").textContent = shown === rows.length ? `${shown} clips` : `${shown} of ${rows.length} clips`;
  }

  function sort(key) {
    const by = (a, b) => collator.compare(a.dataset[key], b.dataset[key]) || collator.compare(a.dataset.clip, b.dataset.clip);
    body.append(...rows.sort((a, b) => direction * by(a, b)));
    control("sort").value = key;
    for (const head of table.tHead.querySelectorAll("[data-key]")) {
      if (head.dataset.key === key) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
  }

  for (const id of ["find", ...filters]) control(id).addEventListener("input", filter);
  control("sort").addEventListener("input", () => { direction = 1; sort(control("sort").value); });
  for (const head of table.tHead.querySelectorAll("[data-key]")) {
    head.querySelector("button").addEventListener("click", () => {
      direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      sort(head.dataset.key);
    });
  }
  document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("beforeprint", () => { for (const it of document.querySelectorAll("details")) it.open = true; });
  filter(); // a browser that reloads the page may have kept the fields
})();
