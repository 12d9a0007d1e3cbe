// SPDX-License-Identifier: AGPL-3.0-or-later
// node engine_in_node.mjs MODULE DIRECTORY PORT [URL]: the engine in WebAssembly with the platform's WebSocket; commands and events
// as lines of JSON, as konsil --json has them. Its half-done uploads lie in the directory. Without a URL it goes where
// host-meta says. Whatever name an address has is reached at 127.0.0.1, at PORT if it names none. One command more:
// "cut" cuts the line.
import dns from "node:dns";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Engine } from "../../src/edge/wasm/engine.mjs";
import { MemorySlot } from "../../src/edge/wasm/kio.mjs";
import { NodePlaces } from "../../src/edge/wasm/places_node.mjs";
import "../node_platform.mjs";

const [file, directory, port, url] = process.argv.slice(2);
dns.lookup = (_, options, done) => (options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4));

/* HTTPS is at a port that a test has no right to take. */
const platformFetch = fetch;
const here = (address) => address.replace(/^(\w+:\/\/[^/:]+)\//, `$1:${port}/`);
globalThis.fetch = (address, request) => platformFetch(here(address), request);

let socket;
const engine = new Engine({
  module: new WebAssembly.Module(readFileSync(file)),
  slots: [new MemorySlot(), new MemorySlot()],
  key: crypto.getRandomValues(new Uint8Array(32)),
  url,
  places: new NodePlaces(directory),
  onEvent: (event) => process.stdout.write(`${JSON.stringify(event)}\n`),
  open: (address) => (socket = new WebSocket(here(address), "xmpp")),
});
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.cmd === "cut") socket.close();
  else engine.command(command);
}
process.exit(0);
