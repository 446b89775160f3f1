/* The page side of `ReceptiveField`: a picture, a depth slider, and the pixel chosen.
 *
 * The stage shows the picture with the field drawn around the pixel; three magnified
 * panels, on one scale for all depths, show what is seen, how it counts, and what the
 * network makes of it. This part writes the facts and hears the reader's hand; those
 * before it (receptive_colours.js to receptive_stage.js) hold the page and draw. All
 * stand after kit.js in one ES module.
 */

const WIDE = 760; // from this width on, the panels stand beside the stage

/** The view of some networks' fields. */
class ReceptiveField extends ReceptiveStage {
  draw() {
    if (!this.bitmaps) return;
    const frame = this.get("frame");
    const [depth, side] = [this.get("depths")[frame], this.get("sides")[frame]];
    this.root.classList.toggle("vr-wide", this.root.clientWidth >= WIDE);
    this.views.mark(this.get("view"));
    this.kinds.node.hidden = !this.live;
    this.kinds.fill([["mean", `mean of ${this.get("places")} places`], ["own", "this pixel"]]);
    this.kinds.mark(this.get("average") ? "mean" : "own");
    this.depth.mark(frame, `depth ${depth}`);
    const field = this.drawings();
    this.drawStage(field);
    this.drawCards(field);
    this.write(depth, side);
    this.caption(field, depth, side);
  }

  write(depth, side) {
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
  }

  /** Say below the panels, and to a screen reader, what is shown. */
  caption({ own }, depth, side) {
    const [row, column] = this.get("point");
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
    const [down, right] = ARROWS[event.key] ?? [0, 0];
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
