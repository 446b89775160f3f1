/* Work in slices: between them the page draws and hears its reader, who may stop the work.
 *
 * Not in a worker of its own: the graphics card is asked from here, and what is stopped
 * ends at its next slice. `pause` is awaited after each, and ends the work by throwing.
 */

const SLICE = 2 ** 20; // multiplications or so in a slice: a few milliseconds

/** Let the page do what waits. By a message to oneself: a timer may come 4 ms late. */
const breath = (() => {
  const { port1, port2 } = new MessageChannel();
  const waiting = [];
  port1.onmessage = () => waiting.shift()();
  return () => new Promise((go) => {
    waiting.push(go);
    port2.postMessage(0);
  });
})();

/** Do `work(from, to)` for all rows, as many at a time as `steps` in each allow. */
async function inSlices(rows, steps, pause, work) {
  const many = Math.max(1, Math.floor(SLICE / steps));
  for (let from = 0; from < rows; from += many) {
    work(from, Math.min(rows, from + many));
    await pause();
  }
}
