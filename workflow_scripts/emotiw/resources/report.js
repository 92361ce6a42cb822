"use strict";
// Exports of tables and texts, and the section that the reader is in.
(() => {
  function text(cell) { // a cell with its small print in brackets
    const small = [...cell.querySelectorAll("small")].map((it) => it.textContent.trim()).filter(Boolean);
    const copy = cell.cloneNode(true);
    for (const it of copy.querySelectorAll("small, .permalink")) it.remove();
    const main = copy.textContent.replace(/\s+/g, " ").trim();
    return small.length ? `${main} (${small.join("; ")})` : main;
  }

  function lines(table) {
    return [...table.rows].map((row) => [...row.cells].flatMap((cell) => [text(cell), ...Array(cell.colSpan - 1).fill("")]));
  }

  function csv(table) {
    const quoted = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    return `${lines(table).map((row) => row.map(quoted).join(",")).join("\r\n")}\r\n`;
  }

  function latex(table) {
    const special = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "−": "$-$", "±": "$\\pm$" };
    const escaped = (value) => value.replace(/[\\~^−±]|[&%$#_{}]/g, (it) => special[it] ?? `\\${it}`);
    const n = Math.max(...[...table.rows].map((row) => row.cells.length));
    const [head, ...rows] = lines(table).map((row) => `${row.map(escaped).join(" & ")} \\\\`);
    return ["% \\usepackage{booktabs}", `\\begin{tabular}{l${"r".repeat(n - 1)}}`, "\\toprule", head, "\\midrule", ...rows,
      "\\bottomrule", "\\end{tabular}", ""].join("\n");
  }

  function save(name, content) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type: "text/plain" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function buttons(place, options) {
    const line = document.createElement("p");
    line.className = "exports";
    for (const [label, name, act] of options) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.setAttribute("aria-label", `${label} of ${name}`);
      button.addEventListener("click", act);
      line.append(button, " ");
    }
    place.after(line);
  }

  for (const table of document.querySelectorAll("table[data-name]")) {
    const name = table.dataset.name;
    buttons(table.closest(".scroll") ?? table, [
      ["CSV", name, () => save(`${name}.csv`, csv(table))],
      ["LaTeX", name, () => save(`${name}.tex`, latex(table))],
    ]);
  }
  for (const [id, file] of [["methods-text", "methods.tex"], ["bibtex", "references.bib"]]) {
    const block = document.getElementById(id);
    if (block) buttons(block, [["Save", file, () => save(file, `${block.textContent}\n`)]]);
  }

  document.getElementById("cost-by-stage").addEventListener("toggle", (event) => { // read only where a reader asks for it
    const frame = event.target.querySelector("iframe");
    if (!frame.src) frame.src = frame.dataset.src;
  });

  // a table that is wider than its place scrolls, by keyboard too
  const sizes = new ResizeObserver((entries) => {
    for (const { target: place } of entries) {
      if (place.scrollWidth > place.clientWidth + 1) {
        place.tabIndex = 0;
        place.setAttribute("role", "group");
        place.setAttribute("aria-label", `Table, scrolls sideways: ${place.querySelector("table")?.dataset.name ?? ""}`);
      } else place.removeAttribute("tabindex");
    }
  });
  for (const place of document.querySelectorAll(".scroll")) sizes.observe(place);

  const links = new Map([...document.querySelectorAll("#top + nav a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((it) => it.isIntersecting)) {
      for (const [id, link] of links) {
        link.classList.toggle("here", id === entry.target.id);
        if (id === entry.target.id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  for (const id of links.keys()) seen.observe(document.getElementById(id));
})();
