// SPDX-License-Identifier: AGPL-3.0-or-later
// test_engine.mjs MODULE: the host of the engine (engine.mjs) where memory grows, and where something in it fails; its
// WebSockets are these.
import { readFileSync } from "node:fs";
import { Engine } from "../../src/edge/wasm/engine.mjs";
import { MemorySlot } from "../../src/edge/wasm/kio.mjs";
import "../node_platform.mjs";

const MIB = 1 << 20;
const module = new WebAssembly.Module(readFileSync(process.argv[2]));
let rows = 0;

function row(good, name) {
  process.stdout.write(`${good ? "ok" : "not ok"} ${++rows} - ${name}\n`);
  if (!good) process.exitCode = 1;
}

/** What a WebSocket of the platform's has, as far as the host asks for it. */
class Socket {
  readyState = 1;
  sent = [];
  closed = false;
  send(text) {
    this.sent.push(text);
  }
  close() {
    this.closed = true;
  }
}
globalThis.WebSocket ??= { OPEN: 1 };

const turn = () => new Promise((done) => setTimeout(done, 0));

/** An engine of anna's; sockets are those that it opened, and events what it said. */
function start(open = (socket) => socket, url = "wss://klinik.example/xmpp-websocket") {
  const sockets = [];
  const events = [];
  const engine = new Engine({
    module,
    slots: [new MemorySlot(), new MemorySlot()],
    key: crypto.getRandomValues(new Uint8Array(32)),
    url,
    onEvent: (event) => events.push(event),
    open: () => {
      sockets.push(new Socket());
      return open(sockets.at(-1));
    },
  });
  const reason = () => events.findLast((e) => e.event === "connection")?.reason;
  return { engine, sockets, events, reason, connect: () => engine.command({ cmd: "connect", jid: "anna@klinik.example", password: "secret" }) };
}

/** Imports of every name. */
const anything = () => new Proxy({}, { get: () => () => 0 });

const error = (work) => {
  try {
    work();
  } catch (thrown) {
    return thrown;
  }
};

{
  const anna = start();
  anna.connect();
  anna.sockets[0].onopen();
  row(anna.sockets[0].sent[0]?.startsWith("<open "), "(control: on a WebSocket that opens, the engine begins)");
  for (let mib = 1; mib <= 64; mib *= 2)
    row(!error(() => anna.engine.command({ cmd: "state", more: "x".repeat(mib * MIB) })), `a command of ${mib} MiB, for which memory has to grow, goes in`);
  await turn();
  row(anna.events.some((e) => e.event === "error" || e.event === "state"), "and is answered");
}

{
  const anna = start((socket) => {
    if (anna.sockets.length === 1) throw new DOMException("refused", "SecurityError");
    return socket;
  });
  row(!error(anna.connect), "an address that the platform refuses ends no engine");
  await turn();
  row(anna.reason() === "connection.network", "and is a lost line");
  anna.engine.tryNow();
  row(anna.sockets.length === 2, "the next try has a WebSocket again");
}

for (const [what, data] of [["a binary message", new ArrayBuffer(4)], ["a message that no stanza is as long as", "x".repeat(17 * MIB)]]) {
  const anna = start();
  anna.connect();
  anna.sockets[0].onopen();
  anna.sockets[0].onmessage({ data });
  await turn();
  row(anna.sockets[0].closed && anna.reason() === "connection.network", `RFC 7395 §3.2: ${what} is the end of the line`);
}

{
  const anna = start();
  let sends = 0;
  anna.connect();
  anna.sockets[0].send = () => {
    sends++;
    throw new Error("in the middle");
  };
  row(error(() => anna.sockets[0].onopen())?.message === "in the middle" && sends === 1, "(control: what the platform throws in the middle comes out)");
  row(anna.sockets[0].closed, "then the line is closed");
  row(error(() => anna.engine.tryNow())?.message === "in the middle" && anna.sockets.length === 1, "and the engine, of which nobody knows where it stood, is not called again");
}

row(error(() => start(undefined, "ws://klinik.example/"))?.message.includes("TLS"), "without TLS there is no engine");

// Addresses of WebAssembly are signed numbers for its host: what lies beyond 2 GiB would be in front of the memory.
const memory = new WebAssembly.Instance(module, { wasi_snapshot_preview1: anything(), kio: anything() }).exports.memory;
row(!error(() => memory.grow(1)) && error(() => memory.grow((1 << 15) - 1)) !== undefined, "memory grows, and to no more than 2 GiB");
process.stdout.write(`1..${rows}\n`);
process.exit();
