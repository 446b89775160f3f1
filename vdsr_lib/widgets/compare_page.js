/* The nodes of a comparison: what is built once, and what anew for other pictures. */

const MODES = [
  ["wipe", "Wipe"],
  ["side", "Side by side"],
  ["blink", "Blink"],
  ["difference", "Difference"],
];
const MAGNIFICATIONS = [4, 8, 16, 32];

/** The page of one comparison: bar, stage, legend, frames, loupes. */
class ComparePage extends CompareState {
  constructor(model, el) {
    super(model, el);
    this.build();
    this.subscribe();
    followTheme(this, () => {
      this.chartKey = null;
      this.schedule();
    });
    this.reset();
  }

  build() {
    const bar = this.buildBar();
    const frame = this.buildStage();
    this.buildLegend();
    this.buildPlayer();
    this.says = h("div", { class: "vd-unseen", role: "status" });
    this.body = h("div", { class: "vc-body" },
      h("div", { class: "vc-main" }, frame, this.legend), this.frames, this.buildPanel());
    this.root = h("div", { class: "vdsr-compare", role: "group" },
      bar, this.body, this.help(), this.says);
    this.el.append(this.root);
    keepKeys(this);
    muteResting(this);
    this.hearHand(frame);
    this.followSize();
  }

  button(label, text, handler) {
    const node = h("button", { type: "button", title: label, "aria-label": label });
    node.append(text);
    this.listen(node, "click", handler);
    return node;
  }

  select(label, handler) {
    const caption = h("span", {}, label);
    const box = h("select");
    this.listen(box, "change", () => handler(box.value));
    return { node: h("label", { class: "vc-choice" }, caption, box), caption, box };
  }

  /** The row above: the way to compare, the two pictures, the zoom. */
  buildBar() {
    this.modes = MODES.map(([mode, text]) => {
      const node = h("button", { type: "button", "data-mode": mode }, text);
      this.listen(node, "click", () => this.set({ mode }));
      return node;
    });
    this.left = this.select("Left", (left) => this.set({ left }));
    this.right = this.select("Right", (right) => this.set({ right }));
    this.swap = this.button("Swap the two pictures", "\u21c4", () =>
      this.set({ left: this.get("right"), right: this.get("left") }));
    this.pause = this.button("Pause", "", () => this.toggleBlink());
    this.flip = this.button("Show the other picture", "Flip", () => {
      this.still = true;
      this.shown = 1 - this.shown;
      this.schedule();
    });
    this.zoomText = h("span", { class: "vc-zoom-value" });
    this.zooms = h("div", { class: "vc-group", role: "group", "aria-label": "Zoom" },
      this.button("Zoom out", MINUS, () => this.stepAtTap(-1)),
      this.zoomText,
      this.button("Zoom in", "+", () => this.stepAtTap(1)),
      this.button("Fit the whole picture", "Fit", () => this.set({ zoom: 0 })));
    this.choices = h("div", { class: "vc-choices" },
      this.left.node, this.swap, this.right.node);
    this.blinks = h("div", { class: "vc-choices vc-blinks" }, this.pause, this.flip);
    return h("div", { class: "vc-bar" },
      h("div", { class: "vc-group", role: "group", "aria-label": "Way to compare" },
        ...this.modes),
      this.choices, this.blinks, this.zooms);
  }

  /** The pictures, with the divider and its handle. */
  buildStage() {
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
    return h("div", { class: "vc-frame" }, this.stage, this.divider, this.problem);
  }

  /** What the colours of a difference mean. */
  buildLegend() {
    this.ramp = h("div", { class: "vc-ramp" });
    this.ramp.style.background =
      `linear-gradient(to right, ${DIVERGING.map((c) => `rgb(${c})`)})`;
    this.limit = this.select("Range", (value) => this.set({ limit: Number(value) }));
    this.ends = [0, 1, 2, 3, 4].map(() => h("span"));
    this.meaning = [h("span"), h("span", {}, "8-bit levels of luma"), h("span")];
    this.legend = h("div", { class: "vc-legend" },
      h("div", { class: "vc-scale" }, this.ramp,
        h("div", { class: "vc-ends" }, ...this.ends),
        h("div", { class: "vc-meaning" }, ...this.meaning)),
      this.limit.node);
  }

  /** Below: the frames, and their curves. */
  buildPlayer() {
    this.play = this.button("Play", "", () => this.togglePlay());
    this.slider = h("input", { type: "range", min: 0, step: 1 });
    this.frameText = h("span", { class: "vc-frame-text" });
    this.chart = h("div", { class: "vc-chart" });
    this.frames = h("div", { class: "vc-frames" },
      h("div", { class: "vc-player" }, this.play, this.slider, this.frameText),
      this.chart);
  }

  /** Beside the stage: the loupe, and a card for each picture. */
  buildPanel() {
    this.place = h("span", { class: "vc-place" });
    this.magnification = this.select("Loupe", (value) =>
      this.set({ magnification: Number(value) }));
    this.magnification.box.append(...MAGNIFICATIONS.map((m) =>
      h("option", { value: m }, `${m}\u00d7`)));
    this.cards = h("div", { class: "vc-cards", role: "list" });
    return h("div", { class: "vc-panel" },
      h("div", { class: "vc-head" }, this.magnification.node, this.place),
      this.cards);
  }

  /** What a pointer, a wheel and keys do is in compare.js. */
  hearHand(frame) {
    this.listen(this.slider, "input", () =>
      this.set({ frame: Number(this.slider.value) }));
    this.listen(this.handle, "keydown", (event) => this.onHandleKey(event));
    this.listen(this.stage, "keydown", (event) => this.onKey(event));
    this.listen(frame, "wheel", (event) => this.onWheel(event), { passive: false });
    this.undoScrolls(frame, ["split", "point", "centre", "zoom"]);
    this.undoScrolls(this.chart, ["frame"]);
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
  }

  help() {
    const row = (keys, what) => h("div", { class: "vc-fact" },
      h("span", { class: "vc-keys" }, keys), h("span", {}, what));
    return h("details", { class: "vc-help" },
      h("summary", {}, "Keys and gestures"),
      h("div", { class: "vc-list" },
        row("drag", "wipe moves the divider; in the other views, pan"),
        row("Shift + drag, two fingers", "pan in every view"),
        row("point; tap", "the loupe goes there"),
        row("wheel, after a click; pinch", "zoom, up to 32\u00d7"),
        row("arrow keys", "on the picture: move the loupe (Shift: ten pixels); " +
          "on the divider: move it"),
        row("+ \u2212 0", "zoom in, zoom out, fit"),
        row("1 to 9", "choose the right picture (Shift: the left one)"),
        row("[ ]", "previous, next frame"),
        row("Space", "play or pause")));
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
}
