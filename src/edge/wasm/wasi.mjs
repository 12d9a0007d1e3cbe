// SPDX-License-Identifier: AGPL-3.0-or-later
// wasi.mjs -- what wasi-libc asks of its host: chance, time, two lines of output, an empty environment, and the end.
//
// No files: the engine's store comes through imports of its own (kio.mjs). The same module serves the browser and Node.
// Every other import of WASI that a build has, because some library could open a file, answers "not supported"; so a
// module links, and a call that nobody wanted fails instead of doing something.

const OK = 0;
const BADF = 8;
const NOSYS = 52;
const CHARACTER_DEVICE = 2;

export class Exit extends Error {
  constructor(code) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/** write(fd, bytes) takes what the module says on fd 1 and 2; args are its argv. Call start(memory) after instantiating. */
export function wasi({ write, args = ["konsil"], now = () => Date.now(), random = (b) => crypto.getRandomValues(b) }) {
  let memory;
  const view = () => new DataView(memory.buffer);
  const bytes = (at, len) => new Uint8Array(memory.buffer, at, len);
  const argv = args.map((arg) => new TextEncoder().encode(`${arg}\0`));

  const calls = {
    random_get(at, len) {
      for (let done = 0; done < len; done += 65536) random(bytes(at + done, Math.min(65536, len - done)));
      return OK;
    },
    clock_time_get(id, _precision, ret) {
      const ns = id === 0 ? BigInt(now()) * 1000000n : BigInt(Math.round(performance.now() * 1e6));
      view().setBigUint64(ret, ns, true);
      return OK;
    },
    fd_write(fd, vectors, count, ret) {
      if (fd !== 1 && fd !== 2) return BADF;
      let total = 0;
      for (let i = 0; i < count; i++) {
        const len = view().getUint32(vectors + 8 * i + 4, true);
        write(fd, bytes(view().getUint32(vectors + 8 * i, true), len).slice());
        total += len;
      }
      view().setUint32(ret, total, true);
      return OK;
    },
    fd_fdstat_get(fd, ret) {
      if (fd > 2) return BADF;
      bytes(ret, 24).fill(0);
      view().setUint8(ret, CHARACTER_DEVICE);
      return OK;
    },
    fd_close: () => OK,
    fd_prestat_get: () => BADF,
    args_sizes_get(count, len) {
      view().setUint32(count, argv.length, true);
      view().setUint32(len, argv.reduce((sum, arg) => sum + arg.length, 0), true);
      return OK;
    },
    args_get(pointers, at) {
      for (const [i, arg] of argv.entries()) {
        view().setUint32(pointers + 4 * i, at, true);
        bytes(at, arg.length).set(arg);
        at += arg.length;
      }
      return OK;
    },
    environ_sizes_get(count, len) {
      view().setUint32(count, 0, true);
      view().setUint32(len, 0, true);
      return OK;
    },
    environ_get: () => OK,
    proc_exit(code) {
      throw new Exit(code);
    },
  };
  const imports = new Proxy(calls, { get: (have, name) => have[name] ?? (() => NOSYS) });
  return { imports, start: (instanceMemory) => (memory = instanceMemory) };
}
