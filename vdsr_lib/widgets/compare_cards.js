/* Beside the stage of a comparison: loupes, values and scores of every picture. */

/** A stage with the cards of its pictures. */
class CompareCards extends CompareStage {
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

  /** The same magnified pixels of every picture, centred on the point. */
  drawLoupes() {
    const [row, column] = this.get("point");
    const m = Math.round(this.get("magnification") * this.ratio);
    const sizes = this.items.map(({ loupe }) => [loupe.clientWidth, loupe.clientHeight]);
    const stage = getComputedStyle(this.root).getPropertyValue("--vd-stage");
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
    markPlay(this.pause, !this.still);
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
      this.settle();
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
}
