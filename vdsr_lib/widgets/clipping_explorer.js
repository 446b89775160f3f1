/* The page side of `ClippingExplorer`: gradients by size, the clip, and the training.
 *
 * Rule and rate choose one of the trainings that the model holds, the slider a step of
 * it, and theta moves the clip over the gradients of that step: the share of clipped
 * elements is counted here, from the bins. Stands after kit.js in one module.
 */

const RULES = {
  adjustable: "each element to \u00b1\u03b8 / rate: no step is longer than \u03b8",
  value: "each element to \u00b1\u03b8, whatever the rate",
  norm: "all elements by one factor, so that the norm is \u03b8 at most",
  none: "nothing is clipped",
};
const RATES = [1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003];
const WIDE = 760; // from this width on, the two charts stand side by side

/** A number with few digits, and powers of ten where it is far from 1. */
function short(value) {
  if (value === null || !Number.isFinite(value)) return "not a number";
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(value) + 1e-9);
  if (exponent >= -3 && exponent < 5) return String(Number(value.toPrecision(3)));
  const leading = Number((value / 10 ** exponent).toPrecision(2));
  return leading === 1 ? power(exponent) : `${leading} \u00b7 ${power(exponent)}`;
}

/** How many elements are larger than `bound`: exact on a bin's edge, else in between. */
function beyond(counts, first, edges, bound) {
  let sum = 0;
  counts.forEach((count, i) => {
    const bin = first + i; // bin k lies between edges k - 1 and k
    const low = bin === 0 ? 0 : edges[bin - 1];
    const high = edges[bin] ?? Infinity;
    if (low >= bound * (1 - 1e-9)) sum += count;
    else if (high > bound * (1 + 1e-9) && Number.isFinite(high)) {
      const part = low === 0 ? (high - bound) / high
        : Math.log(high / bound) / Math.log(high / low);
      sum += count * part;
    } else if (!Number.isFinite(high)) sum += count;
  });
  return sum;
}

class ClippingExplorer extends Explorer {
  build() {
    this.rules = this.choice("Clipping rule", (rule) => this.pick({ rule }));
    this.rates = this.choice("Learning rate", (rate) => this.pick({ learning_rate: Number(rate) }));
    this.limits = this.choice("Trained with \u03b8", (i) => this.show(Number(i)));
    this.thetaText = h("output", { class: "vk-now" });
    this.theta = h("input", { type: "range", min: -80, max: 20, step: 1,
      "aria-label": "Limit theta, tenths of a power of ten" });
    this.back = h("button", { type: "button" }, "as trained");
    this.rule = h("p", { class: "vk-note" });
    this.histogram = h("div", { class: "vl-chart" });
    this.verdict = h("p", { class: "vl-verdict", role: "status" });
    this.course = h("div", { class: "vl-chart" });
    this.player = this.player("Step", (moment) => this.set({ moment }),
      () => this.trace().steps.length, 500);
    this.table = this.facts();
    this.buildTraining();
    this.root.append(
      h("div", { class: "vk-bar" }, this.rules.node, this.rates.node, this.limits.node),
      h("div", { class: "vl-body" },
        h("section", { "aria-label": "Gradients by size" },
          h("h3", { class: "vl-head" }, "Gradients by size, before the clip"),
          this.histogram, this.verdict,
          h("div", { class: "vk-player vl-theta" }, h("span", {}, "\u03b8"), this.theta,
            this.thetaText, this.back), this.rule),
        h("section", { "aria-label": "The training" },
          h("h3", { class: "vl-head" }, "The training"),
          this.course, this.player.node, this.table.node)),
      this.training);
    this.listen(this.theta, "input", () =>
      this.set({ theta: 10 ** (Number(this.theta.value) / 10) }));
    this.listen(this.back, "click", () => this.set({ theta: 0 }));
    this.on(["traces", "chosen", "moment", "theta", "edges", "busy", "progress", "stop"],
      () => this.schedule());
  }

  /** The form that trains once more: shown where a kernel can do it. */
  buildTraining() {
    const option = (value, text) => h("option", { value }, text);
    this.wanted = {
      rule: this.select("Rule", () => this.schedule()),
      rate: this.select("Rate", () => {}),
      theta: this.select("\u03b8", () => {}),
    };
    this.wanted.rule.box.append(...Object.keys(RULES).map((rule) => option(rule, rule)));
    this.wanted.rate.box.append(...RATES.map((rate) => option(rate, String(rate))));
    this.wanted.rate.box.value = 0.1;
    for (let tenth = -60; tenth <= 10; tenth += 5) {
      const value = 10 ** (tenth / 10);
      this.wanted.theta.box.append(option(value, short(value)));
    }
    this.wanted.theta.box.value = 10 ** -4;
    this.train = h("button", { type: "button", class: "vl-train" });
    this.halt = h("button", { type: "button" }, "Stop");
    this.bar = h("progress", { max: 1, "aria-label": "Progress of the training" });
    this.training = h("div", { class: "vk-bar vl-training" },
      h("strong", {}, "Train once more"), ...Object.values(this.wanted).map((w) => w.node),
      this.train, this.halt, this.bar);
    this.training.hidden = !this.live;
    this.listen(this.train, "click", () => this.set({ request: {
      number: Date.now(), rule: this.wanted.rule.box.value,
      learning_rate: Number(this.wanted.rate.box.value),
      theta: Number(this.wanted.theta.box.value),
    } }));
    this.listen(this.halt, "click", () => this.set({ stop: true }));
  }

  trace() {
    const traces = this.get("traces");
    return traces[Math.min(this.get("chosen"), traces.length - 1)];
  }

  /** Show the training nearest to a wish: of that rule, of that rate. */
  pick(wish) {
    const wanted = { ...this.trace(), ...wish };
    const traces = this.get("traces");
    const [key] = Object.keys(wish);
    const far = traces.map((trace) =>
      trace[key] !== wish[key] ? Infinity
        : 100 * Math.abs(Math.log10(trace.learning_rate / wanted.learning_rate)) +
          (trace.rule === wanted.rule ? 0 : 1));
    this.show(far.indexOf(Math.min(...far)));
  }

  /** Show a training at the step that was on show, as far as it came. */
  show(chosen) {
    const step = this.trace().steps[this.moment()];
    const { steps } = this.get("traces")[chosen];
    const later = steps.findIndex((s) => s >= step);
    this.set({ chosen, theta: 0, moment: later < 0 ? steps.length - 1 : later });
  }

  moment() {
    return Math.min(this.get("moment"), this.trace().steps.length - 1);
  }

  draw() {
    const trace = this.trace();
    const moment = this.moment();
    const traces = this.get("traces");
    const unique = (name) => [...new Set(traces.map((one) => one[name]))];
    this.rules.fill(unique("rule").map((rule) => [rule, rule, RULES[rule]]));
    this.rules.mark(trace.rule);
    this.rates.fill(unique("learning_rate").map((rate) => [rate, String(rate)]));
    this.rates.mark(trace.learning_rate);
    const alike = traces.map((one, i) => [i, one]).filter(([, one]) =>
      one.rule === trace.rule && one.learning_rate === trace.learning_rate);
    this.limits.node.hidden = alike.length < 2;
    this.limits.fill(alike.map(([i, one]) => [i, short(one.theta)]));
    this.limits.mark(traces.indexOf(trace));
    const theta = this.get("theta") || trace.theta;
    const fixed = trace.rule === "none";
    this.theta.disabled = fixed;
    this.theta.value = Math.round(10 * Math.log10(theta));
    this.theta.setAttribute("aria-valuetext", short(theta));
    setText(this.thetaText, fixed ? "none" : short(theta));
    this.back.hidden = fixed || !this.get("theta") || theta === trace.theta;
    this.root.classList.toggle("vl-wide", this.root.clientWidth >= WIDE);
    this.player.mark(moment, `step ${trace.steps[moment]}`);
    this.drawHistogram(trace, moment, theta);
    this.drawCourse(trace, moment);
    this.write(trace, moment, theta);
    this.drawTraining();
  }

  /** Where elements are cut; Infinity where they are not. */
  bound(trace, theta) {
    return { adjustable: theta / trace.learning_rate, value: theta }[trace.rule] ?? Infinity;
  }

  drawHistogram(trace, moment, theta) {
    const width = this.histogram.clientWidth;
    const edges = this.get("edges");
    const counts = trace.counts[moment];
    const total = counts.reduce((a, b) => a + b, 0);
    const bound = this.bound(trace, theta);
    const { gradient_norm: norm } = trace.measured[moment];
    const factor = trace.rule === "norm" ? Math.min(1, norm ? theta / norm : 1) : 1;
    const shares = counts.map((count) => (100 * count) / total);
    const most = this.tallest(trace);
    const [low, high] = this.span();
    const plot = chart(width, 250, { x: [low, high], y: [0, most], left: 48 });
    const every = high - low > 9 ? 2 : 1;
    const ticks = [];
    for (let e = Math.ceil(low); e <= high; e++) if (e % every === 0) ticks.push([e, power(e)]);
    plot.axes({
      xTicks: ticks,
      yTicks: niceTicks(0, most, 4).map((v) => [v, `${v} %`]),
      xLabel: "size of an element of the gradient", yLabel: "",
    });
    const at = Number.isFinite(bound) ? Math.log10(bound) : Infinity;
    shares.forEach((share, i) => {
      const bin = trace.first + i;
      if (!share || bin === 0) return; // what is 0 or nearly so has no place on the axis
      const from = Math.log10(edges[bin - 1]);
      const to = bin < edges.length ? from + 0.1 : from + 0.3;
      for (const [a, b, name] of [[from, Math.min(to, Math.max(from, at)), "vl-kept"],
        [Math.max(from, Math.min(to, at)), to, "vl-cut"]]) {
        const [left, right] = [plot.x(clamp(a, low, high)), plot.x(clamp(b, low, high))];
        if (right - left < 0.01) continue;
        plot.svg.append(h("rect", { class: name, x: left, width: right - left,
          y: plot.y(share), height: plot.y(0) - plot.y(share) }));
      }
    });
    if (factor < 1) { // the same elements after the scaling, as an outline
      const moved = shares.map((share, i) =>
        [Math.log10(edges[Math.max(0, trace.first + i - 1)]) + Math.log10(factor) + 0.05, share]);
      plot.line(moved.filter(([x]) => x >= low && x <= high), { class: "vk-line vl-after" });
    }
    if (at >= low && at <= high) {
      const x = plot.x(at);
      const start = x > width - 120;
      plot.svg.append(
        h("line", { class: "vl-bound", x1: x, x2: x, y1: plot.top, y2: plot.y(0) }),
        h("text", { class: "vl-mark", x: x + (start ? -6 : 6), y: plot.top + 10,
          "text-anchor": start ? "end" : "start" }, `clipped at ${short(bound)}`));
    }
    const step = trace.steps[moment];
    plot.svg.setAttribute("aria-label", `Histogram of ${total} elements at step ${step}. ` +
      this.said(trace, moment, theta));
    this.histogram.replaceChildren(plot.svg);
    setText(this.verdict, this.said(trace, moment, theta));
    const none = trace.first === 0 ? counts[0] : 0;
    setText(this.rule, `${trace.rule}: ${RULES[trace.rule]}.` + (none
      ? ` ${none.toLocaleString("en")} elements are 0, or too small for the axis.` : ""));
  }

  /** The largest share in any bin of any step, so that the axis stands still. */
  tallest(trace) {
    const inside = (counts) => counts.filter((_, i) => {
      const bin = trace.first + i;
      return bin > 0 && bin < this.get("edges").length;
    });
    const shares = trace.counts.map((counts) =>
      Math.max(0, ...inside(counts)) / counts.reduce((a, b) => a + b, 0));
    return 112 * Math.max(...shares) || 1;
  }

  /** The powers of ten that all trainings and limits need. */
  span() {
    const edges = this.get("edges");
    const traces = this.get("traces");
    const lows = traces.map((one) => Math.log10(edges[Math.max(0, one.first)]));
    const highs = traces.map((one) =>
      Math.log10(edges[Math.min(edges.length, one.first + one.counts[0].length) - 1]));
    return [clamp(Math.floor(Math.min(...lows)), -9, -5), clamp(Math.ceil(Math.max(...highs)), 0, 4)];
  }

  said(trace, moment, theta) {
    const counts = trace.counts[moment];
    const total = counts.reduce((a, b) => a + b, 0);
    const { gradient_norm: norm, clipped_share: share } = trace.measured[moment];
    const all = total.toLocaleString("en");
    if (trace.rule === "none") return `None of ${all} elements is clipped.`;
    if (trace.rule === "norm") {
      const factor = norm === null ? NaN : Math.min(1, theta / norm);
      return factor < 1
        ? `All ${all} elements are scaled by ${short(factor)}: the norm is ${short(norm)}, above \u03b8.`
        : `No element is scaled: the norm is ${short(norm)}, below \u03b8.`;
    }
    const trained = theta === trace.theta && share !== null;
    const cut = trained ? Math.round(share * total)
      : Math.round(beyond(counts, trace.first, this.get("edges"), this.bound(trace, theta)));
    const percent = (100 * cut) / total;
    const digits = percent > 0 && percent < 1 ? 2 : 1;
    return `${cut.toLocaleString("en")} of ${all} elements are clipped: ${percent.toFixed(digits)} %.`;
  }

  /** PSNR against steps: this training's curve, and the others of its rule. */
  drawCourse(trace, moment) {
    const width = this.course.clientWidth;
    const traces = this.get("traces");
    const base = trace.baseline;
    const all = traces.flatMap((one) => one.psnr.map(([, v]) => v)).filter((v) => v !== null);
    const top = Math.max(...all, base ?? -Infinity);
    const floor = Math.max(Math.min(...all, base ?? Infinity), (base ?? top) - 0.8);
    const last = Math.max(...traces.flatMap((one) => one.psnr.map(([s]) => s)), 1);
    const pad = 0.08 * (top - floor) || 0.5;
    const range = [floor - pad, top + pad];
    const plot = chart(width, 210, { x: [0, last], y: range, left: 48, bottom: 36 });
    plot.axes({
      xTicks: niceTicks(0, last, 5).filter(Number.isInteger).map((v) => [v, String(v)]),
      yTicks: niceTicks(...range, 4).map((v) => [v, String(v)]),
      xLabel: "step", yLabel: "",
    });
    if (base !== null) {
      plot.svg.append(h("line", { class: "vl-base", x1: plot.left,
        x2: width - plot.right, y1: plot.y(base), y2: plot.y(base) }));
    }
    const shown = (one) => one.psnr.map(([s, v]) => [s, v === null ? null : clamp(v, ...range)]);
    for (const one of traces.filter((t) => t.rule === trace.rule && t !== trace)) {
      plot.line(shown(one), { class: "vk-line vl-other" });
    }
    plot.line(shown(trace), { class: "vk-line vl-own" });
    const step = trace.steps[moment];
    plot.svg.append(h("line", { class: "vl-now", x1: plot.x(step), x2: plot.x(step),
      y1: plot.top, y2: plot.y(range[0]) }));
    plot.svg.setAttribute("aria-label", `PSNR in dB against steps for ${trace.rule} at rate ` +
      `${trace.learning_rate}; pale lines: the same rule at other rates.`);
    const dashed = base === null ? "" : `; dashed: bicubic, ${base.toFixed(2)}`;
    this.course.replaceChildren(
      h("div", { class: "vk-note" },
        `PSNR of two details (dB)${dashed}; pale: the rule's other trainings`),
      plot.svg);
  }

  write(trace, moment, theta) {
    const row = trace.measured[moment];
    const score = [...trace.psnr].reverse().find(([s]) => s <= trace.steps[moment]);
    const bound = this.bound(trace, theta);
    const factor = trace.rule === "norm" && row.gradient_norm
      ? Math.min(1, theta / row.gradient_norm) : 1;
    const longest = row.largest === null ? null
      : trace.learning_rate * Math.min(row.largest * factor, bound);
    this.table.write([
      ["outcome", trace.outcome],
      ["loss", short(row.loss)],
      ["gradient's norm", short(row.gradient_norm)],
      ["longest step of a weight, before momentum", short(longest)],
      ["PSNR at this step", score && score[1] !== null ? `${score[1].toFixed(2)} dB` : "not a number"],
    ]);
  }

  drawTraining() {
    if (!this.live) return;
    const busy = this.get("busy");
    this.wanted.theta.box.disabled = this.wanted.rule.box.value === "none";
    setText(this.train, `Train ${this.get("steps_of_a_training")} steps`);
    this.train.disabled = busy;
    this.halt.hidden = this.bar.hidden = !busy;
    this.bar.value = this.get("progress");
  }
}

export default {
  render({ model, el }) {
    const view = new ClippingExplorer(model, el, "vdsr-clipping");
    return () => view.close();
  },
};
