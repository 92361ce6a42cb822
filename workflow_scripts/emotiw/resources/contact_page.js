"use strict";
(() => {
  const find = document.getElementById("find");
  const shown = document.getElementById("shown");
  const figures = [...document.querySelectorAll("figure")];

  function filter() {
    const words = find.value.trim().toLowerCase().split(/\s+/);
    let n = 0;
    for (const figure of figures) {
      const text = figure.dataset.text.toLowerCase();
      figure.hidden = !words.every((word) => text.includes(word));
      n += !figure.hidden;
    }
    shown.textContent = n === figures.length ? `${n} clips` : `${n} of ${figures.length} clips`;
  }

  find.addEventListener("input", filter);
  document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("beforeprint", () => { for (const image of document.images) image.loading = "eager"; });
  filter(); // a browser that reloads the page may have kept the field
})();
