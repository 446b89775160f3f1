/* What stands on the page for one's own picture: left the picture, right the choices. */

const LEAST = 1.1;
const MOST = 4;
const TASKS = [
  ["enlarge", "Enlarge", "The picture becomes larger; nobody knows the true detail."],
  ["restore", "Shrink first, then restore",
    "The picture is shrunk and enlarged again, so it can be scored against itself."],
];

const ALONE = "No kernel is behind this widget: the notebook was opened again, or its kernel " +
  "ended. Run its cell in the notebook again.";

/** A scale as a reader writes it. */
function shown(scale) {
  return String(Math.round(scale * 1000) / 1000);
}

/** The nodes of the page, and what they listen to. */
class OwnPage extends Page {
  constructor(model, el) {
    super(model, el);
    this.build();
    this.subscribe();
    followTheme(this, () => {});
    this.draw();
  }

  /** Whether something computes behind this page: a kernel, or the browser in its place.
   *
   * Not in a notebook that was opened again, as the layout says (see kit.js).
   */
  get live() {
    return Boolean(this.model.kernel) || (Boolean(this.model.widget_manager) &&
      this.get("layout")?.comm_live !== false);
  }

  /** Begin what the reader asks for: true, or it is said that nobody is there to do it. */
  begin() {
    this.trouble = this.live ? undefined : ALONE;
    this.schedule();
    return this.live;
  }

  set(changes) {
    this.begin();
    super.set(changes);
  }

  build() {
    this.root = h("div", { class: "vdsr-own", role: "group", "aria-label":
      "Your own picture: upload, enlarge, compare, download" });
    this.root.append(
      h("div", { class: "vo-columns" }, this.pictureSide(), this.choiceSide()),
      this.problemLine());
    this.el.append(this.root);
    keepKeys(this);
    muteResting(this);
  }

  /** Left: the picture, where files are dropped; below it the samples. */
  pictureSide() {
    this.image = h("img", { alt: "", draggable: "false" });
    this.frame = h("div", { class: "vo-detail", hidden: true });
    this.stage = h("div", { class: "vo-thumb" }, this.image, this.frame);
    this.facts = h("div", { class: "vo-facts" });
    this.input = h("input", { type: "file", class: "vd-unseen", tabindex: "-1",
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
    this.status = h("span", { role: "status" });
    this.amount = h("span");
    this.listen(this.slider, "input", () => {
      this.passed = Number(this.slider.value);
      this.schedule();
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
      this.bar, h("div", { class: "vo-status" }, this.status, " ", this.amount));
  }

  problemLine() {
    this.problem = h("div", { class: "vo-problem", role: "alert", hidden: true });
    return this.problem;
  }

  subscribe() {
    this.on(["models", "devices", "samples", "thumbnails", "limits_text", "name", "size",
      "kind", "preview", "scale", "model", "device", "task", "stage", "progress",
      "problem", "status", "target", "window"], () => this.schedule());
    this.on(["scale"], () => { this.passed = undefined; });
    this.heed("comm_live_update", () => this.schedule());
    this.heed("msg:custom", (content, buffers) => this.hear(content, buffers));
  }

  close() {
    clearTimeout(this.waiting);
    super.close();
  }
}
