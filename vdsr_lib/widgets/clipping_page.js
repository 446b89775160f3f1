/* What stands on the page of the clipping explorer, and which training it looks at. */

const RATES = [1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003];

/** The nodes of the page; its state is the model's. */
class ClippingPage extends Explorer {
  build() {
    this.rules = this.choice("Clipping rule", (rule) => this.pick({ rule }));
    this.rates = this.choice("Learning rate", (rate) => this.pick({ learning_rate: Number(rate) }));
    this.limits = this.choice("Trained with \u03b8", (i) => this.show(Number(i)));
    this.thetaText = h("span", { class: "vk-now" });
    this.theta = h("input", { type: "range", min: -80, max: 20, step: 1,
      "aria-label": "Limit theta, tenths of a power of ten" });
    this.back = h("button", { type: "button" }, "as trained");
    this.rule = h("p", { class: "vk-note" });
    this.heading = h("p", { class: "vl-head" });
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
          this.heading,
          this.histogram, this.verdict,
          h("div", { class: "vk-player vl-theta" }, h("span", {}, "\u03b8"), this.theta,
            this.thetaText, this.back), this.rule),
        h("section", { "aria-label": "The training" },
          h("p", { class: "vl-head" }, "The training"),
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
}
