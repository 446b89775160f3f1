/* What a comparison shows at a time: which pictures, which frame, and what plays. */

const BLINK_MS = 800; // 1.25 changes a second: below the three that can harm
const CONTENT = ["pixels", "series", "names", "colour", "size", "reference", "border",
  "scores", "frame_labels", "frame_title", "frame_x", "curves", "curve_label"];

/** The state of a comparison: the model's, and what only this page knows. */
class CompareState extends Page {
  constructor(model, el) {
    super(model, el);
    this.shown = 1; // blink: 0 the first picture, 1 the second
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.playing = false;
    this.pointers = new Map();
    this.active = false; // whether the loupe's frame is drawn on the stage
  }

  subscribe() {
    this.on(CONTENT, () => {
      this.stale = true; // many traits change at once: build anew when all have
      this.schedule();
    });
    this.on(["mode", "left", "right", "split", "zoom", "centre", "point", "frame",
      "limit", "magnification"], () => this.schedule());
    this.on(["mode"], () => this.startBlink());
  }

  /** Draw; what is on show then counts as drawn once its scores are there. */
  drawFrame() {
    this.draw();
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
      this.giveUp(`A picture of this comparison cannot be decoded: ${error.message}`);
    }
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
    clearTimeout(this.playTimer);
    const tick = () => {
      const count = this.get("frame_labels").length; // other pictures may have come
      this.playing = playing && count > 1;
      if (!this.playing) return;
      this.set({ frame: (this.get("frame") + 1) % count });
      this.playTimer = setTimeout(tick, clamp(6000 / count, 150, 800));
    };
    tick();
    this.schedule();
  }

  close() {
    clearInterval(this.blinking);
    for (const timer of [this.scoring, this.saying]) clearTimeout(timer);
    super.close();
  }
}
