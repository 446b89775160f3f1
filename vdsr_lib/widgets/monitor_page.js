/* What stands on the page of a monitor, and what of the model's state it shows. */

const CHARTS = [
  { name: "loss", title: "Loss", log: true },
  { name: "score", title: "PSNR (dB)" },
  { name: "gradient_norm", title: "Gradient norm", log: true },
  { name: "clipped_share", title: "Share clipped", percent: true },
];

const SILENCE_MS = 60_000; // without news: then the reader is told

/** The nodes of a monitor, and the curves that are looked at. */
class MonitorPage extends Explorer {
  constructor(model, el) {
    super(model, el, "vdsr-monitor");
    this.hear();
    this.on(["status", "runs", "past", "trace", "now", "frames", "progress", "notes"],
      () => this.hear());
    this.on(["chosen", "score"], () => this.schedule());
  }

  /** Draw the news; draw again when none has come for long. */
  hear() {
    this.heardAt = performance.now();
    this.wait();
  }

  wait() {
    clearTimeout(this.listening);
    if (this.isOn()) this.listening = setTimeout(() => this.wait(), SILENCE_MS);
    this.schedule();
  }

  build() {
    Object.assign(this, { at: null, saidAt: 0 });
    this.title = h("span", { class: "vm-title" });
    this.state = h("span", { class: "vm-state" });
    this.stop = h("button", { type: "button", class: "vm-stop" },
      h("span", { class: "vm-square", "aria-hidden": "true" }), h("span", {}, "Stop"));
    this.fill = h("div", { class: "vm-fill" });
    this.bar = h("div", {
      class: "vm-bar", role: "progressbar", "aria-label": "Progress",
      "aria-valuemin": "0", "aria-valuemax": "100",
    }, this.fill);
    this.where = h("span");
    this.time = h("span", { class: "vm-time" });
    this.alert = h("div", { class: "vm-alert", role: "alert", hidden: true });
    this.hint = h("div", { class: "vm-hint", role: "alert", hidden: true });
    this.scores = h("select");
    this.scoreChoice = h("label", { class: "vm-choice" }, h("span", {}, "PSNR of"), this.scores);
    this.legend = h("div", { class: "vm-runs", role: "group", "aria-label": "Trainings" });
    this.key = h("div", { class: "vm-key" }, this.legend, this.scoreChoice);
    this.charts = CHARTS.map((chart) => {
      const reading = h("b", { class: "vm-reading" });
      const title = h("span");
      const plot = h("div", { class: "vm-plot" });
      return {
        ...chart, reading, heading: title, plot,
        node: h("div", { class: "vm-chart" },
          h("div", { class: "vm-head" }, title, reading), plot),
      };
    });
    this.grid = h("div", {
      class: "vm-charts", tabindex: "0", role: "slider", "aria-label": "Read the curves",
    }, ...this.charts.map(({ node }) => node));
    this.pictures = ["bicubic", "network", "original"].map((name) => {
      const image = h("img", { alt: "" });
      const caption = h("figcaption", {}, name);
      return { name, image, caption, node: h("figure", {}, image, caption) };
    });
    this.details = h("div", { class: "vm-details" }, ...this.pictures.map((p) => p.node));
    this.notes = h("div", { class: "vm-notes" });
    this.says = h("div", { class: "vm-says vd-unseen", role: "status" });
    this.body = h("div", { class: "vm-body" }, this.grid, this.details);
    this.root.append(
      h("div", { class: "vm-top" }, this.title, this.state, this.stop),
      this.bar,
      h("div", { class: "vm-facts" }, this.where, this.time),
      this.alert, this.hint, this.key,
      this.body,
      this.notes, this.says);
    this.listen(this.stop, "click", () => this.askToStop());
    this.listen(this.scores, "change", () => this.set({ score: this.scores.value }));
    this.listen(this.grid, "pointerdown pointermove", (event) => this.onPointer(event));
    this.listen(this.grid, "pointerleave", () => this.read(null));
    this.listen(this.grid, "blur", () => this.read(null));
    this.listen(this.grid, "keydown", (event) => this.onKey(event));
  }

  close() {
    for (const timer of [this.asking, this.waiting, this.listening]) clearTimeout(timer);
    super.close();
  }

  // ------------------------------------------------------------------ the state

  /** The training that is looked at. */
  index() {
    const runs = this.get("runs");
    const chosen = this.get("chosen");
    if (chosen >= 0 && chosen < runs.length) return chosen;
    if (this.isOn()) return Math.min(this.get("now").current ?? 0, runs.length - 1);
    const last = runs.findLastIndex((_, i) => this.curves(i).step?.length);
    return Math.max(0, last);
  }

  isOn() {
    return ["running", "stopping"].includes(this.get("status"));
  }

  /** Why nothing more will be heard of a training that was on; else nothing. */
  cut() {
    if (!this.isOn() || this.live) return "";
    return this.wasLive ? "was running when its kernel went away"
      : "was running when this was saved";
  }

  curves(i) {
    const past = this.get("past")[i] ?? {};
    if (past.step) return past;
    return this.isOn() && this.get("now").current === i ? this.get("trace") : {};
  }

  scoreNames() {
    return [...new Set(this.get("runs").flatMap((run) => Object.keys(run.scores)))];
  }

  scoreName() {
    const names = this.scoreNames();
    return names.includes(this.get("score")) ? this.get("score") : names[0];
  }

  /** A chart's curve of training `i`: x, y, and where y are means, low and high. */
  line(chart, i) {
    const run = this.get("runs")[i];
    const [name, x, values, band] = chart.name === "score"
      ? [this.scoreName(), run.steps, run.scores, run.band]
      : [chart.name, this.curves(i).step ?? [], this.curves(i), this.curves(i)];
    return { x, y: values[name] ?? [], low: band.low?.[name], high: band.high?.[name] };
  }

  /** How many readings are behind each point of training `i`, at most. */
  readingsBehind(i) {
    return Math.max(this.curves(i).readings ?? 1, this.get("runs")[i].band.readings ?? 1);
  }
}
