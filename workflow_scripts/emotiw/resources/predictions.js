"use strict";
(() => {
  const table = document.getElementById("clips");
  const body = table.tBodies[0];
  const names = new Intl.Collator(undefined, { numeric: true });

  function sort(head) {
    const descending = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const column = head.cellIndex;
    const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    const rows = [...body.rows].sort((a, b) => Number(value(a)) - Number(value(b)) || names.compare(value(a), value(b)));
    body.append(...(descending ? rows.reverse() : rows));
  }

  for (const head of table.tHead.rows[0].cells) {
    if (!head.textContent.trim()) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head));
    head.append(button);
  }
})();
