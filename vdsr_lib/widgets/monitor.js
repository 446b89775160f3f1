/* The page side of `LiveMonitor`: it draws the model's state, and asks for the end.
 *
 * The kernel writes the traits at most four times a second; a page draws once for each
 * frame in which something changed. Which training is looked at, and which score, is
 * kept in the model; where the curves are read is the page's own affair. This part
 * draws what is around the curves; those before it (monitor_text.js to
 * monitor_charts.js) hold the page, the stop button and the charts. All stand behind
 * `kit.js` in one ES module: no bundler, no element ids. The one request it ever makes
 * goes to the Jupyter server that it came from: to interrupt the kernel.
 */

const STATES = {
  waiting: "waiting", running: "running", finished: "done", found: "already there",
  stopped: "stopped", failed: "failed",
};
const CUT = { ...STATES, waiting: "not begun", running: "unfinished" };
const QUIET_MS = 20000; // between two sentences to a screen reader

/** The view of a training. */
class View extends MonitorCharts {
  label() {
    const cut = this.cut();
    return cut ? `A training that ${cut}.` : super.label();
  }

  draw() {
    this.wasLive ||= this.live;
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
    const notes = [...this.get("notes")];
    const behind = runs.length ? this.readingsBehind(i) : 1;
    if (behind > 1) {
      notes.push(`A point is the mean of up to ${behind.toLocaleString("en")} readings; ` +
        "the band around it holds them all");
    }
    setText(this.notes, notes.join(" \u00b7 "));
    this.tell(status, on);
  }

  /** What ended everything, unless it stands above as what ended a training. */
  wrong() {
    const problem = super.wrong();
    return this.get("runs").some((run) => run.message === problem) ? "" : problem;
  }

  drawTop(status, runs, now) {
    const on = this.isOn();
    const run = runs[on ? now.current ?? 0 : 0];
    const asked = this.isAsked();
    const many = runs.length > 1;
    setText(this.title, on && run
      ? (many ? `Run ${(now.current ?? 0) + 1} of ${runs.length}: ` : "") + run.name
      : many ? `${runs.length} trainings` : run?.name ?? "Training");
    setText(this.state, this.cut() || (asked ? "stopping after this step" : status));
    const focused = this.stop.contains(document.activeElement);
    this.stop.hidden = !on || !this.live;
    rest(this.stop, asked);
    if (!on && focused) this.grid.focus({ preventScroll: true });
    const place = [];
    const count = (value) => value.toLocaleString("en");
    if (now.step) place.push(`step ${count(now.step)} of ${count(now.total)}`);
    if (now.epoch) place.push(`epoch ${count(now.epoch)} of ${count(now.epochs)}`);
    if (now.learning_rate) place.push(`learning rate ${brief(now.learning_rate)}`);
    setText(this.where, on ? place.join(" \u00b7 ") : many ? "" : place.join(" \u00b7 "));
    const times = [`${clock(this.get("elapsed"))} passed`];
    if (on && this.live) {
      const left = this.get("left");
      times.push(left === null ? "reckoning what is left" : `${clock(left)} left`);
      const silence = performance.now() - this.heardAt;
      if (silence >= SILENCE_MS) {
        times.push(`last heard of ${Math.floor(silence / 60_000)} min ago`);
      }
    }
    setText(this.time, times.join(", "));
  }

  drawKey(runs, i) {
    const names = this.scoreNames();
    this.scoreChoice.hidden = names.length < 2;
    if (this.scores.dataset.names !== String(names)) {
      this.scores.dataset.names = String(names);
      this.scores.replaceChildren(...names.map((name) =>
        h("option", { value: name }, scored(name) || "the pictures")));
    }
    if (names.length) this.scores.value = this.scoreName();
    this.key.hidden = runs.length < 2 && names.length < 2;
    this.legend.hidden = runs.length < 2;
    if (this.legend.childElementCount !== runs.length) {
      this.legend.replaceChildren(...runs.map((_, k) => {
        const node = h("button", { type: "button", "data-lm-suppress-shortcuts": "true" },
          h("svg", { class: "vm-line", width: 30, height: 4, "aria-hidden": "true" },
            h("path", { d: "M0 2H30" })),
          h("span"), h("small"));
        this.listen(node, "click", () =>
          this.set({ chosen: this.get("chosen") === k ? -1 : k }));
        return node;
      }));
    }
    const cut = this.cut();
    [...this.legend.children].forEach((node, k) => {
      node.className = `vm-run ${look(k)}`;
      node.dataset.state = runs[k].state;
      node.setAttribute("aria-pressed", k === i);
      setText(node.children[1], runs[k].name);
      setText(node.children[2], (cut ? CUT : STATES)[runs[k].state]);
    });
  }

  drawDetails(runs, i) {
    const frame = this.get("frames")[i];
    const bytes = { bicubic: this.get("bicubic"), network: frame, original: this.get("reference") };
    this.details.hidden = !frame?.byteLength;
    if (this.details.hidden) return;
    const run = runs[i];
    for (const { name, image, caption } of this.pictures) {
      const text = name === "network"
        ? (run.seen < 0 ? "network" : `step ${run.seen.toLocaleString("en")}`) : name;
      setText(caption, text);
      image.alt = name === "network" ? `The detail as the network renders it, ${text}`
        : name === "bicubic" ? "The detail enlarged by bicubic interpolation"
          : "The original detail";
      this.showBytes(image, bytes[name]);
    }
  }

  // ------------------------------------------------------------------ speaking

  /** Tell a screen reader what changed, rarely: begin, each quarter, end. */
  tell(status, on) {
    const cut = this.cut();
    if (cut) {
      if (this.wasOn) this.say(`The training ${cut}.`);
      this.wasOn = false;
      return;
    }
    const quarter = Math.floor(4 * this.get("progress"));
    this.quarter = Math.min(this.quarter ?? 0, quarter); // a new training begins at 0
    if (status !== this.told && (on !== this.wasOn || !on)) {
      const first = this.told === undefined;
      this.told = status;
      this.wasOn = on;
      this.quarter = quarter;
      if (on) this.say("Training has begun.");
      else if (!first && status !== "failed") this.say(`Training ${status}. ${this.get("description")}`);
    } else if (on && quarter > this.quarter && performance.now() - this.saidAt > QUIET_MS) {
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
