/* The page side of `OwnPicture`: choosing a file, the choices, progress, download.
 *
 * State is in the model's traits; only files travel as messages, in pieces that a
 * Jupyter server lets through (it closes the connection at 10 MB). The result itself
 * is shown by the comparison below, a widget of its own. This part hears the reader's
 * hand; those before it (own_picture_page.js to own_picture_files.js) hold the page, draw
 * it, and carry files. All stand after tools.js in one ES module: no bundler, no element
 * ids, no request.
 */

/** The view of a picture of one's own: what a reader can do with it. */
class View extends OwnFiles {
  setScale(text) {
    const value = Number(String(text).replace(",", "."));
    const scale = Number.isFinite(value) && value !== 0
      ? Math.round(clamp(value, LEAST, MOST) * 1000) / 1000 : this.get("scale");
    this.passed = undefined;
    this.number.value = shown(scale);
    this.set({ scale });
    this.schedule();
  }

  ask(content, buffers = []) {
    if (this.begin()) this.model.send(content, undefined, buffers);
  }

  cancel() {
    if (this.transfer) {
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
    const move = ARROWS[event.key];
    if (!move || !this.stage.classList.contains("vo-can")) return;
    event.preventDefault();
    const sides = this.get("window").slice(2); // where it is may still be on its way
    this.set({ detail: this.get("detail").map((place, i) => {
      const half = sides[i] / 2;
      const inside = (at) => clamp(at, half, 1 - half);
      return inside(inside(place) + (move[i] * half) / 2);
    }) });
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.close();
  },
};
