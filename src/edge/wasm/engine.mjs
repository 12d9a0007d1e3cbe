// SPDX-License-Identifier: AGPL-3.0-or-later
// engine.mjs -- the host of the engine in WebAssembly (engine_wasm.c): commands in, events out, over a WebSocket of the
// platform's (RFC 7395), which the domain's host-meta names (XEP-0156); files by fetch (files.mjs). The same for a
// browser's worker and for Node.
import { Files } from "./files.mjs";
import { kio } from "./kio.mjs";
import { wasi } from "./wasi.mjs";

const CONNECT = 1;
const CLOSE = 3;
const LOST_NETWORK = 1;
const LOST_NAME = 4;
const WAIT_MAX = 60000; // a clock that is set while we sleep is seen by then
const MESSAGE_MAX = 16 << 20; // no stanza is as long, and the engine's memory is not given to one
const TAG = 16; // bytes behind a sealed file
const META_WAIT = 10000;
const META_BYTES_MAX = 65536;

const openSocket = (address) => new WebSocket(address, "xmpp");

/** The file of XEP-0156 §3.2, as bytes; it fails where there is none, or a redirect. */
async function hostMeta(domain) {
  const ours = { redirect: "error", credentials: "omit", referrerPolicy: "no-referrer" };
  const request = { ...ours, signal: AbortSignal.timeout(META_WAIT) };
  const { ok, body } = await fetch(`https://${domain}/.well-known/host-meta.json`, request);
  const file = new Uint8Array(META_BYTES_MAX);
  let len = 0;
  if (!ok) throw new Error("no host-meta");
  for await (const piece of body) {
    file.set(piece, len); // fails behind the end
    len += piece.length;
  }
  return file.subarray(0, len);
}

/**
 * module: the compiled engine; slots: two handles of kio.mjs; key: 32 bytes, of the store; url: of the domain's WebSocket,
 * wss only, or null: where its host-meta says; places: of files.mjs, or null: no file is moved; onEvent(event): takes
 * what the engine says. open(url), findMeta(domain): other ways to a WebSocket and to host-meta, for tests.
 * Methods throw what went wrong in the engine. It is not called again then, because nobody knows what it was in the middle
 * of: its line is closed, and who comes again is told the same. What is stored is as whole as after a loss of power.
 */
export class Engine {
  #call;
  #memory;
  #url;
  #open;
  #findMeta;
  #files;
  #onEvent;
  #socket = null;
  #connecting = 0; // which of the connections we look for: what is found for an earlier one is too late
  #timer = null;
  #broken = null;

  constructor({ module, slots, key, url = null, places = null, onEvent, open = openSocket, findMeta = hostMeta }) {
    if (url && !url.startsWith("wss://")) throw new Error("XMPP goes over TLS only");
    const host = wasi({ write: () => {} });
    const files = kio(slots);
    const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: host.imports, kio: files.imports });
    this.#call = instance.exports;
    this.#memory = instance.exports.memory;
    this.#url = url;
    this.#open = open;
    this.#findMeta = findMeta;
    this.#files = places && new Files(this.#door(), places);
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
    const text = JSON.stringify(command);
    this.#enter(() => this.#call.command(this.#give(text), ...this.#now()));
  }

  /** The network came back, or the page: what waits is tried now. */
  tryNow() {
    this.#enter(() => this.#call.try_now(...this.#now()));
  }

  /** Each way in, but for the first; it gives what work() gives. */
  #inside(work) {
    if (this.#broken) throw this.#broken;
    try {
      return work();
    } catch (error) {
      this.#broken = error;
      clearTimeout(this.#timer);
      this.#socket?.close();
      this.#socket = null;
      throw error;
    }
  }

  #enter(work) {
    this.#inside(() => {
      work();
      this.#run();
    });
  }

  #now() {
    return [Math.round(performance.now()), Date.now()];
  }

  #room(len) {
    const at = this.#call.room(len);
    if (!at) throw new RangeError("the engine has no memory");
    return at;
  }

  /** The room first: when the memory grows for it, what we had of the memory before is nothing any more. */
  #give(text) {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    const at = this.#room(bytes.length);
    new Uint8Array(this.#memory.buffer).set(bytes, at);
    return bytes.length;
  }

  #text(at) {
    return new TextDecoder().decode(new Uint8Array(this.#memory.buffer, at, this.#call.len()));
  }

  /** What files.mjs calls: the engine's calls with bytes in and out, and what is said of a transfer. */
  #door() {
    const call = (name, ...words) => this.#call[name](...words);
    const asked = (name) => (transfer, ...words) => this.#inside(() => call(name, transfer, ...words) !== 0);
    const given = (len) => new Uint8Array(this.#memory.buffer, this.#call.given(), len).slice();
    const through = (name, len) => (transfer, bytes) =>
      this.#inside(() => (call(name, transfer, this.#give(bytes)) ? given(len(bytes)) : null));
    const say = (name) => (transfer, ...words) => this.#enter(() => call(name, transfer, ...words, ...this.#now()));
    return {
      size: say("file_size"),
      moved: say("file_moved"),
      stored: say("file_stored"),
      failed: say("file_failed"),
      saved: (transfer, path) => this.#enter(() => call("file_saved", transfer, this.#give(path), ...this.#now())),
      seal: through("file_seal", (bytes) => bytes.length),
      sealEnd: (transfer) =>
        this.#inside(() => {
          this.#room(TAG);
          return call("file_seal_end", transfer) ? given(TAG) : null;
        }),
      checkBegin: asked("file_check_begin"),
      check: (transfer, bytes) => this.#inside(() => call("file_check", transfer, this.#give(bytes)) !== 0),
      checkEnd: asked("file_check_end"),
      open: through("file_open", () => this.#call.len()),
      openEnd: asked("file_open_end"),
    };
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
      if (kind === CONNECT) this.#connect(this.#said("request_url") || this.#url, this.#said("request_domain"));
      if (kind === CLOSE) this.#close();
    }
    for (let kind; this.#files && (kind = this.#call.next_file()); ) this.#files.take(this.#file(kind));
    clearTimeout(this.#timer);
    const wait = this.#call.deadline() - performance.now();
    this.#timer = wait === Infinity ? null : setTimeout(() => this.#tick(), Math.max(0, Math.min(wait, WAIT_MAX)));
  }

  #tick() {
    this.#enter(() => this.#call.tick(...this.#now()));
  }

  #send() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    for (let at; (at = this.#call.next_message()); ) this.#socket.send(this.#text(at));
  }

  /** A text that the engine has for us, or "". */
  #said(name) {
    const at = this.#call[name]();
    return at ? this.#text(at) : "";
  }

  #file(kind) {
    const file = { kind, transfer: this.#call.file_transfer(), bytes: this.#call.file_bytes() };
    for (const name of ["path", "name", "url", "headers"]) file[name] = this.#said(`file_${name}`);
    return file;
  }

  async #find(domain) {
    const mine = ++this.#connecting;
    const file = await this.#findMeta(domain).catch(() => new Uint8Array());
    if (mine !== this.#connecting || this.#broken) return;
    this.#enter(() => {
      const name = new TextEncoder().encode(domain);
      const both = new Uint8Array(file.length + name.length);
      both.set(file);
      both.set(name, file.length);
      this.#give(both);
      const at = this.#call.host_meta(file.length, name.length);
      if (at) this.#connect(this.#text(at), domain);
      else this.#lost(LOST_NAME);
    });
  }

  /** What a socket says that is ours no more is not listened to. */
  #connect(url, domain) {
    this.#close();
    if (!url) return void this.#find(domain);
    const socket = (this.#socket = this.#socketTo(url));
    const mine = (work) => (event) => {
      if (socket === this.#socket) this.#enter(() => work(event));
    };
    socket.onopen = mine(() => this.#call.opened(...this.#now()));
    socket.onmessage = mine(({ data }) => {
      if (typeof data !== "string" || data.length > MESSAGE_MAX) return this.#lost(); // RFC 7395 §3.2
      this.#call.message(this.#give(data), ...this.#now());
    });
    socket.onclose = mine(() => this.#lost());
    socket.onerror = () => {}; // onclose follows
  }

  /** An address that the platform or the page's policy refuses is a line that is lost at once. */
  #socketTo(url) {
    try {
      if (!url.startsWith("wss://")) throw new Error("XMPP goes over TLS only");
      return this.#open(url);
    } catch {
      const none = { close: () => {} };
      queueMicrotask(() => none.onclose());
      return none;
    }
  }

  #lost(why = LOST_NETWORK) {
    this.#close();
    this.#call.closed(why, ...this.#now());
  }

  #close() {
    this.#connecting++;
    this.#send();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
