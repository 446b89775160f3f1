/* What is drawn of a receptive field: over the picture, and magnified beside it. */

const TALLEST = 460; // CSS pixels of the stage
const MARK = "#ff7f2a"; // on the picture: seen on black and, with its rim, on white

/** A page that draws its canvases. */
class ReceptiveStage extends ReceptivePage {
  /** The field on show as two pictures: for a panel, and to lie over the stage. */
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

  /** The bitmap that the stage shows. */
  shown() {
    const view = this.get("view");
    return this.bitmaps[{ original: 0, input: 1 }[view] ?? this.get("frame") + 2];
  }

  drawStage({ veil, side }) {
    const [rows, columns] = this.get("size");
    const ratio = devicePixelRatio || 1;
    const room = this.stage.parentElement.clientWidth;
    let scale = Math.min(room / columns, TALLEST / rows);
    if (scale >= Math.max(2, 1 / ratio)) { // whole device pixels
      scale = Math.floor(scale * ratio) / ratio;
    }
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
}
