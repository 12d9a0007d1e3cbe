// SPDX-License-Identifier: AGPL-3.0-or-later
// node engine_in_node.mjs MODULE URL: the engine in WebAssembly with Node's WebSocket; commands and events as lines of JSON,
// as konsil --json has them. Whatever name the URL has is reached at 127.0.0.1. One command more: "cut" cuts the line.
import dns from "node:dns";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Engine } from "../../src/edge/wasm/engine.mjs";
import { MemorySlot } from "../../src/edge/wasm/kio.mjs";

const [file, url] = process.argv.slice(2);
dns.lookup = (_, options, done) => (options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4));

let socket;
const engine = new Engine({
  module: new WebAssembly.Module(readFileSync(file)),
  slots: [new MemorySlot(), new MemorySlot()],
  key: crypto.getRandomValues(new Uint8Array(32)),
  url,
  onEvent: (event) => process.stdout.write(`${JSON.stringify(event)}\n`),
  open: (address) => (socket = new WebSocket(address, "xmpp")),
});
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.cmd === "cut") socket.close();
  else engine.command(command);
}
process.exit(0);
