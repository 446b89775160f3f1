/* What stands on the page of a receptive field, and which field of which pixel it is. */

const VIEWS = [["output", "Output"], ["input", "Bicubic input"], ["original", "Original"]];

/** The nodes of the page, its pictures, and the field that is looked at. */
class ReceptivePage extends Explorer {
  build() {
    this.fields = new Map();
    this.views = this.choice("Shown", (view) => this.set({ view }));
    this.views.fill(VIEWS);
    this.kinds = this.choice("Field", (kind) => this.set({ average: kind === "mean" }));
    this.depth = this.player("Depth", (frame) => this.set({ frame }),
      () => this.get("depths").length, 900);
    this.canvas = h("canvas", { class: "vr-canvas", "aria-hidden": "true" });
    this.stage = h("div", { class: "vr-stage", tabindex: "0", role: "application" }, this.canvas);
    this.cards = ["what it sees", "how it counts", "what it makes"].map((title) => {
      const canvas = h("canvas", { "aria-hidden": "true" });
      const below = h("div", { class: "vr-below" });
      return { canvas, below, node: h("figure", { class: "vr-card" },
        h("figcaption", {}, title), canvas, below) };
    });
    const ramp = h("div", { class: "vr-ramp" });
    ramp.style.background = `linear-gradient(to right, ${MAGMA.map((c) => `rgb(${c})`)})`;
    this.legend = h("div", { class: "vr-legend" },
      h("span", { class: "vk-note" }, "gradient, of its largest value"), ramp,
      h("div", { class: "vr-ends" }, ...["0.001", "0.01", "0.1", "1"].map((t) => h("span", {}, t))));
    this.table = this.facts();
    this.says = h("div", { class: "vd-unseen", role: "status" });
    const help = "Click or drag to choose the output pixel; with the keyboard, the arrow " +
      "keys move it (Shift: ten pixels), [ and ] change the depth.";
    this.root.append(
      h("div", { class: "vk-bar" }, this.views.node, this.kinds.node),
      h("div", { class: "vr-body" },
        h("div", { class: "vr-main" },
          h("div", { class: "vr-frame" }, this.stage), this.depth.node,
          h("p", { class: "vk-note" }, help)),
        h("div", { class: "vr-side" },
          h("div", { class: "vr-cards" }, ...this.cards.map((card) => card.node)),
          this.legend, this.table.node)),
      this.says);
    this.hearHand();
    this.follow();
    this.load();
  }

  /** What a pointer and keys do is in receptive_field.js. */
  hearHand() {
    this.undoScrolls(this.stage, ["point"]);
    this.listen(this.stage, "pointerdown", (event) => {
      if (event.button) return;
      this.stage.focus({ preventScroll: true });
      this.stage.setPointerCapture(event.pointerId);
      this.choose(event);
    });
    this.listen(this.stage, "pointermove", (event) => {
      if (this.stage.hasPointerCapture(event.pointerId)) this.choose(event);
    });
    this.listen(this.stage, "keydown", (event) => this.onKey(event));
  }

  follow() {
    this.on(["pixels"], () => this.load());
    this.on(["fields"], () => this.fields.clear());
    this.on(["frame", "point", "view", "average", "own_field", "own_for", "busy",
      "depths", "fields", "shares", "psnr"], () => this.schedule());
    this.on(["frame", "point", "average"], () => this.ask());
  }

  /** Decode the pictures: exact, no colour management, no alpha. */
  async load() {
    const pixels = this.get("pixels");
    try {
      const bitmaps = await Promise.all(pixels.map((png) => createImageBitmap(
        new Blob([png], { type: "image/png" }),
        { colorSpaceConversion: "none", premultiplyAlpha: "none" })));
      if (pixels !== this.get("pixels") || this.closed) return;
      this.bitmaps = bitmaps;
      this.schedule();
    } catch (error) {
      this.giveUp(`A picture cannot be decoded: ${error.message}`);
    }
  }

  settle() {
    if (this.bitmaps) super.settle(); // until then only the controls are drawn
  }

  /** Ask the kernel for the field of the very pixel, once it has come to rest. */
  ask() {
    clearTimeout(this.asking);
    if (!this.live || this.get("average")) return;
    this.asking = setTimeout(() => {
      const [row, column] = this.get("point");
      this.set({ request: { number: Date.now(), frame: this.get("frame"), row, column } });
    }, 150);
  }

  close() {
    clearTimeout(this.asking);
    super.close();
  }

  /** The field to show: the pixel's own where it is there, else the mean. */
  field() {
    const frame = this.get("frame");
    const own = [frame, ...this.get("point")].join();
    if (!this.get("average") && this.get("own_for").join() === own) {
      return { key: `own ${own}`, values: floats(this.get("own_field")), own: true };
    }
    return { key: `mean ${frame}`, values: floats(this.get("fields")[frame]), own: false };
  }
}
