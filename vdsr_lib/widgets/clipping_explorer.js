/* The page side of `ClippingExplorer`: gradients by size, the clip, and the training.
 *
 * Rule and rate choose one of the trainings that the model holds, the slider a step of
 * it, and theta moves the clip over the gradients of that step: the share of clipped
 * elements is counted on the page. This part draws the controls and the facts; those
 * before it (clipping_numbers.js to clipping_charts.js) count, hold the page, and draw
 * its charts. All stand after kit.js in one ES module.
 */

const WIDE = 760; // from this width on, the two charts stand side by side

/** The view of some trainings with clipped gradients. */
class ClippingExplorer extends ClippingCharts {
  draw() {
    const trace = this.trace();
    const moment = this.moment();
    const theta = this.get("theta") || trace.theta;
    this.drawChoices(trace);
    this.drawTheta(trace, theta);
    this.root.classList.toggle("vl-wide", this.root.clientWidth >= WIDE);
    this.player.mark(moment, `step ${trace.steps[moment]}`);
    this.drawHistogram(trace, moment, theta);
    this.drawCourse(trace, moment);
    this.write(trace, moment, theta);
    this.drawTraining();
  }

  drawChoices(trace) {
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
  }

  drawTheta(trace, theta) {
    const fixed = trace.rule === "none";
    this.theta.disabled = fixed;
    this.theta.value = Math.round(10 * Math.log10(theta));
    this.theta.setAttribute("aria-valuetext", short(theta));
    setText(this.thetaText, fixed ? "none" : short(theta));
    this.back.hidden = fixed || !this.get("theta") || theta === trace.theta;
  }

  write(trace, moment, theta) {
    setText(this.verdict, effect(trace, moment, theta, this.get("edges")));
    const none = trace.first === 0 ? trace.counts[moment][0] : 0;
    setText(this.rule, `${trace.rule}: ${RULES[trace.rule]}.` + (none
      ? ` ${none.toLocaleString("en")} elements are 0, or too small for the axis.` : ""));
    const row = trace.measured[moment];
    const step = trace.steps[moment];
    const [at, psnr] = trace.psnr.findLast(([s]) => s <= step) ?? [step, null];
    this.table.write([
      ["outcome", trace.outcome],
      ["loss", short(row.loss)],
      ["gradient's norm", short(row.gradient_norm)],
      ["longest step of a weight, before momentum", short(longestStep(trace, moment, theta))],
      [`PSNR at step ${at}`, psnr === null ? "not a number" : `${psnr.toFixed(2)} dB`],
    ]);
  }

  drawTraining() {
    if (!this.live) return;
    const busy = this.get("busy");
    this.wanted.theta.box.disabled = this.wanted.rule.box.value === "none";
    setText(this.train, `Train ${this.get("steps_of_a_training")} steps`);
    rest(this.train, busy);
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
