/* The page side of `ReceptiveField`: a picture, a depth slider, and the pixel chosen.
 *
 * The stage shows the picture with the field drawn around the pixel; three magnified
 * panels, on one scale for all depths, show what is seen, how it counts, and what the
 * network makes of it. Stands after kit.js in one module.
 */

const VIEWS = [["output", "Output"], ["input", "Bicubic input"], ["original", "Original"]];
const DECADES = 3; // below its largest value, a field is still coloured
const TALLEST = 460; // CSS pixels of the stage
const WIDE = 760; // from this width on, the panels stand beside the stage
const MARK = "#ff7f2a"; // on the picture: seen on black and, with its rim, on white
// matplotlib's magma, as in the static figure.
const MAGMA = [
  "000004", "140e36", "3b0f70", "641a80", "8c2981", "b73779",
  "de4968", "f7705c", "fe9f6d", "fecf92", "fcfdbf",
].map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));

/** The colour of a share from 0 to 1, as [r, g, b]. */
function magma(share) {
  const place = clamp(share, 0, 1) * (MAGMA.length - 1);
  const low = Math.min(Math.floor(place), MAGMA.length - 2);
  return MAGMA[low].map((c, i) => Math.round(c + (place - low) * (MAGMA[low + 1][i] - c)));
}

/** Numbers as a canvas, one pixel each, on a logarithmic scale; `shade` gives RGBA. */
function fieldCanvas(values, side, shade) {
  const canvas = h("canvas", { width: side, height: side });
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  const largest = values.reduce((a, b) => Math.max(a, b), 0);
  values.forEach((value, k) => {
    const share = value > 0 ? 1 + Math.log10(value / largest) / DECADES : 0;
    image.data.set(shade(clamp(share, 0, 1)), 4 * k);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

function floats(view) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return new Float32Array(bytes.slice().buffer);
}

class ReceptiveField extends Explorer {
  build() {
    this.fields = new Map();
    this.views = this.choice("Shown", (view) => this.set({ view }));
    this.views.fill(VIEWS);
    this.kinds = this.choice("Field", (kind) => {
      this.set({ average: kind === "mean" });
      this.ask();
    });
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
    this.on(["pixels"], () => this.load());
    this.on(["fields"], () => this.fields.clear());
    this.on(["frame", "point", "view", "average", "own_field", "own_for", "busy",
      "depths", "fields", "shares", "psnr"], () => this.schedule());
    this.on(["frame", "point"], () => this.ask());
    this.load();
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
      this.complain(`A picture cannot be decoded: ${error.message}`);
    }
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

  drawings() {
    const { key, values, own } = this.field();
    if (!this.fields.has(key)) {
      const side = this.get("sides")[this.get("frame")];
      if (own) { // one pixel's field is kept at a time
        for (const old of [...this.fields.keys()]) if (old.startsWith("own")) this.fields.delete(old);
      }
      this.fields.set(key, {
        own, side,
        card: fieldCanvas(values, side, (s) => [...magma(s), 255]),
        veil: fieldCanvas(values, side, (s) => [255, 106, 0, 215 * s ** 1.5]),
      });
    }
    return this.fields.get(key);
  }

  draw() {
    if (!this.bitmaps) return;
    const frame = this.get("frame");
    const [depth, side] = [this.get("depths")[frame], this.get("sides")[frame]];
    this.views.mark(this.get("view"));
    this.kinds.node.hidden = !this.live;
    this.kinds.fill([["mean", `mean of ${this.get("places")} places`], ["own", "this pixel"]]);
    this.kinds.mark(this.get("average") ? "mean" : "own");
    this.depth.mark(frame, `depth ${depth}`);
    const field = this.drawings();
    this.drawStage(field);
    this.drawCards(field);
    this.write(field, depth, side);
  }

  /** The bitmap that the stage shows. */
  shown() {
    const view = this.get("view");
    return this.bitmaps[{ original: 0, input: 1 }[view] ?? this.get("frame") + 2];
  }

  drawStage({ veil, side }) {
    const [rows, columns] = this.get("size");
    const ratio = devicePixelRatio || 1;
    const wide = this.root.clientWidth >= WIDE;
    this.root.classList.toggle("vr-wide", wide);
    const room = this.stage.parentElement.clientWidth;
    let scale = Math.min(room / columns, TALLEST / rows);
    if (scale >= 2) scale = Math.floor(scale * ratio) / ratio; // whole device pixels
    this.scale = scale;
    const [width, height] = [columns * scale, rows * scale];
    this.stage.style.width = `${width}px`;
    this.stage.style.height = `${height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const context = this.canvas.getContext("2d", { alpha: false });
    const zoom = scale * ratio;
    context.imageSmoothingEnabled = scale < 2;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.shown(), 0, 0, columns * zoom, rows * zoom);
    const [row, column] = this.get("point");
    const [x, y, w] = [column - (side - 1) / 2, row - (side - 1) / 2, side].map((v) => v * zoom);
    context.imageSmoothingEnabled = false;
    context.drawImage(veil, x, y, w, w);
    for (const [colour, thick] of [["rgba(0,0,0,.8)", 4], [MARK, 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = thick * ratio;
      context.strokeRect(x, y, w, w);
    }
    context.lineWidth = ratio;
    context.strokeStyle = "#fff";
    context.strokeRect(column * zoom, row * zoom, zoom, zoom);
  }

  /** The three panels: squares of one size, as large as the deepest network sees. */
  drawCards({ card, side }) {
    const most = Math.max(...this.get("sides"));
    const ratio = devicePixelRatio || 1;
    const [row, column] = this.get("point");
    const style = getComputedStyle(this.root);
    const room = this.cards[0].node.clientWidth;
    const zoom = Math.max(1, Math.floor((room * ratio) / most));
    const first = (most - side) / 2;
    [this.bitmaps[1], null, this.bitmaps[this.get("frame") + 2]].forEach((bitmap, k) => {
      const { canvas } = this.cards[k];
      canvas.width = canvas.height = most * zoom;
      canvas.style.width = `${(most * zoom) / ratio}px`;
      const context = canvas.getContext("2d", { alpha: false });
      context.imageSmoothingEnabled = false;
      context.fillStyle = style.getPropertyValue("--vd-stage");
      context.fillRect(0, 0, canvas.width, canvas.height);
      if (bitmap) {
        const corner = [column - (most - 1) / 2, row - (most - 1) / 2];
        context.globalAlpha = k === 0 ? 0.25 : 1; // pale: what this depth does not see
        context.drawImage(bitmap, ...corner, most, most, 0, 0, canvas.width, canvas.height);
        context.globalAlpha = 1;
        if (k === 0) {
          const inner = [column - (side - 1) / 2, row - (side - 1) / 2];
          context.drawImage(bitmap, ...inner, side, side,
            first * zoom, first * zoom, side * zoom, side * zoom);
        }
      } else {
        context.drawImage(card, first * zoom, first * zoom, side * zoom, side * zoom);
      }
      context.strokeStyle = MARK;
      const rim = (context.lineWidth = 2 * Math.round(ratio)); // drawn inside the square
      context.strokeRect(first * zoom + rim / 2, first * zoom + rim / 2,
        side * zoom - rim, side * zoom - rim);
      if (bitmap) {
        context.strokeStyle = "#fff";
        context.lineWidth = ratio;
        context.strokeRect(((most - 1) / 2) * zoom, ((most - 1) / 2) * zoom, zoom, zoom);
      }
    });
  }

  write({ own }, depth, side) {
    const frame = this.get("frame");
    const shares = this.get("shares")[frame];
    const within = (share) => {
      const at = 2 * shares.findIndex((s) => s >= share) + 1;
      return at > 0 ? `${at} \u00d7 ${at}` : "nowhere: it is 0";
    };
    const [row, column] = this.get("point");
    const decibels = this.get("psnr")[frame];
    const gain = number(decibels - this.get("bicubic"), 2, { sign: true });
    this.table.write([
      ["theoretical field", `${side} \u00d7 ${side}`],
      ["half of the mean gradient within", within(0.5)],
      ["95 % of it within", within(0.95)],
      ["output, whole picture", `${decibels.toFixed(2)} dB`],
      ["against bicubic", `${gain} dB`],
      ["pixel", `x ${column}, y ${row}`],
    ]);
    setText(this.cards[0].below, `${side} \u00d7 ${side} of the input`);
    const asked = !this.get("average") && this.live;
    setText(this.cards[1].below, own ? "this pixel" : asked && this.get("busy")
      ? "measuring \u2026" : `mean of ${this.get("places")} places`);
    setText(this.cards[2].below, `output of depth ${depth}`);
    this.stage.setAttribute("aria-label",
      `Picture with the receptive field of depth ${depth}, ${side} by ${side} pixels, ` +
      `around x ${column}, y ${row}. Arrow keys move the pixel, brackets change the depth.`);
  }

  choose(event) {
    const box = this.stage.getBoundingClientRect();
    const [rows, columns] = this.get("size");
    const row = clamp(Math.floor((event.clientY - box.top) / this.scale), 0, rows - 1);
    const column = clamp(Math.floor((event.clientX - box.left) / this.scale), 0, columns - 1);
    this.set({ point: [row, column] });
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [row, column] = this.get("point");
    const [rows, columns] = this.get("size");
    const step = event.shiftKey ? 10 : 1;
    const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1],
      ArrowRight: [0, 1] }[event.key] ?? [0, 0];
    const turn = { "[": -1, "]": 1 }[event.key];
    if (turn) {
      const last = this.get("depths").length - 1;
      this.set({ frame: clamp(this.get("frame") + turn, 0, last) });
      setText(this.says, `depth ${this.get("depths")[this.get("frame")]}`);
    } else if (down || right) {
      this.set({ point: [clamp(row + down * step, 0, rows - 1),
        clamp(column + right * step, 0, columns - 1)] });
      setText(this.says, `x ${this.get("point")[1]}, y ${this.get("point")[0]}`);
    } else {
      return;
    }
    event.preventDefault();
  }
}

export default {
  render({ model, el }) {
    const view = new ReceptiveField(model, el, "vdsr-receptive");
    return () => view.close();
  },
};
