"use strict";
(() => {
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const said = one("#said");
  const say = (text) => { said.textContent = text; };

  // --- filter ---------------------------------------------------------------------------------------
  const tables = all("section.table").map((section) => {
    const title = one("h3", section).textContent.toLowerCase();
    const rows = all("tbody tr", section).map((row) => ({ row, text: `${title} ${row.textContent.toLowerCase()}` }));
    return { section, rows, count: one(".count", section) };
  });
  let words = [];
  const matches = (text) => words.every(([word, wanted]) => text.includes(word) === wanted);

  function filter(text) {
    words = text.toLowerCase().split(/\s+/).filter((word) => word && word !== "-")
      .map((word) => (word.startsWith("-") ? [word.slice(1), false] : [word, true]));
    let shown = 0;
    let total = 0;
    for (const { section, rows, count } of tables) {
      let here = 0;
      for (const { row, text: told } of rows) {
        row.hidden = !matches(told);
        here += !row.hidden;
      }
      section.hidden = words.length > 0 && here === 0;
      if (count) count.textContent = words.length ? `${here} of ${rows.length}` : `${rows.length}`;
      shown += here;
      total += rows.length;
    }
    one("#content").classList.toggle("filtered", words.length > 0);
    nothing.hidden = shown > 0 || total === 0;
    if (words.length) say(`${shown} of ${total} rows`);
    pictures.forEach(refill);
  }
  const nothing = document.createElement("p");
  nothing.className = "nothing";
  nothing.hidden = true;
  nothing.textContent = "No row has all of these words. Escape shows everything again.";
  one("#content").append(nothing);

  const find = one("#find");
  let waiting = 0;
  find.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => filter(find.value), 80);
  });
  document.addEventListener("keydown", (event) => {
    const typing = /^(input|select|textarea)$/i.test(event.target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      find.focus();
    } else if (event.key === "Escape" && find.value) {
      find.value = "";
      filter("");
    }
  });

  // --- sort -----------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const button = event.target.closest("thead button");
    if (button) sort(button.closest("th"));
  });

  function sort(head) {
    const place = [...head.parentNode.children].indexOf(head);
    const body = one("tbody", head.closest("table"));
    const down = head.getAttribute("aria-sort") === "ascending";
    const rows = all("tr", body).map((row) => {
      const { v } = row.children[place].dataset;
      return { row, value: v === undefined ? NaN : Number(v), text: row.children[place].textContent };
    });
    const numeric = rows.some(({ value }) => !Number.isNaN(value));
    const compare = (a, b) => (numeric ? a.value - b.value : a.text.localeCompare(b.text, "en", { numeric: true }));
    rows.sort((a, b) => {
      // What has no value stands last, whichever way the others go.
      if (numeric && (Number.isNaN(a.value) || Number.isNaN(b.value))) {
        return Number.isNaN(a.value) - Number.isNaN(b.value);
      }
      return down ? compare(b, a) : compare(a, b);
    });
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows.map(({ row }) => row));
    say(`sorted by ${head.textContent}, ${down ? "descending" : "ascending"}`);
  }

  // --- columns and colours --------------------------------------------------------------------------
  const columns = one("#columns");
  columns.hidden = !one("th.more");
  columns.addEventListener("click", () => {
    const shown = document.body.classList.toggle("all");
    columns.setAttribute("aria-pressed", String(shown));
    say(shown ? "all columns are shown" : "the less important columns are hidden");
  });

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const themes = { auto: "\u25d0 Auto", light: "\u25cb Light", dark: "\u25cf Dark" };
  const button = one("#theme");
  const current = () => document.documentElement.dataset.theme;
  const look = () => (current() === "auto" ? (dark.matches ? "dark" : "light") : current());
  function paint(theme) {
    document.documentElement.dataset.theme = theme;
    button.textContent = themes[theme];
    button.setAttribute("aria-label", `Colours: ${theme === "auto" ? "as the system has them" : theme}`);
  }
  // A page from a file may be forbidden to remember anything.
  const memory = (action) => { try { return action(localStorage); } catch { return null; } };
  const kept = memory((store) => store.getItem("tradeoff-theme"));
  if (kept in themes) paint(kept);
  button.addEventListener("click", () => {
    const names = Object.keys(themes);
    const next = names[(names.indexOf(current()) + 1) % names.length];
    paint(next);
    memory((store) => store.setItem("tradeoff-theme", next));
    redraw();
  });
  dark.addEventListener("change", () => redraw());

  // --- pictures -------------------------------------------------------------------------------------
  const written = one("#data");
  let data = null;
  const pictures = all(".picture").map((frame) => ({ frame, place: Number(frame.dataset.picture), box: one(".drawing", frame) }));
  const valuesOf = (picture) => data.pictures[picture.place].values ?? data.cells;
  const filtered = (values) => (words.length ? values.filter(({ cell }) => !cell || matches(cell.toLowerCase())) : values);

  function specOf(picture, width) {
    const spec = structuredClone(data.pictures[picture.place].spec);
    spec.data = { name: "cells", values: filtered(valuesOf(picture)) };
    if (spec.spec) {
      const longest = Math.min(width < 480 ? 124 : 190, 8 + 6.4 * longestLabel(picture, spec));
      spec.spec.width = Math.max(90, width - longest - 86);
    } else if (!spec.width) {
      // Not "container", which Vega measures again at any time, also while the picture is hidden and has no width.
      spec.width = width;
      spec.autosize = { type: "fit-x", contains: "padding" };
    }
    return spec;
  }
  function longestLabel(picture, spec) {
    const { field } = spec.spec.encoding.y;
    return Math.max(4, ...valuesOf(picture).map((value) => String(value[field] ?? "").length));
  }

  async function draw(picture) {
    const { box } = picture;
    const width = box.clientWidth;
    if (!width || picture.busy) return;
    picture.busy = true;
    picture.stale = false;
    picture.width = width;
    const config = structuredClone(data.looks[look()]);
    if (width < 480) {
      config.legend.columns = 2;
      config.axis.labelLimit = 124;
    }
    picture.view?.finalize();
    try {
      picture.view = await embed(box, specOf(picture, width), config);
    } catch (error) {
      // One picture that cannot be drawn costs itself alone.
      console.error(error);
      box.textContent = `This picture cannot be drawn: ${error.message}`;
      picture.busy = false;
      return;
    }
    picture.look = look();
    picture.words = words;
    box.classList.add("done");
    box.classList.toggle("drawn-dark", picture.look === "dark");
    picture.busy = false;
    offer(picture);
    if (picture.look !== look() || picture.words !== words) queue(picture);
  }

  // What a cell does not have is not told; every name goes through the library's own escaping.
  function formatTooltip(value, escaped) {
    const rows = Object.entries(value).filter(([, text]) => text !== "undefined" && text !== undefined)
      .map(([name, text]) => `<tr><td class="key">${escaped(name)}</td><td class="value">${escaped(text)}</td></tr>`);
    return `<table>${rows.join("")}</table>`;
  }

  async function embed(box, spec, config) {
    // Vega gives its element a role and a name of its own; the one around it keeps those of the page.
    const inner = one(".inner", box) ?? box.appendChild(document.createElement("div"));
    inner.className = "inner";
    // 1 is: errors alone. Vega-Lite takes no logger here, and warns of panels whose scales differ on purpose.
    const { warn } = console;
    console.warn = () => {};
    try {
      const options = { config, renderer: "svg", actions: false, logLevel: 1, tooltip: { formatTooltip } };
      const { view } = await vegaEmbed(inner, spec, options);
      return view;
    } finally {
      console.warn = warn;
    }
  }

  function refill(picture) {
    if (!picture.view) return;
    if (picture.frame.hidden) {
      picture.stale = true;
      return;
    }
    picture.words = words;
    picture.view.data("cells", filtered(valuesOf(picture))).runAsync();
  }

  function offer({ frame, view }) {
    one(".save", frame)?.remove();
    const place = document.createElement("span");
    place.className = "save";
    for (const kind of ["svg", "png"]) {
      const save = document.createElement("button");
      save.type = "button";
      save.textContent = kind.toUpperCase();
      save.setAttribute("aria-label", `Save this picture as ${kind.toUpperCase()}`);
      save.addEventListener("click", async () => {
        const link = document.createElement("a");
        link.href = await view.toImageURL(kind, 2);
        link.download = `${one("h3", frame).textContent}.${kind}`;
        link.click();
      });
      place.append(save);
    }
    one("h3", frame).after(place);
  }

  // One at a time, and never while the reader is doing something else.
  const waitingFor = [];
  const idle = window.requestIdleCallback ?? ((action) => setTimeout(action, 1));
  let drawing = false;
  function queue(picture, first = false) {
    const place = waitingFor.indexOf(picture);
    if (place >= 0) waitingFor.splice(place, 1);
    if (first) waitingFor.unshift(picture); else waitingFor.push(picture);
    if (drawing) return;
    drawing = true;
    idle(next, { timeout: 200 });
  }
  async function next() {
    const picture = waitingFor.shift();
    if (picture && !picture.frame.hidden) await draw(picture);
    drawing = waitingFor.length > 0;
    if (drawing) idle(next, { timeout: 200 });
    else document.documentElement.dataset.drawn = "all";
  }
  function redraw() {
    delete document.documentElement.dataset.drawn;
    for (const picture of pictures) {
      if (!picture.frame.hidden) queue(picture);
      else picture.stale = true;
    }
  }

  one("#scene")?.addEventListener("change", (event) => {
    for (const part of all("[data-group]")) part.hidden = part.dataset.group !== event.target.value;
    for (const picture of pictures) {
      const { frame, view, box } = picture;
      if (frame.hidden) continue;
      if (!view || picture.stale || picture.look !== look() || picture.width !== box.clientWidth) queue(picture);
    }
    say(`pictures of ${event.target.selectedOptions[0].textContent}`);
  });

  addEventListener("beforeprint", () => all("details").forEach((part) => { part.open = true; }));

  function start() {
    filter("");
    if (!written || typeof vegaEmbed === "undefined") return;
    data = JSON.parse(written.textContent);
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const picture = pictures.find(({ frame }) => frame === entry.target);
        if (entry.isIntersecting && !picture.view) queue(picture, true);
      }
    }, { rootMargin: "200px" });
    for (const picture of pictures) {
      seen.observe(picture.frame);
      if (!picture.frame.hidden) queue(picture);
    }
    let resizing = 0;
    addEventListener("resize", () => {
      clearTimeout(resizing);
      resizing = setTimeout(() => {
        for (const picture of pictures) {
          if (picture.view && !picture.frame.hidden && picture.box.clientWidth !== picture.width) queue(picture);
        }
      }, 150);
    });
  }
  document.documentElement.dataset.ready = "yes";
  document.addEventListener("DOMContentLoaded", start);
})();
