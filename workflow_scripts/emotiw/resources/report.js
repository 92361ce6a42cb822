"use strict";
// Charts: the still picture stays until Vega has drawn the live one, which it does when the chart comes near the screen.
(() => {
  const rate = { mode: "vega-lite", ast: true, actions: false, renderer: "svg" }; // ast: no code is made from text
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((it) => it.isIntersecting)) {
      near.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "600px" });

  function draw(figure) {
    const spec = JSON.parse(figure.querySelector("script").textContent);
    spec.width = "container";
    const place = figure.querySelector(".live");
    place.hidden = false;
    vegaEmbed(place, spec, rate).then(() => figure.classList.add("drawn"), (error) => {
      place.remove();
      console.error(`${figure.id}: ${error}`);
    });
  }

  for (const figure of document.querySelectorAll("figure.chart")) near.observe(figure);
})();

// The clip explorer.
(() => {
  const data = JSON.parse(document.getElementById("clip-data").textContent);
  const list = document.getElementById("list");
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const control = (id) => document.getElementById(id);
  const filters = ["truth", "predicted", "source", "part"];
  const collator = new Intl.Collator("en", { numeric: true });
  const modalities = { v: "video", a: "audio", f: "fusion" };
  let direction = 1;
  let open = null; // the row whose scores are shown below it
  const detail = document.createElement("tr");
  detail.className = "detail";

  // --- filter and sort
  function filter() {
    const text = control("find").value.trim().toLowerCase();
    const marks = control("errors-of").value.split(" ").filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const named = `${row.dataset.clip} ${row.dataset.subject}`.toLowerCase().includes(text);
      const has = row.dataset.marks.split(" ");
      row.hidden = !(named && marks.every((mark) => has.includes(mark))
        && filters.every((id) => !control(id).value || row.dataset[id] === control(id).value));
      shown += !row.hidden;
    }
    if (open && open.hidden) close();
    control("shown").textContent = shown === rows.length ? `${shown} clips` : `${shown} of ${rows.length} clips`;
    rove(rows.find((row) => !row.hidden));
  }

  function sort(key) {
    const by = (a, b) => collator.compare(a.dataset[key], b.dataset[key]) || collator.compare(a.dataset.clip, b.dataset.clip);
    body.append(...rows.sort((a, b) => direction * by(a, b)));
    if (open) open.after(detail);
    control("sort").value = key;
    for (const head of table.tHead.querySelectorAll("[data-key]")) {
      if (head.dataset.key === key) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
    rove(rows.find((row) => !row.hidden));
  }

  // --- pictures are made when their row comes near the visible part of the list
  function picture(row) {
    const place = row.cells[0];
    const strip = data.clips[row.dataset.i].s;
    if (!strip || place.firstElementChild) return;
    const image = new Image(288, 48);
    image.decoding = "async";
    image.alt = `Faces of ${row.dataset.clip}`;
    image.src = `data:image/jpeg;base64,${strip}`;
    place.append(image);
  }
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((it) => it.isIntersecting)) {
      near.unobserve(entry.target);
      picture(entry.target);
    }
  }, { root: list, rootMargin: "400px" });
  for (const row of rows) near.observe(row);

  // --- scores of one clip
  function shade(share) { // as the confusion matrices
    const [low, high] = [[255, 255, 255], [8, 69, 148]];
    return `rgb(${low.map((value, i) => Math.round(value + (high[i] - value) * share)).join(",")})`;
  }

  function element(name, attributes, ...children) {
    const made = /^(svg|rect|text|g|title|line|path)$/.test(name)
      ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function bytes(text) {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  }

  function scoresTable(clip, row) {
    const shown = Object.keys(modalities).filter((key) => clip[key]);
    const head = element("tr", {}, element("th", { scope: "col" }, "class"),
      ...shown.map((key) => element("th", { scope: "col" }, modalities[key])));
    const lines = data.classes.map((name, c) => {
      const isTruth = name === row.dataset.truth;
      const cells = shown.map((key) => {
        const value = clip[key][c] / 1000;
        const bar = element("span", { style: `--p:${(100 * value).toFixed(1)}%` }, value.toFixed(2));
        return element("td", { class: value === Math.max(...clip[key]) / 1000 ? "bar top" : "bar" }, bar);
      });
      return element("tr", {}, element("th", { scope: "row" }, isTruth ? `${name} (truth)` : name), ...cells);
    });
    const missing = Object.keys(modalities).filter((key) => !clip[key]).map((key) => modalities[key]);
    const note = missing.length ? `${missing.join(" and ")} could not predict this clip.` : "";
    return element("div", { class: "scores" },
      element("table", { class: "small" }, element("caption", {}, `Class scores: calibrated posteriors. ${note}`),
        element("thead", {}, head), element("tbody", {}, ...lines)));
  }

  const [LEFT, CELL] = [76, 15];
  function heat(title, columns, seconds, truth) {
    const n = data.classes.length;
    const wide = Math.max(160, Math.min(480, list.clientWidth - 150)); // text keeps its size on a phone
    const step = wide / columns.length;
    const height = n * CELL;
    const svg = element("svg", { viewBox: `0 0 ${LEFT + wide + 14} ${height + 20}`, role: "img", "aria-label": title });
    data.classes.forEach((name, c) => svg.append(element("text",
      { x: LEFT - 6, y: c * CELL + 12, "text-anchor": "end", class: name === truth ? "tick truth" : "tick" }, name)));
    columns.forEach((scores, i) => scores.forEach((score, c) => svg.append(element("rect",
      { x: (LEFT + i * step).toFixed(2), y: c * CELL, width: (step + 0.3).toFixed(2), height: CELL, fill: shade(score) },
      element("title", {}, `${data.classes[c]} ${score.toFixed(2)}${seconds ? ` at ${(seconds[0] + i * seconds[1]).toFixed(2)} s` : ""}`)))));
    svg.append(element("rect", { x: LEFT, y: 0, width: wide, height, class: "frame" }));
    if (seconds) {
      const end = seconds[0] + columns.length * seconds[1];
      svg.append(element("text", { x: LEFT, y: height + 15, class: "axis" }, `${seconds[0].toFixed(1)} s`),
        element("text", { x: LEFT + wide, y: height + 15, "text-anchor": "end", class: "axis" }, `${end.toFixed(1)} s`));
    }
    return svg;
  }

  function overTime(clip, row) {
    const truth = row.dataset.truth;
    const n = data.classes.length;
    const parts = [];
    if (clip.c) {
      const flat = bytes(clip.c);
      const columns = Array.from({ length: flat.length / n }, (_, i) => Array.from(flat.subarray(i * n, i * n + n), (v) => v / 255));
      parts.push(element("figcaption", {}, "Audio over time: posteriors of each frame, mean of all networks, before calibration; dark is 1"),
        heat(`Audio posteriors of ${row.dataset.clip} over time`, columns, clip.t, truth));
    } else {
      parts.push(element("p", { class: "hint" }, row.dataset.part === "train"
        ? "Audio over time: not available, because the networks were trained on this clip." : "Audio over time: not available."));
    }
    if (clip.v) {
      parts.push(element("figcaption", {}, "Video over time: one decision for the whole clip, hence constant"),
        heat(`Video posteriors of ${row.dataset.clip}, constant over the clip`, [clip.v.map((value) => value / 1000)], null, truth));
    }
    return element("figure", { class: "time" }, ...parts);
  }

  function close() {
    if (!open) return;
    open.querySelector(".clip").setAttribute("aria-expanded", "false");
    detail.remove();
    open = null;
  }

  function show(row) {
    close();
    open = row;
    const clip = data.clips[row.dataset.i];
    const cell = element("td", { colspan: row.cells.length });
    if (clip.s) cell.append(element("img", { src: `data:image/jpeg;base64,${clip.s}`, alt: `Faces of ${row.dataset.clip}`, class: "wide" }));
    cell.append(element("div", { class: "row" }, scoresTable(clip, row), overTime(clip, row)));
    detail.replaceChildren(cell);
    row.after(detail);
    row.querySelector(".clip").setAttribute("aria-expanded", "true");
  }

  // --- keyboard: one stop of the Tab key, then arrows
  function rove(row) {
    for (const button of body.querySelectorAll('.clip[tabindex="0"]')) button.tabIndex = -1;
    if (row) row.querySelector(".clip").tabIndex = 0;
  }

  function go(row) {
    if (!row) return;
    rove(row);
    if (open) show(row);
    const button = row.querySelector(".clip");
    button.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    if (open) detail.scrollIntoView({ block: "nearest" });
  }

  body.addEventListener("keydown", (event) => {
    const row = event.target.closest("tr[data-i]");
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const visible = rows.filter((it) => !it.hidden);
    const at = visible.indexOf(row);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: Math.min(at + 10, visible.length - 1),
      PageUp: Math.max(at - 10, 0), Home: 0, End: visible.length - 1 }[event.key];
    if (event.key === "Escape") close();
    else if (to !== undefined) go(visible[to]);
    else return;
    event.preventDefault();
  });

  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-i]");
    if (!row) return;
    rove(row);
    if (open === row) close();
    else show(row);
  });

  for (const id of ["find", "errors-of", ...filters]) control(id).addEventListener("input", filter);
  control("sort").addEventListener("input", () => { direction = 1; sort(control("sort").value); });
  for (const head of table.tHead.querySelectorAll("[data-key]")) {
    head.querySelector("button").addEventListener("click", () => {
      direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      sort(head.dataset.key);
    });
  }
  document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("beforeprint", () => {
    for (const it of document.querySelectorAll("figure details, #data details")) it.open = true;
    for (const row of rows) if (!row.hidden) picture(row);
  });
  filter(); // a browser that reloads the page may have kept the fields
})();
