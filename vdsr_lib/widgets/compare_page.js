/* The nodes of a comparison, and what depends on the pictures it holds. */

const MODES = [
  ["wipe", "Wipe"],
  ["side", "Side by side"],
  ["blink", "Blink"],
  ["difference", "Difference"],
];
const MAGNIFICATIONS = [4, 8, 16, 32];
const BLINK_MS = 800; // 1.25 changes a second: below the three that can harm
const CONTENT = ["pixels", "series", "names", "colour", "size", "reference", "border",
  "scores", "frame_labels", "frame_title", "frame_x", "curves", "curve_label"];

/** The page of one model: nodes, choices, what comes and goes. */
class ComparePage extends Page {
  constructor(model, el) {
    super(model, el);
    this.shown = 1; // blink: 0 the first picture, 1 the second
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.playing = false;
    this.pointers = new Map();
    this.active = false; // whether the loupe's frame is drawn on the stage
    this.build();
    this.subscribe();
    followTheme(this, () => {
      this.chartKey = null;
      this.schedule();
    });
    this.reset();
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

    this.says = h("div", { class: "vd-unseen", role: "status" });
    this.body = h("div", { class: "vc-body" },
      h("div", { class: "vc-main" }, frame, this.legend), this.frames, panel);
    this.root = h("div", { class: "vdsr-compare", role: "group" },
      bar, this.body, this.help(), this.says);
    this.el.append(this.root);
    keepKeys(this);

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
}
