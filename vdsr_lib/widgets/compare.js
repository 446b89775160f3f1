/* The page side of `Compare`: it draws the model's state and writes into it.
 *
 * Everything a reader can change is a trait of the model, so that a saved or exported
 * page works without a kernel, and two views of one widget move together. Pictures
 * arrive as PNG bytes, are decoded once, and are never resampled when magnified.
 * Plain ES module for anywidget: no bundler, no element ids, no request.
 */

const MODES = [
  ["wipe", "Wipe"],
  ["side", "Side by side"],
  ["blink", "Blink"],
  ["difference", "Difference"],
];
const LADDER = [1 / 8, 1 / 4, 1 / 2, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32];
const MAX_ZOOM = 32;
const LIMITS = [2, 4, 8, 16, 32, 64, 128, 255];
const MAGNIFICATIONS = [4, 8, 16, 32];
const TALLEST = 560; // CSS pixels of the stage
const WIDE = 720; // from this width on, the loupes stand beside the stage
const GAP = 4; // between tiles
const BLINK_MS = 800; // 1.25 changes a second: below the three that can harm
const CONTENT = ["pixels", "series", "names", "colour", "size", "reference", "border",
  "scores", "frame_labels", "frame_title", "frame_x", "curves", "curve_label"];
// ColorBrewer's RdBu, reversed as in the static figures: blue too dark, red too bright.
const DIVERGING = [
  "053061", "2166ac", "4393c3", "92c5de", "d1e5f0", "f7f7f7",
  "fddbc7", "f4a582", "d6604d", "b2182b", "67001f",
].map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));
const MINUS = "\u2212";

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const signed = (value) => (value < 0 ? MINUS : value > 0 ? "+" : "") + Math.abs(value);

/** Make an element: `h("button", {class: "x", type: "button"}, "text", child)`. */
function h(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "circle", "g", "title"].includes(tag);
  const node = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** The colour of a difference from -1 to 1, as [r, g, b]. */
function diverging(share) {
  const place = ((clamp(share, -1, 1) + 1) / 2) * (DIVERGING.length - 1);
  const low = Math.min(Math.floor(place), DIVERGING.length - 2);
  return DIVERGING[low].map((c, i) =>
    Math.round(c + (place - low) * (DIVERGING[low + 1][i] - c)));
}

/** PSNR in dB (peak 255) of two lumas over a region, infinite where they agree. */
function regionPsnr(first, second, width, [top, left, rows, columns]) {
  let sum = 0;
  for (let y = top; y < top + rows; y++) {
    for (let i = y * width + left, end = i + columns; i < end; i++) {
      const d = first[i] - second[i];
      sum += d * d;
    }
  }
  return 10 * Math.log10((255 * 255 * rows * columns) / sum);
}

/** Round numbers between `low` and `high`, about `count` of them. */
function niceTicks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((s) => s * power >= rough * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    ticks.push(Number((i * step).toPrecision(10)));
  }
  return ticks;
}

/** The decoded pictures of one model, shared by its views. */
class Store {
  constructor(pixels, colour) {
    Object.assign(this, { pixels, colour, bitmaps: [], lumas: [], decoding: [] });
    this.maps = new Map();
    this.probe = document
      .createElement("canvas")
      .getContext("2d", { willReadFrequently: true });
  }

  static stores = new WeakMap();

  static of(model) {
    const pixels = model.get("pixels");
    if (!Store.stores.has(pixels)) {
      Store.stores.set(pixels, new Store(pixels, model.get("colour")));
    }
    return Store.stores.get(pixels);
  }

  /** Decode picture `i` once; exact: no colour management, no alpha. */
  decode(i) {
    this.decoding[i] ??= createImageBitmap(
      new Blob([this.pixels[i]], { type: "image/png" }),
      { colorSpaceConversion: "none", premultiplyAlpha: "none" },
    ).then((bitmap) => (this.bitmaps[i] = bitmap));
    return this.decoding[i];
  }

  /** [r, g, b] of one pixel. */
  pixel(i, x, y) {
    this.probe.drawImage(this.bitmaps[i], x, y, 1, 1, 0, 0, 1, 1);
    return this.probe.getImageData(0, 0, 1, 1).data.slice(0, 3);
  }

  /** The 8-bit luma: of colour BT.601 in studio range, rounded as MATLAB does. */
  luma(i) {
    if (this.lumas[i]) return this.lumas[i];
    const { width, height } = this.bitmaps[i];
    const context = h("canvas", { width, height })
      .getContext("2d", { willReadFrequently: true });
    context.drawImage(this.bitmaps[i], 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const luma = new Uint8Array(width * height);
    for (let k = 0, p = 0; k < luma.length; k++, p += 4) {
      luma[k] = this.colour[i]
        ? Math.floor(
          (65481 * data[p] + 128553 * data[p + 1] + 24966 * data[p + 2] + 4207500) /
            255000)
        : data[p];
    }
    return (this.lumas[i] = luma);
  }

  /** The level within which 99.5 % of all differences to `base` lie. */
  usualDifference(others, base) {
    const key = `usual ${others} ${base}`;
    if (!this.maps.has(key)) {
      const counts = new Float64Array(256);
      const b = this.luma(base);
      for (const other of others) {
        const a = this.luma(other);
        for (let k = 0; k < a.length; k++) counts[Math.abs(a[k] - b[k])]++;
      }
      let level = 0;
      let within = counts[0];
      while (level < 255 && within < 0.995 * b.length * others.length) {
        within += counts[++level];
      }
      this.maps.set(key, Math.max(1, level));
    }
    return this.maps.get(key);
  }

  /** A canvas with the signed map `a - b`, saturated at `limit` levels. */
  difference(a, b, limit) {
    const key = `map ${a} ${b} ${limit}`;
    if (this.maps.has(key)) return this.maps.get(key);
    const { width, height } = this.bitmaps[a];
    const canvas = h("canvas", { width, height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const words = new Uint32Array(image.data.buffer);
    const table = new Uint32Array(511);
    const bytes = new Uint8Array(table.buffer);
    for (let d = -255; d <= 255; d++) {
      bytes.set([...diverging(d / limit), 255], 4 * (d + 255));
    }
    const [first, second] = [this.luma(a), this.luma(b)];
    for (let k = 0; k < words.length; k++) {
      words[k] = table[first[k] - second[k] + 255];
    }
    context.putImageData(image, 0, 0);
    for (const old of [...this.maps.keys()].filter((k) => k.startsWith("map"))) {
      this.maps.delete(old); // one map is on show at a time
    }
    this.maps.set(key, canvas);
    return canvas;
  }
}

/** The scale that shows a picture whole: whole device pixels where it is enlarged. */
function fitting(width, height, [rows, columns], ratio) {
  const fit = Math.min(width / columns, height / rows);
  return fit < 1 ? fit : Math.floor(fit * ratio) / ratio;
}

/** Where a picture lies within a tile of the stage: scale, origin, visible pixels. */
function placement(tile, [height, width], zoom, [centreX, centreY], ratio) {
  const fit = fitting(tile.width, tile.height, [height, width], ratio);
  const scale = zoom === 0 ? fit : clamp(zoom, Math.min(fit, 1), MAX_ZOOM);
  const along = (start, room, length, centre) => {
    const spare = room - length * scale;
    const shift = spare >= 0
      ? spare / 2
      : clamp(room / 2 - centre * scale, spare, 0);
    return Math.round((start + shift) * ratio) / ratio;
  };
  const x = along(tile.x, tile.width, width, centreX);
  const y = along(tile.y, tile.height, height, centreY);
  const inside = (from, room, origin, length) => {
    const first = clamp(Math.ceil((from - origin) / scale - 0.5), 0, length - 1);
    const last = Math.floor((from + room - origin) / scale - 0.5);
    return [first, clamp(last + 1, first + 1, length) - first];
  };
  const [left, columns] = inside(tile.x, tile.width, x, width);
  const [top, rows] = inside(tile.y, tile.height, y, height);
  return { scale, fit, x, y, region: [top, left, rows, columns] };
}

/** Tiles for `count` pictures: in one row unless more rows show them much larger. */
function tiling(count, width, size, ratio) {
  const [rows, columns] = size;
  let best = null;
  for (let down = 1; down <= count; down++) {
    const across = Math.ceil(count / down);
    const room = (width - GAP * (across - 1)) / across;
    const most = (TALLEST - GAP * (down - 1)) / down;
    const scale = fitting(room, most, size, ratio);
    if (!best || scale > best.scale * 1.25) {
      const w = Math.min(room, Math.max(Math.floor(columns * scale), 120));
      best = { scale, across, down, w, t: Math.max(Math.floor(rows * scale), 80) };
    }
  }
  const { across, w, t } = best;
  const down = Math.ceil(count / across);
  return {
    width: across * w + GAP * (across - 1),
    height: down * t + GAP * (down - 1),
    tiles: Array.from({ length: count }, (_, i) => ({
      x: (i % across) * (w + GAP), y: Math.floor(i / across) * (t + GAP),
      width: w, height: t,
    })),
  };
}

/** The part of a tile that a picture covers. */
function covered(tile, { x, y, scale }, [rows, columns]) {
  const left = Math.max(tile.x, x);
  const top = Math.max(tile.y, y);
  return {
    x: left,
    y: top,
    width: Math.max(0, Math.min(tile.x + tile.width, x + columns * scale) - left),
    height: Math.max(0, Math.min(tile.y + tile.height, y + rows * scale) - top),
  };
}

class View {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.abort = new AbortController();
    this.shown = 1; // blink: 0 the first picture, 1 the second
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.playing = false;
    this.pointers = new Map();
    this.active = false; // whether the loupe's frame is drawn on the stage
    this.build();
    this.subscribe();
    this.watchTheme();
    this.reset();
  }

  get(name) {
    return this.model.get(name);
  }

  /** Change the state: at once on the page, a moment later in the kernel. */
  set(changes) {
    for (const [name, value] of Object.entries(changes)) this.model.set(name, value);
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.model.save_changes(), 200);
  }

  listen(node, types, handler, options = {}) {
    for (const type of types.split(" ")) {
      node.addEventListener(type, handler, { signal: this.abort.signal, ...options });
    }
  }

  // ------------------------------------------------------------------ the page

  build() {
    const button = (label, text, handler) => {
      const node = h("button", { type: "button", title: label, "aria-label": label });
      node.append(text);
      this.listen(node, "click", handler);
      return node;
    };
    const select = (label, handler) => {
      const caption = h("span", {}, label);
      const box = h("select");
      this.listen(box, "change", () => handler(box.value));
      return { node: h("label", { class: "vc-choice" }, caption, box), caption, box };
    };
    this.modes = MODES.map(([mode, text]) => {
      const node = h("button", { type: "button", "data-mode": mode }, text);
      this.listen(node, "click", () => this.set({ mode }));
      return node;
    });
    this.left = select("Left", (left) => this.set({ left }));
    this.right = select("Right", (right) => this.set({ right }));
    this.swap = button("Swap the two pictures", "\u21c4", () =>
      this.set({ left: this.get("right"), right: this.get("left") }));
    this.pause = button("Pause", "", () => this.toggleBlink());
    this.flip = button("Show the other picture", "Flip", () => {
      this.still = true;
      this.shown = 1 - this.shown;
      this.schedule();
    });
    this.zoomText = h("span", { class: "vc-zoom-value" });
    this.zooms = h("div", { class: "vc-group", role: "group", "aria-label": "Zoom" },
      button("Zoom out", MINUS, () => this.step(-1)),
      this.zoomText,
      button("Zoom in", "+", () => this.step(1)),
      button("Fit the whole picture", "Fit", () => this.set({ zoom: 0 })));
    this.choices = h("div", { class: "vc-choices" },
      this.left.node, this.swap, this.right.node);
    this.blinks = h("div", { class: "vc-choices vc-blinks" }, this.pause, this.flip);
    const bar = h("div", { class: "vc-bar" },
      h("div", { class: "vc-group", role: "group", "aria-label": "Way to compare" },
        ...this.modes),
      this.choices, this.blinks, this.zooms);

    this.canvas = h("canvas", { class: "vc-canvas", "aria-hidden": "true" });
    this.handle = h("div", {
      class: "vc-handle", role: "slider", tabindex: "0",
      "aria-label": "Divider", "aria-valuemin": "0", "aria-valuemax": "100",
    });
    this.divider = h("div", { class: "vc-divider" }, this.handle);
    this.labels = h("div", { class: "vc-labels", "aria-hidden": "true" });
    this.problem = h("div", { class: "vc-problem", role: "alert", hidden: true });
    this.stage = h("div", { class: "vc-stage", tabindex: "0", role: "application" },
      this.canvas, this.labels);
    const frame = h("div", { class: "vc-frame" },
      this.stage, this.divider, this.problem);
    this.ramp = h("div", { class: "vc-ramp" });
    this.limit = select("Range", (value) => this.set({ limit: Number(value) }));
    this.ends = [0, 1, 2, 3, 4].map(() => h("span"));
    this.meaning = [h("span"), h("span", {}, "8-bit levels of luma"), h("span")];
    this.legend = h("div", { class: "vc-legend" },
      h("div", { class: "vc-scale" }, this.ramp,
        h("div", { class: "vc-ends" }, ...this.ends),
        h("div", { class: "vc-meaning" }, ...this.meaning)),
      this.limit.node);
    this.ramp.style.background =
      `linear-gradient(to right, ${DIVERGING.map((c) => `rgb(${c})`)})`;

    this.play = button("Play", "", () => this.togglePlay());
    this.slider = h("input", { type: "range", min: 0, step: 1 });
    this.frameText = h("span", { class: "vc-frame-text" });
    this.chart = h("div", { class: "vc-chart" });
    this.frames = h("div", { class: "vc-frames" },
      h("div", { class: "vc-player" }, this.play, this.slider, this.frameText),
      this.chart);
    this.place = h("span", { class: "vc-place" });
    this.magnification = select("Loupe", (value) =>
      this.set({ magnification: Number(value) }));
    this.magnification.box.append(...MAGNIFICATIONS.map((m) =>
      h("option", { value: m }, `${m}\u00d7`)));
    this.cards = h("div", { class: "vc-cards", role: "list" });
    const panel = h("div", { class: "vc-panel" },
      h("div", { class: "vc-head" }, this.magnification.node, this.place),
      this.cards);

    this.says = h("div", { class: "vc-says", role: "status" });
    this.body = h("div", { class: "vc-body" },
      h("div", { class: "vc-main" }, frame, this.legend), this.frames, panel);
    this.root = h("div", { class: "vdsr-compare", role: "group" },
      bar, this.body, this.help(), this.says);
    this.el.append(this.root);
    this.keepKeys();

    this.listen(this.slider, "input", () =>
      this.set({ frame: Number(this.slider.value) }));
    this.listen(this.handle, "keydown", (event) => this.onHandleKey(event));
    this.listen(this.stage, "keydown", (event) => this.onKey(event));
    this.listen(frame, "wheel", (event) => this.onWheel(event), { passive: false });
    this.listen(frame, "pointerdown", (event) => this.onDown(event));
    this.listen(frame, "pointermove", (event) => this.onMove(event));
    this.listen(frame, "pointerup pointercancel", (event) => this.onUp(event));
    this.listen(frame, "pointerleave", () => this.setActive(false));
    this.listen(this.stage, "focus", () =>
      this.setActive(this.stage.matches(":focus-visible")));
    this.listen(this.stage, "blur", () => this.setActive(false));
    this.listen(this.chart, "pointerdown pointermove", (event) => {
      if (event.buttons & 1) this.onChart(event);
    });
    this.sizes = new ResizeObserver(() => this.schedule());
    this.sizes.observe(this.root);
  }

  /** Keep plain keys from the notebook, where "d d" deletes the cell. */
  keepKeys() {
    this.listen(this.root, "keydown", (event) => {
      const ours = !(event.ctrlKey || event.metaKey || event.altKey);
      if (ours && event.key !== "Escape") event.stopPropagation();
    });
    const focusable = "button, select, input, summary, [tabindex]";
    for (const node of this.root.querySelectorAll(focusable)) {
      node.setAttribute("data-lm-suppress-shortcuts", "true");
    }
  }

  help() {
    const row = (keys, what) => h("div", { class: "vc-fact" },
      h("span", { class: "vc-keys" }, keys), h("span", {}, what));
    return h("details", { class: "vc-help" },
      h("summary", {}, "Keys and gestures"),
      h("div", { class: "vc-list" },
        row("drag", "wipe moves the divider; in the other views, pan"),
        row("Shift + drag, two fingers", "pan in every view"),
        row("wheel, after a click; pinch", "zoom, up to 32\u00d7"),
        row("arrow keys", "on the picture: move the loupe (Shift: ten pixels); " +
          "on the divider: move it"),
        row("+ \u2212 0", "zoom in, zoom out, fit"),
        row("1 to 9", "choose the right picture (Shift: the left one)"),
        row("[ ]", "previous, next frame"),
        row("Space", "play or pause")));
  }

  subscribe() {
    const on = (names, handler) => {
      for (const name of names) this.model.on(`change:${name}`, handler);
      this.off = [...(this.off ?? []), ...names.map((name) => [name, handler])];
    };
    on(CONTENT, () => {
      this.stale = true; // many traits change at once: build anew when all have
      this.schedule();
    });
    on(["mode", "left", "right", "split", "zoom", "centre", "point", "frame",
      "limit", "magnification"], () => this.schedule());
    on(["mode"], () => this.startBlink());
  }

  /** Follow the page's theme: dark is what stands on a dark background. */
  watchTheme() {
    const judge = () => {
      let dark = matchMedia("(prefers-color-scheme: dark)").matches &&
        getComputedStyle(document.documentElement).colorScheme.includes("dark");
      for (let node = this.el; node; node = node.parentElement) {
        const parts = getComputedStyle(node).backgroundColor.match(/[\d.]+/g);
        const [r, g, b, alpha = 1] = (parts ?? [0, 0, 0, 0]).map(Number);
        if (alpha > 0.5) {
          dark = 0.299 * r + 0.587 * g + 0.114 * b < 128;
          break;
        }
      }
      const theme = dark ? "dark" : "light";
      if (this.root.dataset.theme !== theme) {
        this.root.dataset.theme = theme;
        this.chartKey = null;
        this.schedule();
      }
    };
    const later = () => {
      clearTimeout(this.judging);
      this.judging = setTimeout(judge, 60);
    };
    judge();
    later(); // a view is built before it stands in the page
    this.themes = new MutationObserver(later);
    for (const node of [document.documentElement, document.body]) {
      this.themes.observe(node, { attributes: true });
    }
    this.listen(matchMedia("(prefers-color-scheme: dark)"), "change", later);
  }

  /** Build what depends on the pictures: choices, cards, labels, frames. */
  reset() {
    this.store = Store.of(this.model);
    this.problem.hidden = true;
    const names = this.get("names");
    for (const { box } of [this.left, this.right]) {
      box.replaceChildren(...names.map((name) => h("option", { value: name }, name)));
    }
    this.items = names.map((name) => {
      const fact = (label) => {
        const key = h("span", { class: "vc-what" }, label);
        const value = h("span", { class: "vc-much" });
        const node = h("div", { class: "vc-fact" }, key, value);
        return { node, key, value };
      };
      const item = { name, loupe: h("canvas", { "aria-hidden": "true" }) };
      item.facts = ["value", "luma", "in view", "whole"].map(fact);
      item.node = h("div", { class: "vc-card", role: "listitem" }, item.loupe,
        h("div", { class: "vc-name", title: name }, name),
        ...item.facts.map((f) => f.node));
      return item;
    });
    this.cards.replaceChildren(...this.items.map((item) => item.node));
    this.labels.replaceChildren(
      ...names.map(() => h("div", { class: "vc-tag" }, h("span"))));
    this.slider.max = Math.max(0, this.get("frame_labels").length - 1);
    this.frames.hidden = this.get("frame_labels").length < 2;
    this.chart.hidden = this.get("curves").length === 0;
    this.chartKey = null;
    this.painted = false;
    this.scoreKey = this.arranged = null;
    this.root.setAttribute("aria-label", this.get("description"));
    this.startBlink();
    this.load();
  }

  /** Decode what is on show first, then everything else. */
  async load() {
    const { store } = this;
    try {
      await Promise.all(this.get("names").map((_, k) => store.decode(this.index(k))));
      if (store !== this.store || this.closed) return;
      this.schedule();
      for (let i = 0; i < store.pixels.length; i++) {
        await store.decode(i);
        if (store !== this.store || this.closed) return;
      }
      this.schedule();
    } catch (error) {
      this.fail(`A picture of this comparison cannot be decoded: ${error.message}`);
    }
  }

  fail(text) {
    this.problem.hidden = false;
    setText(this.problem, text);
    this.root.dataset.drawn = "yes"; // there is nothing more to come
  }

  close() {
    this.closed = true;
    this.abort.abort();
    this.sizes.disconnect();
    this.themes.disconnect();
    cancelAnimationFrame(this.frameRequest);
    clearInterval(this.blinking);
    for (const timer of [this.saving, this.judging, this.scoring, this.playTimer,
      this.saying]) clearTimeout(timer);
    for (const [name, handler] of this.off) this.model.off(`change:${name}`, handler);
    this.root.remove();
  }

  // ------------------------------------------------------------------ the state

  /** Index in `pixels` of picture `k` at the frame on show. */
  index(k) {
    const frames = this.get("series")[k];
    return frames[Math.min(this.get("frame"), frames.length - 1)];
  }

  number(name) {
    return Math.max(0, this.get("names").indexOf(name));
  }

  /** What a difference is taken against: the reference, else the left picture. */
  base() {
    return this.number(this.get("reference") || this.get("left"));
  }

  /** The picture whose difference is shown: the right one, unless it is the base. */
  subject() {
    const base = this.get("names")[this.base()];
    const chosen = [this.get("right"), this.get("left"), ...this.get("names")];
    return chosen.find((name) => name !== base);
  }

  /** Draw in the next frame; until all is drawn and scored, `data-drawn` says "no". */
  schedule() {
    this.root.dataset.drawn = "no";
    this.frameRequest ??= requestAnimationFrame(() => {
      this.frameRequest = undefined;
      if (this.closed) return;
      try {
        this.draw();
      } catch (error) {
        this.fail(`The comparison cannot be drawn: ${error.message}`);
        throw error;
      }
    });
  }

  setActive(active) {
    if (this.active !== active) {
      this.active = active;
      this.schedule();
    }
  }

  startBlink() {
    clearInterval(this.blinking);
    if (this.get("mode") === "blink" && !this.closed) {
      this.blinking = setInterval(() => {
        if (this.still || document.hidden) return;
        this.shown = 1 - this.shown;
        this.schedule();
      }, BLINK_MS);
    }
  }

  toggleBlink() {
    this.still = !this.still;
    this.schedule();
  }

  togglePlay(playing = !this.playing) {
    this.playing = playing;
    clearTimeout(this.playTimer);
    const count = this.get("frame_labels").length;
    const tick = () => {
      this.set({ frame: (this.get("frame") + 1) % count });
      this.playTimer = setTimeout(tick, clamp(6000 / count, 150, 800));
    };
    if (playing && count > 1) tick();
    this.schedule();
  }

  // ------------------------------------------------------------------ drawing

  draw() {
    if (this.stale) {
      this.stale = false;
      this.reset();
      return;
    }
    const { store } = this;
    const names = this.get("names");
    const now = names.map((_, k) => this.index(k));
    const missing = now.filter((i) => !store.bitmaps[i]);
    if (missing.length) { // a frame that is still on its way: keep the last one
      Promise.all(missing.map((i) => store.decode(i))).then(
        () => this.schedule(),
        (error) => this.fail(`A picture cannot be decoded: ${error.message}`));
      return;
    }
    this.now = now;
    this.size = this.get("size");
    const mode = this.get("mode");
    this.root.dataset.mode = mode;
    this.measure(mode);
    this.drawStage(mode);
    this.drawLoupes();
    this.describe(mode);
    this.drawFrames();
    this.scheduleScores();
    if (!this.painted) {
      this.painted = true;
      performance.mark("vdsr-compare:painted");
    }
  }

  /** Size the stage, and find where each picture lies on it. */
  measure(mode) {
    const ratio = devicePixelRatio || 1;
    const [rows, columns] = this.size;
    const count = this.items.length;
    const room = this.body.clientWidth;
    const wide = room >= WIDE;
    const most = wide ? room - 12 - clamp(0.34 * room, 290, 340) : room;
    const fit = fitting(most, TALLEST, this.size, ratio);
    const side = mode === "side" ? tiling(count, most, this.size, ratio) : null;
    const needed = side?.width ?? columns * fit;
    const width = wide ? Math.min(most, Math.max(needed, 320)) : most;
    const height = side?.height ?? clamp(Math.round(rows * fit), 160, TALLEST);
    this.arrange(wide, width, height);
    const [w, t] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== t) {
      this.canvas.width = w;
      this.canvas.height = t;
    }
    this.ratio = ratio;
    const margin = side ? Math.max(0, Math.floor((width - side.width) / 2)) : 0;
    this.tiles = side?.tiles.map((tile) => ({ ...tile, x: tile.x + margin })) ?? [{ x: 0, y: 0, width, height }];
    this.places = this.tiles.map((tile) =>
      placement(tile, this.size, this.get("zoom"), this.get("centre"), ratio));
    this.shownBoxes = this.tiles.map((tile, k) =>
      covered(tile, this.places[k], this.size));
    const [box] = this.shownBoxes;
    this.edge = Math.round((box.x + box.width * this.get("split")) * ratio) / ratio;
  }

  /** Give stage and loupes their room: loupes as large as the stage's height allows. */
  arrange(wide, width, height) {
    const key = `${wide} ${width} ${height} ${this.items.length} ${this.body.clientWidth}`;
    if (key === this.arranged) return;
    this.arranged = key;
    this.stage.style.height = `${height}px`;
    this.body.style.gridTemplateColumns = wide ? `${width}px minmax(0, 1fr)` : "";
    const room = wide ? this.body.clientWidth - width - 12 : this.body.clientWidth;
    const count = this.items.length;
    const text = this.store.colour.some(Boolean) ? 92 : 75; // pixels below a loupe
    let best = null;
    for (let across = 1; across <= Math.max(1, Math.min(count, (room + 12) / 166)); across++) {
      const w = (room - 12 * (across - 1)) / across;
      const most = (height - 26) / Math.ceil(count / across) - text - 12;
      const t = Math.round(wide ? clamp(most, 84, 0.75 * w) : 0.75 * Math.min(w, 240));
      const fits = !wide || most >= 84;
      const area = fits ? (wide ? w * t : across) : across / 1e6;
      if (!best || area > best.area) best = { area, across, t };
    }
    this.cards.style.gridTemplateColumns = `repeat(${best.across}, minmax(0, 1fr))`;
    this.cards.style.setProperty("--vc-loupe", `${best.t}px`);
  }

  drawStage(mode) {
    const context = this.canvas.getContext("2d", { alpha: false });
    const style = getComputedStyle(this.root);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.fillStyle = style.getPropertyValue("--vc-stage") || "#e8eaed";
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const [tile, place] = [this.tiles[0], this.places[0]];
    const image = (name) => this.store.bitmaps[this.now[this.number(name)]];
    const [left, right] = [this.get("left"), this.get("right")];
    if (mode === "side") {
      this.tiles.forEach((t, k) =>
        this.paint(context, this.store.bitmaps[this.now[k]], t, this.places[k]));
    } else if (mode === "difference") {
      this.paint(context, this.differenceMap(this.subject()), tile, place);
    } else if (mode === "blink") {
      this.paint(context, image(this.shown ? right : left), tile, place);
    } else {
      const { edge } = this;
      this.paint(context, image(left), { ...tile, width: edge }, place);
      const rest = { ...tile, x: edge, width: tile.width - edge };
      this.paint(context, image(right), rest, place);
    }
    if (this.active) this.drawLoupeFrames(context);
    this.drawLabels(mode, left, right);
  }

  /** Draw the part of a picture that a rectangle of the stage shows. */
  paint(context, image, box, { x, y, scale }) {
    const [rows, columns] = this.size;
    const left = clamp(Math.floor((box.x - x) / scale), 0, columns);
    const top = clamp(Math.floor((box.y - y) / scale), 0, rows);
    const right = clamp(Math.ceil((box.x + box.width - x) / scale), left, columns);
    const bottom = clamp(Math.ceil((box.y + box.height - y) / scale), top, rows);
    if (right === left || bottom === top || box.width <= 0) return;
    context.save();
    context.beginPath();
    context.rect(box.x, box.y, box.width, box.height);
    context.clip();
    context.imageSmoothingEnabled = scale < 1; // never smooth what is magnified
    context.imageSmoothingQuality = "high";
    context.drawImage(image, left, top, right - left, bottom - top,
      x + left * scale, y + top * scale, (right - left) * scale, (bottom - top) * scale);
    context.restore();
  }

  differenceMap(name) {
    const base = this.base();
    const others = this.now.filter((_, k) => k !== base);
    const usual = this.store.usualDifference(others, this.now[base]);
    const limit = this.get("limit") || usual;
    if (this.usual !== usual) {
      this.usual = usual;
      this.limit.box.replaceChildren(
        h("option", { value: 0 }, `\u00b1${usual} (automatic)`),
        ...LIMITS.map((l) => h("option", { value: l }, `\u00b1${l}`)));
    }
    const judged = Boolean(this.get("reference"));
    setText(this.meaning[0], judged ? "too dark" : "darker");
    setText(this.meaning[2], judged ? "too bright" : "brighter");
    this.limit.box.value = LIMITS.includes(this.get("limit")) ? this.get("limit") : 0;
    this.ends.forEach((end, i) => {
      const level = ((i - 2) * limit) / 2;
      setText(end, i % 2 && limit % 2 ? "" : signed(level));
    });
    return this.store.difference(this.now[this.number(name)], this.now[base], limit);
  }

  /** Outline, on the stage, what the loupe magnifies. */
  drawLoupeFrames(context) {
    const [row, column] = this.get("point");
    const loupe = this.items[0].loupe;
    const m = this.get("magnification");
    const [wide, tall] = [loupe.clientWidth / m, loupe.clientHeight / m];
    for (const [k, { x, y, scale }] of this.places.entries()) {
      const tile = this.tiles[k];
      const [w, t] = [wide * scale, tall * scale];
      const box = [x + (column + 0.5) * scale - w / 2, y + (row + 0.5) * scale - t / 2];
      context.save();
      context.beginPath();
      context.rect(tile.x, tile.y, tile.width, tile.height);
      context.clip();
      for (const [colour, thick] of [["rgba(0,0,0,.75)", 3], ["#fff", 1.25]]) {
        context.strokeStyle = colour;
        context.lineWidth = thick;
        context.strokeRect(...box, w, t);
      }
      context.restore();
    }
  }

  drawLabels(mode, left, right) {
    const tags = [...this.labels.children];
    const put = (tag, text, box, side) => {
      tag.hidden = false;
      tag.dataset.side = side;
      tag.style.cssText = `left:${box.x}px;top:${box.y}px;` +
        `width:${Math.max(0, box.width)}px;height:${box.height}px`;
      setText(tag.firstChild, text);
    };
    for (const tag of tags) tag.hidden = true;
    const { edge, shownBoxes: [box] } = this;
    if (mode === "side") {
      tags.forEach((tag, k) =>
        put(tag, this.get("names")[k], this.shownBoxes[k], "left"));
    } else if (mode === "wipe") {
      const end = box.x + box.width;
      put(tags[0], left, { ...box, width: edge - box.x }, "left");
      put(tags[1], right, { ...box, x: edge, width: end - edge }, "right");
    } else if (mode === "blink") {
      put(tags[0], this.shown ? right : left, box, "left");
    } else {
      const base = this.get("names")[this.base()];
      put(tags[0], `${this.subject()} ${MINUS} ${base}`, box, "left");
    }
    this.divider.hidden = mode !== "wipe";
    this.divider.style.transform = `translateX(${edge}px)`;
    const percent = Math.round(100 * this.get("split"));
    this.handle.setAttribute("aria-valuenow", percent);
    this.handle.setAttribute("aria-valuetext",
      `${percent} % ${left}, ${100 - percent} % ${right}`);
  }

  /** The same magnified pixels of every picture, centred on the point. */
  drawLoupes() {
    const [row, column] = this.get("point");
    const m = Math.round(this.get("magnification") * this.ratio);
    const sizes = this.items.map(({ loupe }) => [loupe.clientWidth, loupe.clientHeight]);
    const stage = getComputedStyle(this.root).getPropertyValue("--vc-stage");
    this.items.forEach(({ loupe }, k) => {
      const [w, t] = sizes[k].map((side) => Math.round(side * this.ratio));
      if (loupe.width !== w || loupe.height !== t) {
        loupe.width = w;
        loupe.height = t;
      }
      const context = loupe.getContext("2d", { alpha: false });
      context.fillStyle = stage || "#e8eaed";
      context.fillRect(0, 0, w, t);
      context.imageSmoothingEnabled = false;
      const [dx, dy] = [Math.round((w - m) / 2), Math.round((t - m) / 2)];
      const [across, down] = [Math.ceil(dx / m), Math.ceil(dy / m)];
      context.drawImage(this.store.bitmaps[this.now[k]],
        column - across, row - down, 2 * across + 1, 2 * down + 1,
        dx - across * m, dy - down * m, (2 * across + 1) * m, (2 * down + 1) * m);
      context.lineWidth = 1;
      for (const [colour, out] of [["#000", 1.5], ["#fff", 0.5]]) {
        context.strokeStyle = colour;
        context.strokeRect(dx - out, dy - out, m + 2 * out, m + 2 * out);
      }
    });
  }

  /** Bring choices, numbers and accessible names up to date. */
  describe(mode) {
    const [left, right] = [this.get("left"), this.get("right")];
    for (const node of this.modes) {
      node.setAttribute("aria-pressed", node.dataset.mode === mode);
    }
    const differs = mode === "difference";
    this.choices.hidden = mode === "side";
    this.left.node.hidden = this.swap.hidden =
      differs && Boolean(this.get("reference"));
    setText(this.left.caption,
      { blink: "First", difference: "Against" }[mode] ?? "Left");
    setText(this.right.caption,
      { blink: "Second", difference: "Picture" }[mode] ?? "Right");
    this.left.box.value = left;
    this.right.box.value = differs ? this.subject() : right;
    for (const [k, option] of [...this.right.box.options].entries()) {
      option.disabled = differs && k === this.base();
    }
    this.blinks.hidden = mode !== "blink";
    this.icon(this.pause, this.still);
    this.legend.hidden = !differs;
    const { scale } = this.places[0];
    const digits = scale >= 10 || Number.isInteger(scale) ? 0 : scale < 1 ? 2 : 1;
    setText(this.zoomText, `${scale.toFixed(digits)}\u00d7`);
    this.stage.style.touchAction = this.get("zoom") ? "none" : "pan-y";
    this.magnification.box.value = this.get("magnification");
    const what = {
      wipe: `Wipe between ${left} and ${right}`,
      side: `${this.get("names").join(", ")} side by side`,
      blink: `Blinking between ${left} and ${right}`,
      difference: `Difference of ${this.subject()} from ${this.get("names")[this.base()]}`,
    }[mode];
    this.stage.setAttribute("aria-label",
      `${what}. Arrow keys move the loupe, plus and minus zoom, 0 fits.`);
    this.writeValues();
  }

  writeValues() {
    const [row, column] = this.get("point");
    setText(this.place, `x ${column}, y ${row}`);
    const [, width] = this.size;
    this.items.forEach(({ facts }, k) => {
      const i = this.now[k];
      const [value, luma] = facts;
      const coloured = this.store.colour[i];
      setText(value.key, coloured ? "RGB" : "value");
      setText(value.value, coloured
        ? [...this.store.pixel(i, column, row)].join(" ")
        : String(this.store.luma(i)[row * width + column]));
      luma.node.hidden = !coloured;
      if (coloured) setText(luma.value, String(this.store.luma(i)[row * width + column]));
    });
  }

  /** The part of the picture in view that is scored: the border is left out. */
  scoredRegion() {
    const [top, left, rows, columns] = this.places[0].region;
    const border = this.get("border");
    const [y, x] = [Math.max(top, border), Math.max(left, border)];
    const bottom = Math.min(top + rows, this.size[0] - border);
    const right = Math.min(left + columns, this.size[1] - border);
    return [y, x, bottom - y, right - x];
  }

  /** Score now if that is quick, else when the picture has come to rest. */
  scheduleScores() {
    clearTimeout(this.scoring);
    const score = () => {
      this.writeScores();
      if (this.frameRequest === undefined) this.root.dataset.drawn = "yes";
    };
    if ((this.cost ?? 0) < 6) score();
    else this.scoring = setTimeout(score, 120);
  }

  writeScores() {
    const reference = this.get("reference");
    const region = this.scoredRegion();
    const key = JSON.stringify([region, this.now, reference]);
    if (key === this.scoreKey) return;
    this.scoreKey = key;
    const start = performance.now();
    const base = this.number(reference);
    const empty = region[2] < 1 || region[3] < 1;
    const decibels = this.items.map((_, k) => reference && k !== base && !empty
      ? regionPsnr(this.store.luma(this.now[base]), this.store.luma(this.now[k]),
        this.size[1], region)
      : NaN);
    const best = Math.max(...decibels.filter((d) => !Number.isNaN(d)));
    const dB = (value) =>
      value === Infinity || value === null ? "identical" : `${value.toFixed(2)} dB`;
    this.items.forEach(({ node, facts: [, , here, whole] }, k) => {
      const isReference = reference && k === base;
      here.node.hidden = !reference || isReference || empty;
      whole.node.hidden = !reference;
      node.classList.toggle("vc-reference", Boolean(isReference));
      setText(whole.key, isReference ? "the reference" : "whole");
      if (isReference) setText(whole.value, "");
      if (!reference || isReference) return;
      if (!empty) setText(here.value, dB(decibels[k]));
      here.node.classList.toggle("vc-best", decibels[k] === best);
      const frames = this.get("scores")[k];
      const [psnr, ssim] = frames[Math.min(this.get("frame"), frames.length - 1)];
      setText(whole.value,
        dB(psnr) + (ssim === null || psnr === null ? "" : ` / ${ssim.toFixed(4).replace("-", MINUS)}`));
    });
    this.cost = performance.now() - start;
    if (String(this.get("region")) !== String(region)) this.set({ region });
  }

  icon(button, stopped) {
    const label = stopped ? "Play" : "Pause";
    if (button.dataset.icon === label) return;
    button.dataset.icon = label;
    button.title = label;
    button.setAttribute("aria-label", label);
    const shape = stopped ? "M4 2.5v11l9-5.5z" : "M4 2.5h3v11H4zM9 2.5h3v11H9z";
    button.replaceChildren(
      h("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" },
        h("path", { d: shape, fill: "currentColor" })));
  }

  // ------------------------------------------------------------------ frames

  drawFrames() {
    const labels = this.get("frame_labels");
    if (labels.length < 2) return;
    const frame = this.get("frame");
    const title = this.get("frame_title");
    this.icon(this.play, !this.playing);
    if (Number(this.slider.value) !== frame) this.slider.value = frame;
    const text = `${title} ${labels[frame]}`;
    this.slider.setAttribute("aria-label", title);
    this.slider.setAttribute("aria-valuetext", text);
    setText(this.frameText, text);
    if (!this.get("curves").length) return;
    this.drawChart();
    const at = this.get("frame_x")[frame];
    this.marker.setAttribute("transform", `translate(${this.chartX(at)} 0)`);
    this.get("curves").forEach((curve, k) => {
      const y = valueAt(curve, at);
      this.spots[k].setAttribute("visibility", y === null ? "hidden" : "visible");
      if (y !== null) this.spots[k].setAttribute("cy", this.chartY(y));
      this.spots[k].setAttribute("cx", this.chartX(at));
      setText(this.readings[k], y === null ? "none" : y.toFixed(2));
    });
  }

  /** Draw axes and curves, once for each width, theme and content. */
  drawChart() {
    const width = this.chart.clientWidth;
    const key = `${width} ${this.root.dataset.theme}`;
    if (key === this.chartKey || !width) return;
    this.chartKey = key;
    const [height, left, right, top, bottom] = [150, 46, 12, 10, 34];
    const curves = this.get("curves");
    const xs = [...this.get("frame_x"), ...curves.flatMap((c) => c.x)];
    const ys = curves.flatMap((c) => c.y).filter((y) => y !== null);
    const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
    let [y0, y1] = ys.length ? [Math.min(...ys), Math.max(...ys)] : [0, 1];
    const pad = (y1 - y0) * 0.06 || 0.5;
    [y0, y1] = [y0 - pad, y1 + pad];
    this.chartX = (x) => left + ((x - x0) / (x1 - x0 || 1)) * (width - left - right);
    this.chartY = (y) => top + (1 - (y - y0) / (y1 - y0)) * (height - top - bottom);
    this.fromChart = (px) => x0 + ((px - left) / (width - left - right)) * (x1 - x0);
    const axis = [];
    for (const y of niceTicks(y0, y1, 5)) {
      const at = this.chartY(y);
      axis.push(h("line", { class: "vc-grid", x1: left, x2: width - right, y1: at, y2: at }),
        h("text", { x: left - 7, y: at + 4, "text-anchor": "end" }, signedTick(y)));
    }
    for (const x of this.get("frame_x")) {
      const at = this.chartX(x);
      axis.push(h("line", {
        class: "vc-tick", x1: at, x2: at, y1: height - bottom, y2: height - bottom + 4,
      }));
    }
    let free = -Infinity; // where the next label may begin
    for (const [i, x] of this.get("frame_x").entries()) {
      const text = this.get("frame_labels")[i];
      const [at, half] = [this.chartX(x), text.length * 3.6 + 4];
      if (at - half < free) continue;
      free = at + half;
      axis.push(h("text", { x: at, y: height - 18, "text-anchor": "middle" }, text));
    }
    axis.push(h("text", {
      x: (left + width - right) / 2, y: height - 3, "text-anchor": "middle",
    }, this.get("frame_title")));
    this.marker = h("g", {}, h("line", { class: "vc-now", y1: top, y2: height - bottom }));
    this.spots = curves.map((_, k) => h("circle", { r: 4.5, class: `vc-spot vc-c${k % 6}` }));
    this.readings = curves.map(() => h("b"));
    const legend = h("div", { class: "vc-curves" },
      h("span", { class: "vc-unit" }, this.get("curve_label")),
      ...curves.map((curve, k) => h("span", { class: `vc-key vc-c${k % 6}` },
        h("i"), `${curve.name} `, this.readings[k])));
    const svg = h("svg", { width, height, role: "img", "aria-label":
      `${this.get("curve_label")} against ${this.get("frame_title")}: ` +
      curves.map((c) => c.name).join(", ") },
      ...axis, ...curves.map((curve, k) =>
        h("path", { class: `vc-line vc-c${k % 6}`, d: this.line(curve) })),
      this.marker, ...this.spots);
    this.chart.replaceChildren(legend, svg);
  }

  line({ x, y }) {
    let pen = "M";
    return x.map((value, i) => {
      if (y[i] === null) {
        pen = "M";
        return "";
      }
      const point = `${pen}${this.chartX(value).toFixed(1)} ${this.chartY(y[i]).toFixed(1)}`;
      pen = "L";
      return point;
    }).join("");
  }

  onChart(event) {
    const at = this.fromChart(event.clientX - this.chart.getBoundingClientRect().left);
    const far = this.get("frame_x").map((x) => Math.abs(x - at));
    this.set({ frame: far.indexOf(Math.min(...far)) });
  }

  // ------------------------------------------------------------------ gestures

  /** Where an event is: stage coordinates, and the tile they lie in. */
  where(event) {
    const box = this.stage.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const k = Math.max(0, this.tiles.findIndex((t) =>
      x >= t.x && x < t.x + t.width && y >= t.y && y < t.y + t.height));
    return { x, y, k };
  }

  onDown(event) {
    if (event.button > 1 || !this.places) return;
    if (event.target !== this.handle) this.stage.focus({ preventScroll: true });
    if (event.button === 1) event.preventDefault();
    event.currentTarget.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.where(event));
    const wiping = this.get("mode") === "wipe" && !event.shiftKey && event.button === 0;
    this.gesture = this.pointers.size > 1 ? "pinch" : wiping ? "wipe" : "pan";
    this.onMove(event);
  }

  onMove(event) {
    if (!this.places) return;
    const here = this.where(event);
    const before = this.pointers.get(event.pointerId);
    this.active = true;
    if (!before) {
      this.pointAt(here);
      return;
    }
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId);
    this.pointers.set(event.pointerId, here);
    if (this.gesture === "pinch" && others.length) {
      this.pinch(before, here, others[0][1]);
    } else if (this.gesture === "wipe") {
      const [box] = this.shownBoxes;
      this.set({ split: clamp((here.x - box.x) / box.width, 0, 1) });
      this.pointAt(here);
    } else if (this.gesture === "pan") {
      this.pan(here.x - before.x, here.y - before.y);
    }
  }

  onUp(event) {
    this.pointers.delete(event.pointerId);
    if (this.pointers.size === 0) this.gesture = undefined;
    if (event.pointerType !== "mouse") this.setActive(false);
  }

  pinch(before, here, fixed) {
    const spread = (a) => Math.hypot(a.x - fixed.x, a.y - fixed.y);
    this.zoomTo(this.places[0].scale * (spread(here) / Math.max(1, spread(before))),
      { x: (here.x + fixed.x) / 2, y: (here.y + fixed.y) / 2, k: here.k });
    this.pan((here.x - before.x) / 2, (here.y - before.y) / 2);
  }

  /** Zoom so that the picture's point under `at` stays where it is. */
  zoomTo(wanted, at) {
    const { k } = at;
    const place = this.places[k];
    const scale = clamp(wanted, Math.min(place.fit, 1), MAX_ZOOM);
    const [tile, fits] = [this.tiles[k], scale <= place.fit && place.fit <= 1];
    const [px, py] = [(at.x - place.x) / place.scale, (at.y - place.y) / place.scale];
    this.set({
      zoom: fits ? 0 : scale,
      centre: this.inside([
        px + (tile.x + tile.width / 2 - at.x) / scale,
        py + (tile.y + tile.height / 2 - at.y) / scale,
      ], scale, tile),
    });
    this.measure(this.get("mode"));
  }

  /** Keep a centre where the picture still fills the tile. */
  inside([x, y], scale, tile) {
    const along = (value, length, room) => {
      const half = room / 2 / scale;
      return half * 2 >= length ? length / 2 : clamp(value, half, length - half);
    };
    return [along(x, this.size[1], tile.width), along(y, this.size[0], tile.height)];
  }

  pan(dx, dy) {
    const [{ scale }, tile] = [this.places[0], this.tiles[0]];
    const [x, y] = this.inside(this.get("centre"), scale, tile);
    this.set({ centre: this.inside([x - dx / scale, y - dy / scale], scale, tile) });
    this.schedule();
  }

  pointAt({ x, y, k }) {
    const place = this.places[k];
    const column = Math.floor((x - place.x) / place.scale);
    const row = Math.floor((y - place.y) / place.scale);
    const [rows, columns] = this.size;
    if (row >= 0 && column >= 0 && row < rows && column < columns) {
      this.set({ point: [row, column] });
    }
    this.schedule();
  }

  onWheel(event) {
    if (!this.places || !(event.ctrlKey || this.stage.matches(":focus"))) return;
    const { scale, fit } = this.places[0];
    if (event.deltaY > 0 && scale <= fit && !event.ctrlKey) return; // scroll the page
    event.preventDefault();
    this.turned = (this.turned ?? 0) + event.deltaY * (event.deltaMode ? 33 : 1);
    if (Math.abs(this.turned) < 40) return; // a trackpad sends many small turns
    this.step(this.turned < 0 ? 1 : -1, this.where(event));
    this.turned = 0;
  }

  /** One rung up or down the ladder of zooms, about a place or the tile's middle. */
  step(direction, at) {
    const { scale, fit } = this.places[0];
    const [tile] = this.tiles;
    const rungs = direction > 0
      ? LADDER.filter((rung) => rung > scale * 1.001)
      : LADDER.filter((rung) => rung < scale * 0.999).reverse();
    const wanted = rungs[0] ?? scale;
    const past = direction < 0 && wanted < fit && scale >= fit;
    this.zoomTo(past ? fit : wanted,
      at ?? { x: tile.x + tile.width / 2, y: tile.y + tile.height / 2, k: 0 });
    if (past || (direction < 0 && wanted === fit)) this.set({ zoom: 0 });
  }

  // ------------------------------------------------------------------ keys

  onHandleKey(event) {
    const step = event.shiftKey ? 0.1 : 0.01;
    const split = this.get("split");
    const moved = {
      ArrowLeft: split - step, ArrowDown: split - step,
      ArrowRight: split + step, ArrowUp: split + step,
      PageDown: split - 0.1, PageUp: split + 0.1, Home: 0, End: 1,
    }[event.key];
    if (moved === undefined) return;
    event.preventDefault();
    this.set({ split: clamp(Math.round(moved * 1000) / 1000, 0, 1) });
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const names = this.get("names");
    const frames = this.get("frame_labels").length;
    const arrows = {
      ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0],
    };
    const digit = /^Digit([1-9])$/.exec(event.code);
    if (arrows[event.key]) {
      this.movePoint(arrows[event.key], event.shiftKey ? 10 : 1);
    } else if (event.key === "+" || event.key === "=") {
      this.step(1, this.pointOnStage());
      this.say(() => `zoom ${this.zoomText.textContent}`);
    } else if (event.key === "-" || event.key === "_") {
      this.step(-1, this.pointOnStage());
      this.say(() => `zoom ${this.zoomText.textContent}`);
    } else if (event.key === "0") {
      this.set({ zoom: 0 });
    } else if (digit && names[digit[1] - 1] !== undefined) {
      this.set({ [event.shiftKey ? "left" : "right"]: names[digit[1] - 1] });
    } else if ((event.key === "[" || event.key === "]") && frames > 1) {
      const moved = this.get("frame") + (event.key === "[" ? -1 : 1);
      this.set({ frame: clamp(moved, 0, frames - 1) });
    } else if (event.key === " ") {
      if (this.get("mode") === "blink") this.toggleBlink();
      else if (frames > 1) this.togglePlay();
    } else {
      return;
    }
    event.preventDefault();
  }

  pointOnStage() {
    const [row, column] = this.get("point");
    const { x, y, scale } = this.places[0];
    return { x: x + (column + 0.5) * scale, y: y + (row + 0.5) * scale, k: 0 };
  }

  /** Move the loupe, and pan as far as it takes to keep its pixel in view. */
  movePoint([down, right], step) {
    const [rows, columns] = this.size;
    const [row, column] = this.get("point");
    const point = [
      clamp(row + down * step, 0, rows - 1), clamp(column + right * step, 0, columns - 1),
    ];
    this.active = true;
    this.set({ point });
    const { x, y, k } = this.pointOnStage();
    const tile = this.tiles[k];
    const beyond = (value, start, room) =>
      Math.min(0, value - start - 8) + Math.max(0, value - start - room + 8);
    const [dx, dy] = [beyond(x, tile.x, tile.width), beyond(y, tile.y, tile.height)];
    if (dx || dy) this.pan(-dx, -dy);
    this.say(() => {
      const values = this.items.map(({ name, facts: [value] }) =>
        `${name} ${value.value.textContent}`);
      return `${this.place.textContent}: ${values.join(", ")}`;
    });
  }

  /** Tell a screen reader, once the keys rest. */
  say(text) {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => setText(this.says, text()), 300);
  }
}

/** A curve's value at `x`: on its straight line between two points, else null. */
function valueAt(curve, x) {
  for (let i = 0; i < curve.x.length; i++) {
    if (curve.x[i] === x) return curve.y[i];
    const [a, b] = [curve.x[i], curve.x[i + 1]];
    if (a < x && x < b) {
      const [u, v] = [curve.y[i], curve.y[i + 1]];
      return u === null || v === null ? null : u + ((v - u) * (x - a)) / (b - a);
    }
  }
  return null;
}

function signedTick(value) {
  return (value < 0 ? MINUS : "") + String(Math.abs(value));
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.close();
  },
};
