"use strict";
// The clips: filters that the address holds, pages of the list, and the faces and scores of one clip over time.
(() => {
  const data = JSON.parse(document.getElementById("clip-data").textContent);
  const { classes, systems, clips } = data;
  const chief = systems.length - 1;
  const control = (id) => document.getElementById(id);
  const list = control("list");
  const body = control("table").tBodies[0];
  const hasFaces = systems.includes("video");
  const fields = ["find", "judged", "truth", "predicted", "by", "source", "part", "sort"].filter(control);
  const PAGE = matchMedia("(max-width: 60rem)").matches ? 15 : 50;
  const collator = new Intl.Collator("en", { numeric: true });
  let shown = []; // numbers of the clips that pass the filters, in their order
  let first = 0; // place of the first clip of the page
  let open = null; // number of the clip whose scores are shown
  let timer = 0; // of the clip that is playing
  const detail = document.createElement("tr");
  detail.className = "detail";

  function element(name, attributes, ...children) {
    const made = /^(svg|rect|text|g|title|line|path)$/.test(name)
      ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children.filter((it) => it !== null));
    return made;
  }

  const label = (index) => (index < 0 ? "none" : classes[index]);
  const truth = (clip) => (clip.l < 0 ? "hidden" : classes[clip.l]);
  const confidence = (clip) => Math.max(...(clip.P[chief] ?? [0])) / 1000;
  const outcome = (clip) => (clip.l < 0 ? "hidden" : clip.y[chief] === clip.l ? "right" : "wrong");

  // --- filter and sort
  const orders = {
    errors: (a, b) => a - b, // the clips come in this order
    clip: (a, b) => collator.compare(clips[a].n, clips[b].n),
    truth: (a, b) => collator.compare(truth(clips[a]), truth(clips[b])) || a - b,
    predicted: (a, b) => collator.compare(label(clips[a].y[chief]), label(clips[b].y[chief])) || a - b,
    confidence: (a, b) => confidence(clips[b]) - confidence(clips[a]) || a - b,
  };

  function filter({ keep = false } = {}) {
    const value = Object.fromEntries(fields.map((id) => [id, control(id).value]));
    const text = value.find.trim().toLowerCase();
    const marks = value.judged.split(" ").filter(Boolean);
    const by = value.by ? systems.indexOf(value.by) : chief;
    const passes = (clip) => (!text || `${clip.n} ${clip.u}`.toLowerCase().includes(text))
      && marks.every((mark) => clip.m.split(" ").includes(mark))
      && (!value.truth || (value.truth === "?" ? clip.l < 0 : clip.l === classes.indexOf(value.truth)))
      && (!value.predicted || clip.y[by] === classes.indexOf(value.predicted))
      && (!value.source || clip.o === value.source) && (!value.part || clip.p === value.part);
    shown = clips.map((_, i) => i).filter((i) => passes(clips[i])).sort(orders[value.sort]);
    control("shown").textContent = shown.length === clips.length ? `${shown.length} clips` : `${shown.length} of ${clips.length} clips`;
    first = 0;
    if (!shown.includes(open)) open = null;
    else if (keep) first = PAGE * Math.floor(shown.indexOf(open) / PAGE);
    draw();
    remember();
  }

  // --- the address
  function remember() {
    const state = new URLSearchParams();
    for (const id of fields) if (control(id).value !== control(id).options?.[0].value && control(id).value) state.set(id, control(id).value);
    if (open !== null) state.set("clip", clips[open].n);
    const wanted = state.size ? `#clips?${state}` : "#clips";
    if (location.hash.startsWith("#clips?") || state.size) history.replaceState(null, "", wanted);
  }

  function recall() {
    const hash = location.hash;
    const start = hash.startsWith("#clips?") ? "#clips?".length : hash.startsWith("#clip=") ? 1 : 0; // #clip=NAME opens one
    if (!start) return false;
    const state = new URLSearchParams(hash.slice(start));
    for (const id of fields) {
      const field = control(id);
      field.value = state.get(id) ?? field.options?.[0].value ?? "";
    }
    const named = clips.findIndex((clip) => clip.n === state.get("clip"));
    open = named < 0 ? null : named;
    filter({ keep: true });
    control("clips").scrollIntoView();
    return true;
  }

  // --- one page of the list
  function status(clip) {
    const lacking = ["video", "audio"].map((name, i) => [name, clip.q[i]])
      .filter(([name, state]) => systems.includes(name) && state !== "ok")
      .map(([name, state]) => `${name}: ${state.replaceAll("_", " ")}`);
    const cell = element("td", { "data-label": "status" }, lacking.length ? element("span", { class: "flag" }, lacking.join("; ")) : "ok");
    if (systems.length > 1 && clip.o !== "fusion") {
      cell.append(element("small", {}, clip.o === "prior" ? "judged by the class frequencies" : `judged from ${clip.o} alone`));
    }
    return cell;
  }

  function row(i) {
    const clip = clips[i];
    const made = element("tr", { "data-i": i, "data-clip": clip.n });
    if (hasFaces) {
      const picture = clip.s ? element("img", { src: `data:image/jpeg;base64,${clip.s}`, alt: `Faces of ${clip.n}` }) : null;
      made.append(element("td", { class: "faces" }, picture ?? element("span", { class: "none" }, clip.q[0] === "ok" ? "" : "no face")));
    }
    const button = element("button", { type: "button", class: "clip", tabindex: -1, "aria-expanded": i === open }, clip.n);
    made.append(element("th", { scope: "row" }, button, element("small", {}, `${clip.u}; ${clip.p}${clip.d === clip.p ? "" : ` of ${clip.d}`}`)), status(clip),
      element("td", { "data-label": "truth" }, truth(clip)));
    systems.forEach((name, s) => made.append(element("td", { "data-label": name }, s === chief
      ? element("b", { class: outcome(clip) }, `${label(clip.y[s])} ${{ right: "✓", wrong: "✗", hidden: "?" }[outcome(clip)]}`)
      : clip.y[s] < 0 ? element("span", { class: "none" }, "none") : label(clip.y[s]))));
    const value = confidence(clip);
    made.append(element("td", { "data-label": "confidence", class: "bar" }, element("span", { style: `--p:${Math.round(100 * value)}%` }, value.toFixed(2))));
    return made;
  }

  function draw() {
    stop();
    const page = shown.slice(first, first + PAGE);
    body.replaceChildren(...page.map(row));
    const last = first + page.length;
    control("range").textContent = shown.length ? `${first + 1} to ${last} of ${shown.length}` : "no clip";
    control("pager").hidden = shown.length <= PAGE;
    control("previous").disabled = first === 0;
    control("next").disabled = last >= shown.length;
    rove(page.includes(open) ? open : page[0]);
    if (page.includes(open)) show(open);
  }

  function turn(step) {
    first = Math.max(0, Math.min(first + step * PAGE, PAGE * Math.floor((shown.length - 1) / PAGE)));
    open = null;
    draw();
    remember();
    list.scrollIntoView({ block: "start" });
  }

  // --- scores of one clip
  function scoresTable(clip) {
    const judging = systems.map((name, s) => [name, s]).filter(([, s]) => clip.P[s]);
    const head = element("tr", {}, element("th", { scope: "col" }, "class"), ...judging.map(([name]) => element("th", { scope: "col" }, name)));
    const lines = classes.map((name, c) => {
      const cells = judging.map(([, s]) => {
        const value = clip.P[s][c] / 1000;
        const top = clip.P[s][c] === Math.max(...clip.P[s]);
        return element("td", { class: top ? "bar top" : "bar" }, element("span", { style: `--p:${(100 * value).toFixed(1)}%` }, value.toFixed(2)));
      });
      return element("tr", {}, element("th", { scope: "row" }, c === clip.l ? `${name} (truth)` : name), ...cells);
    });
    const missing = systems.filter((_, s) => !clip.P[s]);
    const note = missing.length ? `${missing.join(" and ")} could not judge this clip.` : "";
    return element("div", {}, element("table", { class: "small" }, element("caption", {}, `Class scores: calibrated posteriors. ${note}`),
      element("thead", {}, head), element("tbody", {}, ...lines)));
  }

  const [LEFT, CELL] = [76, 15];
  function heat(title, columns, seconds, right) {
    const wide = Math.max(160, Math.min(520, list.clientWidth - 150)); // text keeps its size on a phone
    const step = wide / columns.length;
    const height = classes.length * CELL;
    const svg = element("svg", { viewBox: `0 0 ${LEFT + wide + 14} ${height + 20}`, role: "img", "aria-label": title });
    classes.forEach((name, c) => svg.append(element("text",
      { x: LEFT - 6, y: c * CELL + 12, "text-anchor": "end", class: c === right ? "tick truth" : "tick" }, name)));
    columns.forEach((scores, i) => scores.forEach((score, c) => svg.append(element("rect",
      { x: (LEFT + i * step).toFixed(2), y: c * CELL, width: (step + 0.3).toFixed(2), height: CELL, class: "shade", "fill-opacity": score.toFixed(3) },
      element("title", {}, `${classes[c]} ${score.toFixed(2)}${seconds ? ` at ${(seconds[0] + i * seconds[1]).toFixed(2)} s` : ""}`)))));
    svg.append(element("rect", { x: LEFT, y: 0, width: wide, height, class: "frame" }));
    if (seconds) {
      const end = seconds[0] + columns.length * seconds[1];
      svg.append(element("text", { x: LEFT, y: height + 15, class: "axis" }, `${seconds[0].toFixed(1)} s`),
        element("text", { x: LEFT + wide, y: height + 15, "text-anchor": "end", class: "axis" }, `${end.toFixed(1)} s`));
      svg.append(element("line", { class: "cursor", x1: LEFT, x2: LEFT, y1: 0, y2: height, "data-left": LEFT, "data-wide": wide, "data-start": seconds[0], "data-end": end }));
    }
    return svg;
  }

  function overTime(clip) {
    const n = classes.length;
    const parts = [];
    if (clip.c) {
      const flat = Uint8Array.from(atob(clip.c), (character) => character.charCodeAt(0));
      const columns = Array.from({ length: flat.length / n }, (_, i) => Array.from(flat.subarray(i * n, i * n + n), (v) => v / 255));
      parts.push(element("figcaption", {}, "Audio over time: posteriors of each frame, mean of all networks, before calibration; dark is 1"),
        heat(`Audio posteriors of ${clip.n} over time`, columns, clip.t, clip.l));
    } else if (systems.includes("audio")) {
      parts.push(element("p", { class: "hint" }, clip.p === "train"
        ? "Audio over time: not available, because the system was trained on this clip." : "Audio over time: not available; the system judges the whole clip at once, or not at all."));
    }
    return parts.length ? element("figure", { class: "time" }, ...parts) : null;
  }

  // --- the faces of a clip, played beside its scores over time
  function halt() {
    cancelAnimationFrame(timer);
    timer = 0;
    const button = detail.querySelector(".player button");
    if (button) button.textContent = "Play";
  }

  function stop() {
    halt();
    detail.querySelector("video")?.pause();
  }

  // The file of the clip, shown only if it is there and the browser can play it.
  function filmOf(clip, at) {
    if (!clip.f) return null;
    const film = element("video", { src: clip.f, controls: "", preload: "metadata", playsinline: "", hidden: "", "aria-label": `Clip ${clip.n}` });
    film.addEventListener("loadedmetadata", () => {
      film.hidden = false;
      film.classList.toggle("sound", !film.videoWidth);
    });
    film.addEventListener("error", () => film.remove());
    film.addEventListener("timeupdate", () => { if (!timer) at(film.currentTime); });
    const name = (text) => { detail.querySelector(".player button").textContent = text; };
    film.addEventListener("play", () => { halt(); name("Stop"); });
    film.addEventListener("pause", () => { if (film.isConnected) name("Play"); });
    return film;
  }

  function player(clip) {
    const times = clip.k ?? [];
    if (!clip.s && !clip.c && !clip.f) return null;
    const end = Math.max(times.at(-1) ?? 0, clip.c ? clip.t[0] + (atob(clip.c).length / classes.length) * clip.t[1] : 0, 0.1);
    const place = element("input", { type: "range", min: 0, max: end.toFixed(2), step: 0.02, value: 0, "aria-label": `Time in ${clip.n}` });
    const button = element("button", { type: "button" }, "Play");
    const said = element("output", {}, "0.00 s");
    const face = clip.s ? element("div", { class: "face", role: "img", "aria-label": `Face of ${clip.n} at the time chosen` }) : null;
    if (face) {
      face.style.backgroundImage = `url(data:image/jpeg;base64,${clip.s})`;
      face.style.backgroundSize = `${100 * times.length}% 100%`;
    }
    function at(time) {
      place.value = time;
      said.textContent = `${time.toFixed(2)} s`;
      if (face) {
        const i = Math.max(0, times.findLastIndex((it) => it <= time + 1e-6));
        face.style.backgroundPosition = `${times.length > 1 ? (100 * i) / (times.length - 1) : 0}% 0`;
      }
      for (const line of detail.querySelectorAll(".cursor")) {
        const { left, wide, start, end: stopAt } = line.dataset;
        const x = +left + +wide * Math.min(1, Math.max(0, (time - start) / (stopAt - start)));
        line.setAttribute("x1", x);
        line.setAttribute("x2", x);
      }
    }
    const film = filmOf(clip, at);
    function play() {
      if (film && film.isConnected && !film.hidden) return film.paused ? film.play() : film.pause();
      if (timer) return halt();
      const from = +place.value >= end - 0.03 ? 0 : +place.value;
      const began = performance.now();
      button.textContent = "Stop";
      const step = (now) => {
        const time = from + (now - began) / 1000;
        at(Math.min(time, end));
        if (time < end) timer = requestAnimationFrame(step);
        else halt();
      };
      timer = requestAnimationFrame(step);
    }
    button.addEventListener("click", play);
    place.addEventListener("input", () => {
      stop();
      at(+place.value);
      if (film) film.currentTime = +place.value;
    });
    const strip = clip.s ? element("img", { class: "strip", src: `data:image/jpeg;base64,${clip.s}`, alt: `Faces of ${clip.n}, at ${times.map((it) => it.toFixed(1)).join(", ")} s` }) : null;
    return element("div", { class: "player" }, film, face, button, place, said, strip);
  }

  function close() {
    stop();
    if (open === null) return;
    body.querySelector(`[data-i="${open}"] .clip`)?.setAttribute("aria-expanded", "false");
    detail.remove();
    open = null;
    remember();
  }

  function show(i) {
    stop();
    if (open !== i) close();
    open = i;
    const clip = clips[i];
    const at = body.querySelector(`[data-i="${i}"]`);
    const cell = element("td", { colspan: at.cells.length });
    const faces = element("div", {}, ...[player(clip), overTime(clip)].filter(Boolean));
    if (hasFaces && !clip.s && clip.q[0] === "ok") {
      faces.prepend(element("p", { class: "hint" }, "Faces: see the ", element("a", { href: `${list.dataset.home}contact_sheets.html` }, "contact sheets"), "."));
    }
    cell.append(element("div", { class: "row" }, faces, scoresTable(clip)));
    detail.replaceChildren(cell);
    at.after(detail);
    at.querySelector(".clip").setAttribute("aria-expanded", "true");
    remember();
  }

  // --- keyboard: one stop of the Tab key, then arrows
  function rove(i) {
    for (const button of body.querySelectorAll('.clip[tabindex="0"]')) button.tabIndex = -1;
    const button = body.querySelector(`[data-i="${i}"] .clip`);
    if (button) button.tabIndex = 0;
    return button;
  }

  function go(place) {
    const to = Math.max(0, Math.min(place, shown.length - 1));
    const wasOpen = open !== null;
    if (to < first || to >= first + PAGE) {
      first = PAGE * Math.floor(to / PAGE);
      open = null;
      draw();
    }
    const button = rove(shown[to]);
    if (!button) return;
    if (wasOpen) show(shown[to]);
    button.focus({ preventScroll: true });
    button.scrollIntoView({ block: "nearest" });
    if (wasOpen) detail.scrollIntoView({ block: "nearest" });
  }

  body.addEventListener("keydown", (event) => {
    const row = event.target.closest("tr[data-i]");
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = shown.indexOf(+row.dataset.i);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 10, PageUp: at - 10, Home: 0, End: shown.length - 1 }[event.key];
    if (event.key === "Escape") close();
    else if (to !== undefined) go(to);
    else return;
    event.preventDefault();
  });

  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-i]");
    if (!row) return;
    const i = +row.dataset.i;
    rove(i);
    if (open === i) close();
    else show(i);
  });

  for (const id of fields) control(id).addEventListener("input", () => filter());
  control("previous").addEventListener("click", () => turn(-1));
  control("next").addEventListener("click", () => turn(1));
  document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("click", (event) => { // a cell of a confusion matrix lists its clips
    const cell = event.target.closest("[data-go]");
    if (cell) location.hash = `#clips?${cell.dataset.go}&part=${document.body.dataset.part}`;
  });
  addEventListener("hashchange", recall);
  if (!recall()) filter(); // a browser that reloads the page may have kept the fields
})();
