/* The page side of `LiveMonitor`: it draws the model's state, and asks for the end.
 *
 * The kernel writes the traits at most four times a second; a page draws once for each
 * frame in which something changed. Which training is looked at, and which score, is
 * kept in the model; where the curves are read is the page's own affair. It stands
 * behind `kit.js` in one ES module: no bundler, no element ids. The one request it ever
 * makes goes to the Jupyter server that it came from: to interrupt the kernel.
 */

const CHARTS = [
  { name: "loss", title: "Loss", log: true },
  { name: "score", title: "PSNR (dB)" },
  { name: "gradient_norm", title: "Gradient norm", log: true },
  { name: "clipped_share", title: "Share clipped", percent: true },
];
const STATES = {
  waiting: "waiting", running: "running", finished: "done", found: "already there",
  stopped: "stopped", failed: "failed",
};
const HEIGHT = 156; // of a chart, in CSS pixels
const EDGE = { left: 50, right: 10, top: 8, bottom: 28 };
const HEARD_MS = 700; // until then the kernel itself may have heard the button
const PATIENCE_MS = 4000; // after that the reader is told what else to press
const QUIET_MS = 20000; // between two sentences to a screen reader
const TIMES = "\u00d7";

/** Seconds as 0:07, 12:34 or 1:02:03. */
function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [m, s] = [Math.floor(whole / 60), String(whole % 60).padStart(2, "0")];
  return m < 60 ? `${m}:${s}` : `${Math.floor(m / 60)}:${String(m % 60).padStart(2, "0")}:${s}`;
}

/** Seconds as one says them: "about 2 minutes". */
function spoken(seconds) {
  const many = (count, unit) => `about ${count} ${unit}${count === 1 ? "" : "s"}`;
  if (seconds < 55) return many(Math.max(5, Math.round(seconds / 5) * 5), "second");
  if (seconds < 5400) return many(Math.round(seconds / 60), "minute");
  return many(Math.round(seconds / 3600), "hour");
}

/** A number in about three digits. */
function brief(value) {
  if (value === null || value === undefined) return "none";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e5)) {
    return value.toExponential(1).replace("e+", "e").replace(/-/g, MINUS);
  }
  return String(Number(value.toPrecision(3))).replace("-", MINUS);
}

/** Ticks of a logarithmic axis: powers of ten, or 1-2-5 where there are few. */
function logTicks(low, high) {
  const from = Math.floor(Math.log10(low));
  const upTo = Math.ceil(Math.log10(high));
  const stride = Math.max(1, Math.ceil((upTo - from) / 4));
  const steps = upTo - from > 2 ? [1] : upTo - from > 1 ? [1, 3] : [1, 2, 5];
  const ticks = [];
  for (let p = from; p <= upTo; p += stride) {
    for (const s of steps) {
      const value = Number((s * 10 ** p).toPrecision(3));
      if (value >= low * 0.999 && value <= high * 1.001) ticks.push(value);
    }
  }
  return ticks.length > 1 ? ticks : niceTicks(low, high, 3).filter((v) => v > 0);
}

/** The last point of a curve that is not after `step`, as [x, y]; nulls if none. */
function pointAt(xs, ys, step) {
  let found = [null, null];
  for (let i = 0; i < xs.length && xs[i] <= step; i++) {
    if (ys[i] != null) found = [xs[i], ys[i]];
  }
  return found;
}

/** The view of a training. */
class View extends Explorer {
  constructor(model, el) {
    super(model, el, "vdsr-monitor");
    this.on(["status", "runs", "past", "trace", "now", "frames", "chosen", "score",
      "progress", "notes"], () => this.schedule());
  }

  // ------------------------------------------------------------------ the page

  build() {
    Object.assign(this, { at: null, urls: new Map(), saidAt: 0 });
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
    this.says = h("div", { class: "vm-says vk-says", role: "status" });
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
    this.listen(this.grid, "pointermove", (event) => this.onPointer(event));
    this.listen(this.grid, "pointerleave", () => this.read(null));
    this.listen(this.grid, "blur", () => this.read(null));
    this.listen(this.grid, "keydown", (event) => this.onKey(event));
  }

  close() {
    for (const timer of [this.asking, this.waiting]) clearTimeout(timer);
    for (const { url } of this.urls.values()) URL.revokeObjectURL(url);
    super.close();
  }

  // ------------------------------------------------------------------ stopping

  /** Ask the kernel; if it is too busy to hear, ask the server to interrupt it. */
  askToStop() {
    this.asked = this.get("turn");
    this.model.send({ do: "stop", turn: this.asked });
    const isOver = () => this.asked !== this.get("turn") || this.get("status") !== "running";
    clearTimeout(this.asking);
    clearTimeout(this.waiting);
    this.asking = setTimeout(async () => {
      if (!isOver() && !(await this.interrupt()) && !isOver()) this.showHint();
    }, HEARD_MS);
    this.waiting = setTimeout(() => {
      if (!isOver()) this.say("Still waiting for the current step to end.");
    }, PATIENCE_MS);
    this.schedule();
    this.say("Stopping after the current step.");
  }

  /** Whether the Jupyter server took the request to interrupt the kernel. */
  async interrupt() {
    const config = document.querySelector("script[id='jupyter-config-data']");
    const kernel = this.get("kernel");
    if (!config || !kernel) return false;
    const { baseUrl = "/", token } = JSON.parse(config.textContent);
    const [, xsrf] = /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie) ?? [];
    const headers = {
      ...(token && { Authorization: `token ${token}` }),
      ...(xsrf && { "X-XSRFToken": decodeURIComponent(xsrf) }),
    };
    try {
      const url = new URL(`${baseUrl}api/kernels/${kernel}/interrupt`, location.origin);
      return (await fetch(url, { method: "POST", headers })).ok;
    } catch {
      return false;
    }
  }

  showHint() {
    this.asked = undefined; // the button may be tried again
    clearTimeout(this.waiting);
    this.schedule();
    this.hint.hidden = false;
    setText(this.hint, "This button does not reach the kernel here while a cell runs. " +
      "Press the notebook's own stop button (\u25a0): it ends the training just as " +
      "cleanly, after the current step, and everything is kept.");
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

  /** [x, y] of a chart's curve of training `i`. */
  line(chart, i) {
    if (chart.name !== "score") {
      const curves = this.curves(i);
      return [curves.step ?? [], curves[chart.name] ?? []];
    }
    const run = this.get("runs")[i];
    return [run.steps, run.scores[this.scoreName()] ?? []];
  }

  // ------------------------------------------------------------------ drawing

  draw() {
    const [status, runs, now] = [this.get("status"), this.get("runs"), this.get("now")];
    const on = this.isOn();
    const i = this.index();
    this.root.dataset.status = status;
    this.drawTop(status, runs, now);
    this.bar.setAttribute("aria-valuenow", Math.round(100 * this.get("progress")));
    this.fill.style.width = `${100 * this.get("progress")}%`;
    const messages = runs.filter((run) => run.message)
      .map((run) => (runs.length > 1 ? `${run.name}: ${run.message}` : run.message));
    this.alert.hidden = messages.length === 0;
    setText(this.alert, [...new Set(messages)].join("\n"));
    if (status !== "running") this.hint.hidden = true;
    this.key.hidden = this.body.hidden = runs.length === 0;
    if (runs.length) {
      this.drawKey(runs, i);
      this.drawCharts(runs, i);
      this.drawDetails(runs, i);
    }
    setText(this.notes, this.get("notes").join(" \u00b7 "));
    this.tell(status, on);
    performance.mark("vdsr-monitor:painted");
  }

  drawTop(status, runs, now) {
    const on = this.isOn();
    const run = runs[on ? now.current ?? 0 : 0];
    const asked = on && (status === "stopping" || this.asked === this.get("turn"));
    const many = runs.length > 1;
    setText(this.title, on && run
      ? (many ? `Run ${(now.current ?? 0) + 1} of ${runs.length}: ` : "") + run.name
      : many ? `${runs.length} trainings` : run?.name ?? "Training");
    setText(this.state, asked ? "stopping after this step" : status);
    const focused = this.stop.contains(document.activeElement);
    this.stop.hidden = !on;
    this.stop.disabled = Boolean(asked);
    if (!on && focused) this.grid.focus({ preventScroll: true });
    const place = [];
    const count = (value) => value.toLocaleString("en");
    if (now.step) place.push(`step ${count(now.step)} of ${count(now.total)}`);
    if (now.epoch) place.push(`epoch ${count(now.epoch)} of ${count(now.epochs)}`);
    if (now.learning_rate) place.push(`learning rate ${brief(now.learning_rate)}`);
    setText(this.where, on ? place.join(" \u00b7 ") : many ? "" : place.join(" \u00b7 "));
    const left = this.get("left");
    setText(this.time, `${clock(this.get("elapsed"))} passed` +
      (on ? `, ${left === null ? "reckoning what is left" : `${clock(left)} left`}` : ""));
  }

  drawKey(runs, i) {
    const names = this.scoreNames();
    this.scoreChoice.hidden = names.length < 2;
    const options = names.map((name) => name.replace(/^psnr_?/, "").replace("x", TIMES));
    if (this.scores.dataset.names !== String(names)) {
      this.scores.dataset.names = String(names);
      this.scores.replaceChildren(...names.map((name, k) =>
        h("option", { value: name }, options[k] || "the pictures")));
    }
    if (names.length) this.scores.value = this.scoreName();
    this.key.hidden = runs.length < 2 && names.length < 2;
    this.legend.hidden = runs.length < 2;
    if (this.legend.childElementCount !== runs.length) {
      this.legend.replaceChildren(...runs.map((_, k) => {
        const node = h("button", { type: "button", "data-lm-suppress-shortcuts": "true" },
          h("i"), h("span"), h("small"));
        this.listen(node, "click", () =>
          this.set({ chosen: this.get("chosen") === k ? -1 : k }));
        return node;
      }));
    }
    [...this.legend.children].forEach((node, k) => {
      node.className = `vm-run vm-c${k % 6}${k >= 6 ? " vm-dashed" : ""}`;
      node.dataset.state = runs[k].state;
      node.setAttribute("aria-pressed", k === i);
      setText(node.children[1], runs[k].name);
      setText(node.children[2], STATES[runs[k].state]);
    });
  }

  drawCharts(runs, i) {
    const width = this.charts[0].plot.clientWidth;
    if (!width) return;
    const xs = runs.flatMap((_, k) => [...(this.curves(k).step ?? []), ...runs[k].steps]);
    const seen = Math.max(1, ...xs);
    const total = this.isOn() ? this.get("now").total ?? 1 : seen;
    this.last = Math.max(seen, Math.min(total, Math.ceil(1.2 * seen))); // room to grow
    this.x = (step) => EDGE.left + (step / this.last) * (width - EDGE.left - EDGE.right);
    this.fromX = (px) => ((px - EDGE.left) / (width - EDGE.left - EDGE.right)) * this.last;
    const at = this.at ?? this.furthest(i);
    for (const chart of this.charts) {
      const score = chart.name === "score";
      chart.node.hidden = score && !this.scoreName();
      if (chart.node.hidden) continue;
      const level = score
        ? runs.map((run) => run.baseline[this.scoreName()]).find((v) => v != null) : null;
      setText(chart.heading, this.heading(chart, level));
      const point = pointAt(...this.line(chart, i), at);
      setText(chart.reading, this.written(chart, point[1]));
      this.drawChart(chart, runs, i, width, level, point);
    }
    this.grid.setAttribute("aria-valuemin", 0);
    this.grid.setAttribute("aria-valuemax", Math.round(this.last));
    this.grid.setAttribute("aria-valuenow", Math.round(at));
    this.grid.setAttribute("aria-valuetext", this.readings(i, at));
  }

  heading(chart, level) {
    if (chart.name !== "score") return chart.title;
    const which = this.scoreName().replace(/^psnr_?/, "").replace(/^x(?=\d)/, TIMES);
    const name = which ? `PSNR ${which} (dB)` : chart.title;
    return level == null ? name : `${name}, bicubic ${level.toFixed(2)}`;
  }

  written(chart, value) {
    if (value === null || value === undefined) return "";
    if (chart.percent) return `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;
    return chart.name === "score" ? value.toFixed(2) : brief(value);
  }

  furthest(i) {
    const [steps, validated] = [this.curves(i).step ?? [], this.get("runs")[i]?.steps ?? []];
    return Math.max(0, ...steps.slice(-1), ...validated.slice(-1));
  }

  readings(i, at) {
    const values = this.charts.map((chart) => {
      const run = this.get("runs")[i];
      if (!run || (chart.name === "score" && !this.scoreName())) return "";
      const value = this.written(chart, pointAt(...this.line(chart, i), at)[1]);
      return value && `${chart.title.replace(" (dB)", "")} ${value}`;
    });
    return [`step ${Math.round(at)}`, ...values.filter(Boolean)].join(", ");
  }

  drawChart(chart, runs, i, width, level, point) {
    const lines = runs.map((_, k) => this.line(chart, k));
    const good = (y) => y !== null && (!chart.log || y > 0);
    const ys = lines.flatMap(([, y]) => y.filter(good));
    if (level != null) ys.push(level);
    const scale = this.scale(chart, ys);
    const parts = scale.ticks.flatMap((y) => [
      h("line", { class: "vm-grid", x1: EDGE.left, x2: width - EDGE.right, y1: scale.y(y), y2: scale.y(y) }),
      h("text", { x: EDGE.left - 6, y: scale.y(y) + 4, "text-anchor": "end" },
        chart.percent ? `${Math.round(100 * y)} %` : brief(y)),
    ]);
    const steps = niceTicks(0, this.last, width < 300 ? 2 : 4).filter(Number.isInteger);
    for (const step of steps.filter((s) => this.x(s) < width - 14)) {
      parts.push(h("text", { x: this.x(step), y: HEIGHT - 6, "text-anchor": "middle" },
        step === 0 ? "step 0" : step.toLocaleString("en")));
    }
    if (level != null) {
      parts.push(h("line", { class: "vm-level", x1: EDGE.left, x2: width - EDGE.right, y1: scale.y(level), y2: scale.y(level) }));
    }
    const order = runs.map((_, k) => k).filter((k) => k !== i);
    for (const k of [...order, i].filter((n) => n < runs.length)) {
      const [x, y] = lines[k];
      const path = this.path(x, y.map((v) => (good(v) ? v : null)), scale.y);
      const few = y.length <= (chart.name === "score" ? 16 : 1);
      const dots = few ? y.flatMap((v, n) => (good(v)
        ? [h("circle", { cx: this.x(x[n]), cy: scale.y(v), r: k === i ? 3 : 2 })] : [])) : [];
      parts.push(h("g", {
        class: `vm-line vm-c${k % 6}${k >= 6 ? " vm-dashed" : ""}${k === i ? " vm-chosen" : ""}`,
      }, h("path", { d: path }), ...dots));
    }
    if (this.at !== null) {
      const [x, y] = [this.x(this.at), point[1]];
      parts.push(h("line", { class: "vm-cursor", x1: x, x2: x, y1: EDGE.top, y2: HEIGHT - EDGE.bottom }));
      if (y !== null && good(y)) {
        parts.push(h("circle", { class: `vm-spot vm-c${i % 6}`, cx: this.x(point[0]), cy: scale.y(y), r: 4 }));
      }
    }
    chart.plot.replaceChildren(
      h("svg", { width, height: HEIGHT, "aria-hidden": "true" }, ...parts));
  }

  /** An axis that holds all values: its ticks, and a value's place in pixels. */
  scale(chart, ys) {
    const [top, bottom] = [EDGE.top, HEIGHT - EDGE.bottom];
    if (chart.percent) {
      return { ticks: [0, 0.5, 1], y: (v) => bottom - v * (bottom - top) };
    }
    let [low, high] = ys.length ? [Math.min(...ys), Math.max(...ys)] : chart.log ? [0.1, 1] : [0, 1];
    if (chart.log) {
      [low, high] = [low / 1.15, high * 1.15];
      const [a, b] = [Math.log(low), Math.log(high)];
      return {
        ticks: logTicks(low, high),
        y: (v) => bottom - ((Math.log(v) - a) / (b - a || 1)) * (bottom - top),
      };
    }
    const pad = (high - low) * 0.08 || 0.5;
    [low, high] = [low - pad, high + pad];
    return {
      ticks: niceTicks(low, high, 4),
      y: (v) => bottom - ((v - low) / (high - low)) * (bottom - top),
    };
  }

  path(xs, ys, place) {
    let pen = "M";
    return ys.map((value, n) => {
      if (value === null) {
        pen = "M";
        return "";
      }
      const point = `${pen}${this.x(xs[n]).toFixed(1)} ${place(value).toFixed(1)}`;
      pen = "L";
      return point;
    }).join("");
  }

  drawDetails(runs, i) {
    const frame = this.get("frames")[i];
    const bytes = { bicubic: this.get("bicubic"), network: frame, original: this.get("reference") };
    this.details.hidden = !frame?.byteLength;
    if (this.details.hidden) return;
    const run = runs[i];
    for (const { name, image, caption } of this.pictures) {
      const step = run.steps.at(-1);
      const text = name === "network"
        ? (step === undefined ? "network" : `step ${step.toLocaleString("en")}`) : name;
      setText(caption, text);
      image.alt = name === "network" ? `The detail as the network renders it, ${text}`
        : name === "bicubic" ? "The detail enlarged by bicubic interpolation"
          : "The original detail";
      this.show(name, image, bytes[name]);
    }
  }

  /** Put PNG bytes into an image, once. */
  show(name, image, bytes) {
    const before = this.urls.get(name);
    if (before?.bytes === bytes) return;
    const url = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    image.src = url;
    this.urls.set(name, { bytes, url });
    if (before) URL.revokeObjectURL(before.url);
  }

  // ------------------------------------------------------------------ reading

  read(at) {
    if (this.at === at) return;
    this.at = at;
    this.schedule();
  }

  onPointer(event) {
    const plot = event.target.closest?.(".vm-plot");
    if (!plot || !this.fromX) return;
    const x = event.clientX - plot.getBoundingClientRect().left;
    this.read(clamp(this.fromX(x), 0, this.furthest(this.index())));
  }

  onKey(event) {
    const end = this.furthest(this.index());
    const step = (event.shiftKey ? 0.1 : 0.01) * this.last;
    const at = this.at ?? end;
    const to = {
      ArrowLeft: at - step, ArrowDown: at - step, ArrowRight: at + step, ArrowUp: at + step,
      PageDown: at - 0.1 * this.last, PageUp: at + 0.1 * this.last, Home: 0, End: end,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.read(clamp(to, 0, end));
  }

  // ------------------------------------------------------------------ speaking

  /** Tell a screen reader what changed, rarely: begin, each quarter, end. */
  tell(status, on) {
    const quarter = Math.floor(4 * this.get("progress"));
    if (status !== this.told && (on !== this.wasOn || !on)) {
      const first = this.told === undefined;
      this.told = status;
      this.wasOn = on;
      this.quarter = quarter;
      if (on) this.say("Training has begun.");
      else if (!first && status !== "failed") this.say(`Training ${status}. ${this.get("description")}`);
    } else if (on && quarter > (this.quarter ?? 0) && performance.now() - this.saidAt > QUIET_MS) {
      this.quarter = quarter;
      const left = this.get("left");
      this.say(`${Math.round(100 * this.get("progress"))} percent` +
        (left === null ? "" : `, ${spoken(left)} left`));
    }
  }

  say(text) {
    this.saidAt = performance.now();
    setText(this.says, text);
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.close();
  },
};
