/* A network of plain convolutions in a browser: VDSR or SRCNN by WebGL 2, in float32.
 *
 * The maps of a layer lie four to a texel in the layers of an array texture. A pass of
 * the fragment shader makes some of the next layer's, by the weights in its uniform block.
 * A picture goes through in windows that overlap by the receptive field, as in
 * `inference.super_resolve`, so that what comes out is that of the whole picture.
 */

const CORE = 208; // side of what one window makes, in pixels
const BLINK = 40; // ms for which a page may stand still
const TOO_OLD = "this browser cannot run a network: it has no WebGL 2 with float textures";

const VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  gl_Position = vec4(4.0 * corner - 1.0, 0.0, 1.0);
}`;

/** The shader of one layer: `side` taps across, `inputs` texels in, `outputs` at once. */
function fragment({ side, inputs, outputs, rectify, edge }) {
  const names = Array.from({ length: outputs }, (_, k) => `map${k}`);
  return `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2DArray;
uniform sampler2DArray maps;
uniform ivec4 picture; // first and last column, first and last row of it in this window
uniform int reach; // of the taps; not known to the compiler, which would unroll the loops
uniform int texels;
layout(std140) uniform Layer {
  mat4 weights[${side * side * inputs * outputs}];
  vec4 biases[${outputs}];
};
${names.map((name, k) => `layout(location = ${k}) out vec4 ${name};`).join("\n")}
void main() {
  ivec2 here = ivec2(gl_FragCoord.xy);
  ${names.map((name, k) => `${name} = biases[${k}];`).join(" ")}
  int at = 0;
  for (int y = -reach; y <= reach; y++) {
    for (int x = -reach; x <= reach; x++) {
      ivec2 place = here + ivec2(x, y);
      ivec2 inside = clamp(place, picture.xz, picture.yw);
      float seen = ${edge === "repeat" ? "1.0" : "place == inside ? 1.0 : 0.0"};
      for (int k = 0; k < texels; k++) {
        vec4 map = seen * texelFetch(maps, ivec3(inside, k), 0);
        ${names.map((name, k) => `${name} += weights[at + ${k}] * map;`).join(" ")}
        at += ${outputs};
      }
    }
  }
  ${rectify ? names.map((name) => `${name} = max(${name}, 0.0);`).join(" ") : ""}
}`;
}

/** The numbers of float16, in little-endian bytes. */
function halves(bytes) {
  const codes = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  return Float32Array.from(codes, (code) => {
    const sign = code & 0x8000 ? -1 : 1;
    const [power, rest] = [(code >> 10) & 31, code & 1023];
    return sign * (power ? 2 ** (power - 15) * (1 + rest / 1024) : 2 ** -14 * (rest / 1024));
  });
}

/** The layers that a weights file (safetensors) holds, and what its network is. */
function readWeights(bytes) {
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
  const { architecture } = JSON.parse(header.__metadata__.model_card).card;
  const tensor = (name) => {
    const { dtype, data_offsets: [from, to] } = header[name];
    const raw = bytes.slice(8 + size + from, 8 + size + to);
    return dtype === "F16" ? halves(raw) : new Float32Array(raw.buffer);
  };
  const bodies = Object.keys(header).filter((name) => name.endsWith(".weight"))
    .map((name) => name.slice(0, -".weight".length))
    .sort((a, b) => a.split(".")[1] - b.split(".")[1]);
  const layers = bodies.map((body, k) => {
    const [outputs, inputs, side] = header[`${body}.weight`].shape;
    return { outputs, inputs, side, rectify: k < bodies.length - 1,
      weight: tensor(`${body}.weight`), bias: tensor(`${body}.bias`) };
  });
  return { layers, residual: Boolean(architecture.residual),
    edge: architecture.name === "SRCNN" ? "repeat" : "zeros",
    reach: layers.reduce((sum, { side }) => sum + (side - 1) / 2, 0) };
}

/** A graphics context for networks, and for reading pixels; one for a page. */
class Graphics {
  constructor() {
    const gl = document.createElement("canvas").getContext("webgl2");
    if (!gl?.getExtension("EXT_color_buffer_float")) throw new Error(TOO_OLD);
    this.gl = gl;
    this.programs = new Map();
    this.asked = 0; // layers since the page could draw
    this.most = 1; // of them
    this.frame = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    gl.disable(gl.DITHER);
    const drawn = gl.getParameter(gl.MAX_DRAW_BUFFERS);
    const block = gl.getParameter(gl.MAX_UNIFORM_BLOCK_SIZE);
    /** How many texels of maps one pass of a layer may make. */
    this.atOnce = (matrices, outputs) => [4, 2, 1].find((n) => n === 1 ||
      (n <= drawn && outputs % n === 0 && n * (64 * matrices + 16) <= block));
  }

  /** Compile a shader, once for all layers that have the same. */
  program(text) {
    if (!this.programs.has(text)) this.programs.set(text, this.compile(text));
    return this.programs.get(text);
  }

  compile(text) {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, text]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
      throw new Error(`this browser cannot run the network: ${gl.getProgramInfoLog(program)}`);
    }
    return program;
  }

  /** An array texture of maps, four a texel. */
  maps(width, height, layers) {
    const { gl } = this;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.RGBA32F, width, height, layers);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    return texture;
  }

  /** After some layers, as many as take a blink, wait until they are done. */
  async paced() {
    if (++this.asked < this.most) return;
    const start = performance.now();
    await this.rest();
    const wanted = (this.asked * BLINK) / Math.max(1, performance.now() - start);
    Object.assign(this, { most: clamp(Math.round(wanted), 1, 20), asked: 0 });
  }

  /** Refuse what a lost context gives: zeros, without an error. */
  check() {
    if (this.gl.isContextLost()) throw new Error("the graphics card gave up: load this page anew");
  }

  /** Wait until what was asked for is done, and let the page draw meanwhile. */
  async rest() {
    const { gl } = this;
    const sync = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve));
      this.check();
      if (gl.clientWaitSync(sync, 0, 0) !== gl.TIMEOUT_EXPIRED) break;
    }
    gl.deleteSync(sync);
  }
}

/** A network on the graphics card. */
class Network {
  constructor(graphics, bytes) {
    Object.assign(this, { graphics }, readWeights(bytes));
    this.passes = this.layers.map((layer) => this.prepare(layer));
  }

  /** Compile a layer and send its weights: for each pass, a program's block of uniforms. */
  prepare({ weight, bias, inputs, outputs, side, rectify }) {
    const { gl } = this.graphics;
    const [ins, outs] = [Math.ceil(inputs / 4), Math.ceil(outputs / 4)];
    const taps = side * side;
    const n = this.graphics.atOnce(taps * ins, outs);
    const program = this.graphics.program(
      fragment({ side, inputs: ins, outputs: n, rectify, edge: this.edge }));
    gl.uniformBlockBinding(program, gl.getUniformBlockIndex(program, "Layer"), 0);
    const blocks = [];
    for (let first = 0; first < outs; first += n) {
      const block = new Float32Array(16 * taps * ins * n + 4 * n);
      let at = 0;
      for (let tap = 0; tap < taps; tap++) {
        for (let from = 0; from < ins; from++) {
          for (let to = first; to < first + n; to++) {
            for (let column = 0; column < 4; column++) { // GLSL's matrices, by columns
              for (let row = 0; row < 4; row++, at++) {
                const [o, i] = [4 * to + row, 4 * from + column];
                if (o < outputs && i < inputs) block[at] = weight[(o * inputs + i) * taps + tap];
              }
            }
          }
        }
      }
      block.set(bias.subarray(4 * first, 4 * (first + n)), at);
      const buffer = gl.createBuffer();
      gl.bindBuffer(gl.UNIFORM_BUFFER, buffer);
      gl.bufferData(gl.UNIFORM_BUFFER, block, gl.STATIC_DRAW);
      blocks.push(buffer);
    }
    return { program, blocks, n, outs, texels: ins, reach: (side - 1) / 2 };
  }

  /** Send a luma picture through, in windows; `watch(share)` hears how far it is. */
  async run(ilr, width, height, watch = () => {}) {
    const result = new Float32Array(ilr.length);
    const spans = (length) => {
      const count = Math.ceil(length / CORE);
      return Array.from({ length: count }, (_, k) =>
        [Math.floor((k * length) / count), Math.floor(((k + 1) * length) / count)]);
    };
    const windows = spans(height).flatMap(([top, bottom]) =>
      spans(width).map(([left, right]) => ({ top, bottom, left, right })));
    for (const [k, core] of windows.entries()) {
      const seen = { top: Math.max(0, core.top - this.reach),
        left: Math.max(0, core.left - this.reach),
        bottom: Math.min(height, core.bottom + this.reach),
        right: Math.min(width, core.right + this.reach) };
      const made = await this.window(ilr, width, height, seen, (share) =>
        watch((k + share) / windows.length));
      const across = seen.right - seen.left;
      for (let y = core.top; y < core.bottom; y++) {
        for (let x = core.left; x < core.right; x++) {
          const at = y * width + x;
          result[at] = made[4 * ((y - seen.top) * across + x - seen.left)] +
            (this.residual ? ilr[at] : 0);
        }
      }
    }
    return result;
  }

  /** Run all layers on one window; the result is the first of each four numbers. */
  async window(ilr, width, height, { top, bottom, left, right }, watch) {
    const { gl, frame } = this.graphics;
    const [across, down] = [right - left, bottom - top];
    const first = new Float32Array(4 * across * down);
    for (let y = 0; y < down; y++) {
      for (let x = 0; x < across; x++) {
        first[4 * (y * across + x)] = ilr[(y + top) * width + x + left];
      }
    }
    let maps = this.graphics.maps(across, down, 1);
    gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, 0, across, down, 1, gl.RGBA, gl.FLOAT, first);
    gl.viewport(0, 0, across, down);
    try {
      for (const [k, pass] of this.passes.entries()) {
        const next = this.graphics.maps(across, down, pass.outs);
        const { program } = pass;
        gl.useProgram(program);
        const place = (name) => gl.getUniformLocation(program, name);
        gl.uniform4i(place("picture"), -left, width - 1 - left, -top, height - 1 - top);
        gl.uniform1i(place("reach"), pass.reach);
        gl.uniform1i(place("texels"), pass.texels);
        gl.bindTexture(gl.TEXTURE_2D_ARRAY, maps);
        pass.blocks.forEach((block, part) => this.draw(pass, next, block, part));
        gl.deleteTexture(maps);
        maps = next;
        await this.graphics.paced();
        watch((k + 1) / this.passes.length);
      }
      const made = new Float32Array(4 * across * down);
      gl.bindFramebuffer(gl.FRAMEBUFFER, frame); // where the last layer was drawn
      gl.readPixels(0, 0, across, down, gl.RGBA, gl.FLOAT, made);
      this.graphics.check();
      return made;
    } finally {
      gl.deleteTexture(maps);
    }
  }

  draw({ n }, maps, block, part) {
    const { gl, frame } = this.graphics;
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    const places = Array.from({ length: n }, (_, k) => gl.COLOR_ATTACHMENT0 + k);
    for (const [k, place] of places.entries()) {
      gl.framebufferTextureLayer(gl.FRAMEBUFFER, place, maps, 0, part * n + k);
    }
    for (let k = n; k < 4; k++) {
      gl.framebufferTextureLayer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0 + k, null, 0, 0);
    }
    gl.drawBuffers(places);
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 0, block);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}
