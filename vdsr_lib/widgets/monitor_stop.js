/* The button that ends a training: what it asks of the kernel, and of the server. */

const HEARD_MS = 700; // until then the kernel itself may have heard the button
const PATIENCE_MS = 4000; // after that the reader is told what else to press

/** A monitor that can ask for the end. */
class MonitorStop extends MonitorPage {
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

  /** Whether the training that runs is on its way to its end. */
  isAsked() {
    return this.isOn() &&
      (this.get("status") === "stopping" || this.asked === this.get("turn"));
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
}
