// SPDX-License-Identifier: AGPL-3.0-or-later
// run.mjs MODULE.wasm [ARGUMENT...]: runs a test built for WASM as if it were a program (the exe_wrapper of
// deps/wasm.cross). Its store's files are in memory.
import { readFileSync, writeSync } from "node:fs";
import { kio, MemorySlot } from "../../src/edge/wasm/kio.mjs";
import { Exit, wasi } from "../../src/edge/wasm/wasi.mjs";
import "../node_platform.mjs";

const [file, ...args] = process.argv.slice(2);
const host = wasi({ args: [file, ...args], write: (fd, bytes) => writeSync(fd, bytes) });
const files = kio([new MemorySlot(8 << 20), new MemorySlot(8 << 20)]);
const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), {
  wasi_snapshot_preview1: host.imports,
  kio: files.imports,
});
host.start(instance.exports.memory);
files.start(instance.exports.memory);
try {
  instance.exports._start();
} catch (end) {
  if (!(end instanceof Exit)) throw end;
  process.exitCode = end.code;
}
