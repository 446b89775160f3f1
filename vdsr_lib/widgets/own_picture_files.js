/* Files on their way to the kernel and back: in pieces, each when the last has arrived. */

const PIECE = 2 ** 20; // bytes of an upload in one message
const PATIENCE = 15_000; // ms without an answer of the kernel

/** A name for a transfer: answers to an earlier one, or to another page's, differ. */
const ticket = () => Math.random().toString(36).slice(2);

/** A page that sends a file and fetches the result. */
class OwnFiles extends OwnDrawing {
  /** Send a file in pieces, each when the one before it has arrived. */
  upload(file) {
    if (!this.begin()) return;
    if (file.size > this.get("limits").file_bytes) {
      this.trouble = `${file.name} has ${megabytes(file.size)}, above the limit of ` +
        `${megabytes(this.get("limits").file_bytes)}: save it smaller, or as JPEG`;
      this.schedule();
      return;
    }
    this.transfer = { what: "up", id: ticket(), file, size: Math.max(1, file.size), share: 0,
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
    this.model.send({ do: "piece", id: transfer.id, name: file.name, size: file.size,
      offset }, undefined, [piece]);
    this.expectAnswer();
    if (!file.size) this.transfer = undefined; // the kernel says what is wrong
    this.schedule();
  }

  expectAnswer() {
    const { transfer } = this;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      if (this.transfer === transfer) {
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
    if (!this.begin()) return;
    this.transfer = { what: "down", id: ticket(), share: 0, text: "Writing the PNG ...",
      pieces: [] };
    this.model.send({ do: "download", id: this.transfer.id });
    this.schedule();
  }

  hear(content, buffers) {
    const transfer = this.transfer;
    const isOurs = transfer !== undefined && content.id === transfer.id;
    if (content.do === "more" && isOurs) {
      clearTimeout(this.waiting);
      transfer.share = content.received / transfer.size;
      if (content.received < transfer.file.size) this.sendPiece(content.received);
      else this.transfer = undefined;
    } else if (content.do === "file" && isOurs) {
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
}
