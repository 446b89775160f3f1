/* What the page for one's own picture shows of the model's state. */

function megabytes(size) {
  const value = size / 1e6;
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(1)} MB`;
}

/** A page that draws its state, once a frame when it changed. */
class OwnDrawing extends OwnPage {
  draw() {
    const stage = this.get("stage");
    const busy = stage === "working" && this.live; // a saved state may say that for ever
    this.root.dataset.stage = stage;
    setText(this.limits, this.get("limits_text"));
    this.drawPicture();
    this.drawSamples();
    this.drawChoices();
    this.drawSizes();
    const sending = Boolean(this.transfer);
    this.drawWork(busy || sending);
    rest(this.go, busy || stage === "empty" || sending);
    rest(this.save, stage !== "done" || sending);
    rest(this.stop, !busy && !sending);
    this.complain(this.trouble ?? this.get("problem"));
  }

  drawPicture() {
    const [rows, columns] = this.get("size");
    const preview = this.get("preview");
    if (preview?.byteLength) this.showBytes(this.image, preview);
    this.image.alt = this.get("name") ? `The picture ${this.get("name")}` : "";
    this.image.hidden = !rows;
    setText(this.facts, rows
      ? `${this.get("name")}: ${columns} ${TIMES} ${rows} pixels, ${this.get("kind")}`
      : "No picture yet");
    const [top, left, height, width] = this.get("window");
    const part = height * width < 0.999;
    this.frame.hidden = !part;
    Object.assign(this.frame.style, { top: `${100 * top}%`, left: `${100 * left}%`,
      height: `${100 * height}%`, width: `${100 * width}%` });
    const stage = this.stage;
    stage.classList.toggle("vo-can", part);
    if (!part) {
      for (const name of ["tabindex", "role", "aria-label", "title"]) {
        stage.removeAttribute(name);
      }
      return;
    }
    stage.setAttribute("tabindex", "0");
    stage.setAttribute("role", "application");
    stage.title = "The square is what is compared below: click to move it";
    const at = [left + width / 2, top + height / 2].map((v) => Math.round(100 * v));
    stage.setAttribute("aria-label", "Detail that is compared, " +
      `${at[0]} % across and ${at[1]} % down: arrow keys move it`);
  }

  drawSamples() {
    const names = this.get("samples");
    const key = names.join();
    if (this.sampleKey === key) return;
    this.sampleKey = key;
    for (const image of this.samples.querySelectorAll("img")) this.dropBytes(image);
    this.samples.replaceChildren(...names.map((name, i) => {
      const image = h("img", { alt: "" });
      this.showBytes(image, this.get("thumbnails")[i]);
      const node = h("button", { type: "button", title: name, "aria-label":
        `Take the sample ${name}`, "data-lm-suppress-shortcuts": "true" }, image);
      this.listen(node, "click", () => this.ask({ do: "sample", name }));
      return node;
    }));
  }

  drawChoices() {
    const fill = (box, choices, value) => {
      const key = JSON.stringify(choices);
      if (box.dataset.key !== key) {
        box.dataset.key = key;
        box.replaceChildren(...choices.map((choice) =>
          h("option", { value: choice.value }, choice.label)));
      }
      box.value = value;
    };
    fill(this.modelBox, this.get("models"), this.get("model"));
    fill(this.deviceBox, this.get("devices"), this.get("device"));
    const model = this.get("models").find((m) => m.value === this.get("model"));
    const alone = this.get("models").length === 1;
    setText(this.about, alone
      ? "No trained network ships with this copy; bicubic needs none."
      : model?.about ?? "");
    const scale = this.scale();
    if (document.activeElement !== this.number) this.number.value = shown(scale);
    this.slider.value = scale;
    this.slider.setAttribute("aria-valuetext", `${shown(scale)} times`);
    for (const node of this.tasks) {
      node.setAttribute("aria-pressed", String(node.dataset.task === this.get("task")));
    }
    setText(this.why, TASKS.find(([task]) => task === this.get("task"))[2]);
  }

  /** The scale that is set, or that the slider passes while it is dragged. */
  scale() {
    return this.passed ?? this.get("scale");
  }

  /** Say what becomes of the picture. */
  drawSizes() {
    const scale = this.scale();
    const [rows, columns] = this.get("size");
    const small = (side) => Math.floor(side / scale + 1e-9);
    const large = (side) => Math.ceil(side * scale - 1e-9);
    const size = (w, height) => `${w} ${TIMES} ${height}`;
    let text = "";
    if (rows && this.get("task") === "restore") {
      const [w, height] = [small(columns), small(rows)];
      text = `${size(columns, rows)} \u2192 ${size(w, height)} \u2192 ` +
        `${size(large(w), large(height))} pixels`;
    } else if (rows) {
      text = `${size(columns, rows)} \u2192 ${size(large(columns), large(rows))} pixels`;
    }
    setText(this.sizes, text);
  }

  drawWork(visible) {
    const share = this.transfer ? this.transfer.share : this.get("progress");
    this.bar.classList.toggle("vo-idle", !visible);
    this.bar.firstChild.style.width = `${100 * share}%`;
    this.bar.setAttribute("aria-valuenow", String(Math.round(100 * share)));
    this.bar.setAttribute("aria-hidden", String(!visible));
    let amount = ""; // it changes often: a screen reader is not told of each change
    if (this.transfer) {
      const { size } = this.transfer;
      if (size) amount = `${megabytes(share * size)} of ${megabytes(size)}`;
    } else if (this.get("stage") === "working") {
      amount = `${Math.round(100 * share)} %${this.timeLeft(share)}`;
    } else {
      this.began = undefined;
    }
    setText(this.status, this.transfer?.text ?? this.get("status"));
    setText(this.amount, amount);
  }

  /** How long it will go on, once that can be judged. */
  timeLeft(share) {
    const now = performance.now();
    if (!this.began || share < this.began.share) this.began = { share, now };
    const [done, spent] = [share - this.began.share, (now - this.began.now) / 1000];
    if (done < 0.08 || spent < 3) return "";
    const left = ((1 - share) / done) * spent;
    return left < 90 ? `, about ${Math.ceil(left)} s left`
      : `, about ${Math.ceil(left / 60)} min left`;
  }
}
