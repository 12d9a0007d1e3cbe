// SPDX-License-Identifier: AGPL-3.0-or-later
// engine.mjs -- the host of the engine in WebAssembly (engine_wasm.c): commands in, events out, over a WebSocket of the
// platform's (RFC 7395). The same for a browser's worker and for Node.
import { kio } from "./kio.mjs";
import { wasi } from "./wasi.mjs";

const CONNECT = 1;
const CLOSE = 3;
const WAIT_MAX = 60000; // a clock that is set while we sleep is seen by then

/**
 * module: the compiled engine; slots: two handles of kio.mjs; key: 32 bytes, of the store; url: of the domain's WebSocket
 * (XEP-0156), wss only; onEvent(event): takes what the engine says. open(url): another way to a WebSocket, for tests.
 */
export class Engine {
  #call;
  #memory;
  #url;
  #open;
  #onEvent;
  #socket = null;
  #timer = null;

  constructor({ module, slots, key, url, onEvent, open = (address) => new WebSocket(address, "xmpp") }) {
    const host = wasi({ write: () => {} });
    const files = kio(slots);
    const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: host.imports, kio: files.imports });
    this.#call = instance.exports;
    this.#memory = instance.exports.memory;
    this.#url = url;
    this.#open = open;
    this.#onEvent = onEvent;
    host.start(this.#memory);
    files.start(this.#memory);
    this.#call._initialize();
    const secrets = new Uint8Array(64);
    secrets.set(key);
    crypto.getRandomValues(secrets.subarray(32));
    this.#give(secrets);
    secrets.fill(0);
    const failed = this.#call.open(...this.#now());
    if (failed) throw new Error(`the engine does not start: ${failed}`);
  }

  command(command) {
    this.#call.command(this.#give(JSON.stringify(command)), ...this.#now());
    this.#run();
  }

  /** The network came back, or the page: what waits is tried now. */
  tryNow() {
    this.#call.try_now(...this.#now());
    this.#run();
  }

  #now() {
    return [Math.round(performance.now()), Date.now()];
  }

  #give(text) {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    new Uint8Array(this.#memory.buffer).set(bytes, this.#call.room(bytes.length));
    return bytes.length;
  }

  #text(at) {
    return new TextDecoder().decode(new Uint8Array(this.#memory.buffer, at, this.#call.len()));
  }

  /** konsil.h: after every call all events, requests and messages are taken. */
  #run() {
    if (this.#call.failed()) throw new Error(`the engine failed: ${this.#call.failed()}`);
    for (let at; (at = this.#call.next_event()); ) {
      const event = JSON.parse(this.#text(at));
      queueMicrotask(() => this.#onEvent(event));
    }
    this.#send();
    for (let kind; (kind = this.#call.next_request()); ) {
      if (kind === CONNECT) this.#connect(this.#call.len() ? this.#text(this.#call.given()) : this.#url);
      if (kind === CLOSE) this.#close();
    }
    clearTimeout(this.#timer);
    const wait = this.#call.deadline() - performance.now();
    this.#timer = wait === Infinity ? null : setTimeout(() => this.#tick(), Math.max(0, Math.min(wait, WAIT_MAX)));
  }

  #tick() {
    this.#call.tick(...this.#now());
    this.#run();
  }

  #send() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    for (let at; (at = this.#call.next_message()); ) this.#socket.send(this.#text(at));
  }

  /** What a socket says that is ours no more is not listened to. */
  #connect(url) {
    this.#close();
    if (!url.startsWith("wss://")) throw new Error("XMPP goes over TLS only");
    const socket = (this.#socket = this.#open(url));
    const mine = (work) => (event) => {
      if (socket !== this.#socket) return;
      work(event);
      this.#run();
    };
    socket.onopen = mine(() => this.#call.opened(...this.#now()));
    socket.onmessage = mine(({ data }) => {
      if (typeof data !== "string") return this.#lost(); // RFC 7395 §3.2
      this.#call.message(this.#give(data), ...this.#now());
    });
    socket.onclose = mine(() => this.#lost());
    socket.onerror = () => {}; // onclose follows
  }

  #lost() {
    this.#close();
    this.#call.closed(...this.#now());
  }

  #close() {
    this.#send();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
