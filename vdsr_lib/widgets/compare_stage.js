/* The stage of a comparison: one or several pictures, the divider, the difference. */

const WIDE = 720; // from this width on, the loupes stand beside the stage
const LIMITS = [2, 4, 8, 16, 32, 64, 128, 255];

/** A page that draws the stage. */
class CompareStage extends ComparePage {
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
        (error) => this.giveUp(`A picture cannot be decoded: ${error.message}`));
      return;
    }
    if (!this.body.clientWidth) { // hidden: there is no region in view
      this.settle();
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
    context.fillStyle = style.getPropertyValue("--vd-stage") || "#e8eaed";
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
    context.imageSmoothingEnabled = shrinks(scale, this.ratio); // never what is magnified
    context.imageSmoothingQuality = "high";
    context.drawImage(image, left, top, right - left, bottom - top,
      x + left * scale, y + top * scale, (right - left) * scale, (bottom - top) * scale);
    context.restore();
  }

  differenceMap(name) {
    const base = this.base();
    const others = this.now.filter((_, k) => k !== base);
    const usual = this.store.usualDifference(others, this.now[base]);
    const chosen = this.get("limit");
    const limit = chosen || usual;
    const levels = [...new Set([...LIMITS, chosen])].filter(Boolean).sort((a, b) => a - b);
    const key = [usual, ...levels].join();
    if (this.limit.box.dataset.key !== key) {
      this.limit.box.dataset.key = key;
      this.limit.box.replaceChildren(
        h("option", { value: 0 }, `\u00b1${usual} (automatic)`),
        ...levels.map((l) => h("option", { value: l }, `\u00b1${l}`)));
    }
    const judged = Boolean(this.get("reference"));
    setText(this.meaning[0], judged ? "too dark" : "darker");
    setText(this.meaning[2], judged ? "too bright" : "brighter");
    this.limit.box.value = chosen;
    this.ends.forEach((end, i) => {
      const level = ((i - 2) * limit) / 2;
      setText(end, i % 2 && limit % 2 ? "" : signed(level));
    });
    return this.store.difference(this.now[this.number(name)], this.now[base], limit);
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
}
