/* The page side of `OwnPicture`: choosing a file, the choices, progress, download.
 *
 * State is in the model's traits; only files travel as messages, in pieces that a
 * Jupyter server lets through (it closes the connection at 10 MB). The result itself
 * is shown by the comparison below, a widget of its own.
 * Stands after tools.js in one ES module: no bundler, no element ids, no request.
 */

const PIECE = 2 ** 20; // bytes of an upload in one message
const PATIENCE = 15_000; // ms without an answer of the kernel
const LEAST = 1.1;
const MOST = 4;
const TIMES = "\u00d7";
const TASKS = [
  ["enlarge", "Enlarge", "The picture becomes larger; nobody knows the true detail."],
  ["restore", "Shrink first, then restore",
    "The picture is shrunk and enlarged again, so it can be scored against itself."],
];

function megabytes(size) {
  const value = size / 1e6;
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(1)} MB`;
}

class View extends Page {
  constructor(model, el) {
    super(model, el);
    Object.assign(this, { off: [], urls: [] });
    this.build();
    this.subscribe();
    followTheme(this, () => {});
    this.draw();
  }

  set(changes) {
    this.trouble = undefined;
    super.set(changes);
    clearTimeout(this.saving);
    this.model.save_changes(); // now: an order to the kernel may follow
  }

  // ------------------------------------------------------------------ the page

  build() {
    this.root = h("div", { class: "vdsr-own", role: "group", "aria-label":
      "Your own picture: upload, enlarge, compare, download" });
    this.root.append(
      h("div", { class: "vo-columns" }, this.pictureSide(), this.choiceSide()),
      this.problemLine());
    this.el.append(this.root);
    keepKeys(this);
  }

  /** Left: the picture, where files are dropped; below it the samples. */
  pictureSide() {
    this.image = h("img", { alt: "", draggable: "false" });
    this.frame = h("div", { class: "vo-detail", hidden: true });
    this.stage = h("div", { class: "vo-thumb" }, this.image, this.frame);
    this.facts = h("div", { class: "vo-facts" });
    this.input = h("input", { type: "file", class: "vo-hidden", tabindex: "-1",
      "aria-hidden": "true",
      accept: "image/*,.jp2,.j2k,.tif,.tiff,.ppm,.pgm,.pbm,.avif" });
    this.choose = h("button", { type: "button", class: "vo-main" }, "Choose a file");
    const hint = h("div", { class: "vo-hint" }, this.choose,
      h("span", {}, "or drop one here"));
    this.limits = h("p", { class: "vo-small" });
    this.samples = h("div", { class: "vo-samples", role: "group", "aria-label":
      "Sample pictures" });
    this.drop = h("div", { class: "vo-drop" }, this.stage, this.facts, hint, this.limits,
      this.input);
    this.listen(this.choose, "click", () => this.input.click());
    this.listen(this.input, "change", () => {
      if (this.input.files.length) this.upload(this.input.files[0]);
      this.input.value = "";
    });
    this.listen(this.root, "dragover", (event) => this.onDrag(event, true));
    this.listen(this.root, "dragleave", (event) => {
      if (!this.root.contains(event.relatedTarget)) this.onDrag(event, false);
    });
    this.listen(this.root, "drop", (event) => this.onDrop(event));
    this.listen(this.stage, "click", (event) => this.onDetail(event));
    this.listen(this.stage, "keydown", (event) => this.onDetailKey(event));
    return h("div", { class: "vo-left" }, this.drop,
      h("div", { class: "vo-small vo-or" }, "Or try one of these:"), this.samples);
  }

  /** Right: scale, model, device, task; then the work and its result. */
  choiceSide() {
    const row = (label, ...nodes) => h("div", { class: "vo-row" },
      h("span", { class: "vo-label", "aria-hidden": "true" }, label), ...nodes);
    this.slider = h("input", { type: "range", min: LEAST, max: MOST, step: 0.05,
      "aria-label": "Scale" });
    this.number = h("input", { type: "number", min: LEAST, max: MOST, step: "any",
      "aria-label": "Scale, as a number" });
    this.modelBox = h("select", { "aria-label": "Model" });
    this.about = h("div", { class: "vo-small vo-about" });
    this.deviceBox = h("select", { "aria-label": "Device" });
    this.tasks = TASKS.map(([task, text, why]) => {
      const node = h("button", { type: "button", "data-task": task, title: why }, text);
      this.listen(node, "click", () => this.set({ task }));
      return node;
    });
    this.why = h("div", { class: "vo-small vo-about" });
    this.sizes = h("div", { class: "vo-sizes" });
    this.go = h("button", { type: "button", class: "vo-main" }, "Enlarge");
    this.stop = h("button", { type: "button" }, "Cancel");
    this.save = h("button", { type: "button" }, "Download PNG");
    this.bar = h("div", { class: "vo-bar", role: "progressbar", "aria-valuemin": 0,
      "aria-valuemax": 100, "aria-label": "Progress" }, h("div", {}));
    this.status = h("div", { class: "vo-status", role: "status" });
    this.listen(this.slider, "input", () => {
      this.number.value = this.slider.value;
      this.drawSizes(Number(this.slider.value));
    });
    this.listen(this.slider, "change", () => this.setScale(this.slider.value));
    this.listen(this.number, "change", () => this.setScale(this.number.value));
    this.listen(this.modelBox, "change", () => this.set({ model: this.modelBox.value }));
    this.listen(this.deviceBox, "change", () =>
      this.set({ device: this.deviceBox.value }));
    this.listen(this.go, "click", () => this.ask({ do: "enlarge" }));
    this.listen(this.stop, "click", () => this.cancel());
    this.listen(this.save, "click", () => this.download());
    return h("div", { class: "vo-right" },
      row("Scale", this.slider, this.number, h("span", { "aria-hidden": "true" }, TIMES)),
      row("Model", this.modelBox), this.about,
      row("Device", this.deviceBox),
      row("Task", h("div", { class: "vo-group", role: "group", "aria-label": "Task" },
        ...this.tasks)), this.why,
      this.sizes,
      h("div", { class: "vo-actions" }, this.go, this.stop, this.save),
      this.bar, this.status);
  }

  problemLine() {
    this.problem = h("div", { class: "vo-problem", role: "alert", hidden: true });
    return this.problem;
  }

  subscribe() {
    const on = (names, handler) => {
      for (const name of names) {
        this.model.on(name, handler);
        this.off.push([name, handler]);
      }
    };
    const draw = () => this.schedule();
    on(["models", "devices", "samples", "thumbnails", "limits_text", "name", "size",
      "kind", "preview", "scale", "model", "device", "task", "stage", "progress",
      "problem", "status", "target", "window"].map((name) => `change:${name}`), draw);
    on(["msg:custom"], (content, buffers) => this.hear(content, buffers));
  }

  // ------------------------------------------------------------------ drawing

  schedule() {
    this.frameId ??= requestAnimationFrame(() => {
      this.frameId = undefined;
      this.draw();
    });
  }

  draw() {
    const stage = this.get("stage");
    const busy = stage === "working";
    this.root.dataset.stage = stage;
    setText(this.limits, this.get("limits_text"));
    this.drawPicture();
    this.drawSamples();
    this.drawChoices();
    this.drawSizes(this.get("scale"));
    this.drawWork(busy || Boolean(this.transfer));
    this.go.disabled = busy || stage === "empty" || Boolean(this.transfer);
    this.save.disabled = stage !== "done" || Boolean(this.transfer);
    this.stop.disabled = !busy && this.transfer?.what !== "up";
    this.tell(this.trouble ?? this.get("problem"));
  }

  drawPicture() {
    const [rows, columns] = this.get("size");
    const preview = this.get("preview");
    if (preview !== this.drawn && preview?.byteLength) {
      this.drawn = preview;
      this.image.src = this.url(preview);
    }
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
    this.samples.replaceChildren(...names.map((name, i) => {
      const image = h("img", { alt: "", src: this.url(this.get("thumbnails")[i]) });
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
    const scale = this.get("scale");
    if (document.activeElement !== this.number) this.number.value = shown(scale);
    this.slider.value = scale;
    this.slider.setAttribute("aria-valuetext", `${shown(scale)} times`);
    for (const node of this.tasks) {
      node.setAttribute("aria-pressed", String(node.dataset.task === this.get("task")));
    }
    setText(this.why, TASKS.find(([task]) => task === this.get("task"))[2]);
  }

  /** Say what becomes of the picture, while the slider still moves. */
  drawSizes(scale) {
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
    let text = this.get("status");
    if (this.transfer) {
      text = `${this.transfer.text} ${megabytes(share * this.transfer.size)} of ` +
        megabytes(this.transfer.size);
    } else if (this.get("stage") === "working") {
      text = `${text} ${Math.round(100 * share)} %${this.timeLeft(share)}`;
    } else {
      this.began = undefined;
    }
    setText(this.status, text);
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

  tell(text) {
    setText(this.problem, text);
    this.problem.hidden = !text;
  }

  /** An address of bytes, given back when the view closes. */
  url(bytes) {
    const address = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    this.urls.push(address);
    return address;
  }

  // ------------------------------------------------------------------ actions

  setScale(text) {
    const value = Number(String(text).replace(",", "."));
    const scale = Number.isFinite(value) && value !== 0
      ? Math.round(clamp(value, LEAST, MOST) * 1000) / 1000 : this.get("scale");
    this.number.value = shown(scale);
    this.set({ scale });
    this.schedule();
  }

  ask(content, buffers = []) {
    this.trouble = undefined;
    this.model.send(content, undefined, buffers);
  }

  cancel() {
    if (this.transfer?.what === "up") {
      clearTimeout(this.waiting);
      this.transfer = undefined;
      this.schedule();
    } else {
      this.ask({ do: "cancel" });
    }
  }

  onDrag(event, over) {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    this.drop.classList.toggle("vo-over", over);
  }

  onDrop(event) {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    this.onDrag(event, false);
    if (event.dataTransfer.files.length) this.upload(event.dataTransfer.files[0]);
  }

  /** Move the detail to where the thumbnail was clicked. */
  onDetail(event) {
    if (!this.stage.classList.contains("vo-can")) return;
    const box = this.image.getBoundingClientRect();
    this.set({ detail: [clamp((event.clientY - box.top) / box.height, 0, 1),
      clamp((event.clientX - box.left) / box.width, 0, 1)] });
  }

  onDetailKey(event) {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1],
      ArrowRight: [0, 1] }[event.key];
    if (!move || !this.stage.classList.contains("vo-can")) return;
    event.preventDefault();
    const [top, left, height, width] = this.get("window");
    const at = [top + height / 2 + move[0] * height / 4,
      left + width / 2 + move[1] * width / 4];
    this.set({ detail: [clamp(at[0], height / 2, 1 - height / 2),
      clamp(at[1], width / 2, 1 - width / 2)] });
  }

  // ------------------------------------------------------------------ files

  /** Send a file in pieces, each when the one before it has arrived. */
  upload(file) {
    this.trouble = undefined;
    if (file.size > this.get("limits").file_bytes) {
      this.trouble = `${file.name} has ${megabytes(file.size)}, above the limit of ` +
        `${megabytes(this.get("limits").file_bytes)}: save it smaller, or as JPEG`;
      this.schedule();
      return;
    }
    this.transfer = { what: "up", file, size: Math.max(1, file.size), share: 0,
      text: `Sending ${file.name}:` };
    this.sendPiece(0);
  }

  async sendPiece(offset) {
    const transfer = this.transfer;
    const { file } = transfer;
    let piece;
    try {
      piece = await file.slice(offset, offset + PIECE).arrayBuffer();
    } catch (error) {
      this.fail(`${file.name} could not be read (${error.name}): choose it again`);
      return;
    }
    if (this.transfer !== transfer || this.closed) return;
    this.model.send({ do: "piece", name: file.name, size: file.size, offset },
      undefined, [piece]);
    this.expectAnswer();
    if (!file.size) this.transfer = undefined; // the kernel says what is wrong
    this.schedule();
  }

  expectAnswer() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      if (this.transfer) {
        this.fail("The kernel does not answer: it works on another cell, or was " +
          "restarted. Run this widget's cell again.");
      }
    }, PATIENCE);
  }

  fail(text) {
    this.transfer = undefined;
    this.trouble = text;
    this.schedule();
  }

  download() {
    this.trouble = undefined;
    this.transfer = { what: "down", size: 1, share: 0, text: "Writing the PNG:",
      pieces: [] };
    this.model.send({ do: "download" });
    this.schedule();
  }

  hear(content, buffers) {
    const transfer = this.transfer;
    if (content.do === "more" && transfer?.what === "up") {
      clearTimeout(this.waiting);
      transfer.share = content.received / transfer.size;
      if (content.received < transfer.file.size) this.sendPiece(content.received);
      else this.transfer = undefined;
    } else if (content.do === "file" && transfer?.what === "down") {
      const piece = buffers[0];
      transfer.pieces.push(piece);
      transfer.size = content.size;
      transfer.share = (content.offset + piece.byteLength) / content.size;
      transfer.text = "Fetching the PNG:";
      if (transfer.share >= 1) {
        this.keep(new Blob(transfer.pieces, { type: "image/png" }), content.name);
        this.transfer = undefined;
      }
    } else if (content.do === "refused") {
      clearTimeout(this.waiting);
      this.transfer = undefined;
    }
    this.schedule();
  }

  /** Give the reader a file. */
  keep(blob, name) {
    const address = URL.createObjectURL(blob);
    const link = h("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }

  close() {
    this.closed = true;
    this.abort.abort();
    this.themes.disconnect();
    clearTimeout(this.judging);
    clearTimeout(this.waiting);
    cancelAnimationFrame(this.frameId);
    for (const [name, handler] of this.off) this.model.off(name, handler);
    for (const address of this.urls) URL.revokeObjectURL(address);
    this.root.remove();
  }
}

/** A scale as a reader writes it. */
function shown(scale) {
  return String(Math.round(scale * 1000) / 1000);
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.close();
  },
};
