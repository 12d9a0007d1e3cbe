// SPDX-License-Identifier: AGPL-3.0-or-later
// files.mjs -- moves the bytes of files for the engine (konsil.h, "files") with the platform's fetch.
//
// Only https, no redirects, no cookies. What is read, sealed, fetched and opened goes by pieces of 64 KiB, so memory does
// not grow with a file. An upload is sealed into a half-done file first and sent from there: fetch sends a stream only
// chunked, which says no length. What was fetched stays when the line breaks, and the rest is asked for as a range.
//
// places has the files, since a browser's worker and Node have different ones; its methods are asynchronous:
//   source(path)               the file to be sent, as a Blob that reads from the disk
//   half(file, which)          a half-done file ("sealed", "part", "open") of a konsil_file, as it was left: { size },
//                              append(bytes), empty(), blob(), close(), and for "sealed" put(url, request): what fetch
//                              does with it as the body of a PUT (which reads a Blob from the disk in a browser, and
//                              under Node all of it into memory)
//   save(file)                 makes the half "open" durable, and gives it its name, replacing nothing; what that is
//   forget(file)               removes every half-done file of that transfer
// Errors of append, empty and save that are named QuotaExceededError, or have the code ENOSPC, mean a full disk.

export const LOOK = 1;
export const PUT = 2;
export const GET = 3;
export const STOP = 4;

const Why = {
  NETWORK: 1,
  REFUSED: 2,
  GONE: 3,
  TOO_BIG: 4,
  NO_ROOM: 5,
  UNREADABLE: 6,
  UNWRITABLE: 7,
  CHANGED: 8,
  CERTIFICATE: 9,
  NOT_GENUINE: 10,
};
const PIECE = 65536;
const TAG = 16;
const UNKNOWN_BYTES_MAX = 2 ** 30; // of a file whose size nobody told
const SILENCE = 60000;
const LATER = [408, 409, 425, 429]; // statuses that may be another one later, as all from 500 on

class Failure extends Error {
  constructor(why, status = 0) {
    super(`file: ${why}`);
    Object.assign(this, { why, status });
  }
}

/** A promise of the platform's; what it is rejected with becomes a Failure: of this why, or of what the error says. */
const or = (promise, why) =>
  promise.catch((error) => {
    throw new Failure(typeof why === "function" ? why(error) : why);
  });

const FULL = ["QuotaExceededError", "ENOSPC", "EDQUOT", "EFBIG"];
const whyNotWritten = (error) => (FULL.includes(error?.code) || FULL.includes(error?.name) ? Why.NO_ROOM : Why.UNWRITABLE);

/** Only Node tells which it was; elsewhere a certificate that is not valid is a network that does not work. */
const whyNotFetched = (error) =>
  /CERT|ERR_TLS|SIGNED/.test(error?.cause?.code ?? error?.code ?? "") ? Why.CERTIFICATE : Why.NETWORK;

const pieces = async function* (blob, signal, why) {
  for (let at = 0; at < blob.size; at += PIECE) {
    signal.throwIfAborted();
    yield new Uint8Array(await or(blob.slice(at, at + PIECE).arrayBuffer(), why));
  }
};

/** Lines "Name: value", as fetch takes them. */
const fields = (lines) =>
  lines.split("\n").filter(Boolean).map((line) => {
    const [name, ...value] = line.split(":");
    return [name, value.join(":").trim()];
  });

/** door: the engine's calls, with the number of a transfer first; places: see above. */
export class Files {
  #door;
  #places;
  #lines = [0, 1].map(() => ({ transfer: 0, abort: new AbortController(), task: Promise.resolve() })); // up, down

  constructor(door, places) {
    this.#door = door;
    this.#places = places;
  }

  /** What the engine gives: { kind, transfer, path, name, url, headers, bytes }. Of each direction one at a time. */
  take(file) {
    if (file.kind === STOP) {
      for (const line of this.#lines) if (line.transfer === file.transfer) line.abort.abort();
      Promise.all(this.#lines.map((line) => line.task)).then(() => this.#places.forget(file)).catch(() => {});
      return;
    }
    const line = this.#lines[file.kind === GET ? 1 : 0];
    line.abort.abort();
    line.abort = new AbortController();
    line.transfer = file.transfer;
    const { signal } = line.abort;
    line.task = line.task.then(() => this.#work(file, signal));
  }

  async #work(file, signal) {
    let failure = null;
    let end;
    try {
      signal.throwIfAborted();
      end = await { [LOOK]: this.#look, [PUT]: this.#put, [GET]: this.#get }[file.kind].call(this, file, signal);
    } catch (error) {
      if (!signal.aborted && !(error instanceof Failure)) throw error; // ours
      failure = error;
    }
    if (signal.aborted) return;
    if (failure && failure.why !== Why.NETWORK) await this.#places.forget(file).catch(() => {});
    if (failure) this.#door.failed(file.transfer, failure.why, failure.status);
    else end();
  }

  async #look({ transfer, path }) {
    const { size } = await or(this.#places.source(path), Why.UNREADABLE);
    return () => this.#door.size(transfer, size);
  }

  // --- up ---

  async #put(file, signal) {
    const source = await or(this.#places.source(file.path), Why.UNREADABLE);
    if (source.size + TAG !== file.bytes) throw new Failure(Why.CHANGED);
    const sealed = await or(this.#places.half(file, "sealed"), whyNotWritten);
    try {
      await this.#seal(file.transfer, source, sealed, signal);
      const request = { headers: fields(file.headers), signal };
      const { status } = await this.#ask(file.url, request, (url, whole) => sealed.put(url, whole));
      if (status !== 201) throw this.#refusal(status, status === 413);
    } finally {
      await sealed.close();
    }
    await this.#places.forget(file).catch(() => {});
    return () => this.#door.stored(file.transfer);
  }

  /** Under this try's key, which serves once: what an earlier try left is of no use. */
  async #seal(transfer, source, sealed, signal) {
    await or(sealed.empty(), whyNotWritten);
    for await (const piece of pieces(source, signal, Why.UNREADABLE)) {
      const bytes = this.#door.seal(transfer, piece);
      if (!bytes) throw new Failure(Why.CHANGED);
      await or(sealed.append(bytes), whyNotWritten);
    }
    const tag = this.#door.sealEnd(transfer);
    if (!tag) throw new Failure(Why.CHANGED);
    await or(sealed.append(tag), whyNotWritten);
  }

  // --- down ---

  async #get(file, signal) {
    const part = await or(this.#places.half(file, "part"), whyNotWritten);
    const most = file.bytes || UNKNOWN_BYTES_MAX;
    try {
      if (part.size > most) await or(part.empty(), whyNotWritten);
      let resumed = part.size > 0;
      /* Not what the author sent. If some of it lay here from an earlier try, that may have been to blame: once more, from
       * the beginning. */
      while (!((await this.#fetch(file, part, most, signal)) && (await this.#open(file, part, signal)))) {
        if (!resumed) throw new Failure(Why.NOT_GENUINE);
        await or(part.empty(), whyNotWritten);
        resumed = false;
      }
    } finally {
      await part.close();
    }
    const path = await or(this.#places.save(file), whyNotWritten);
    await this.#places.forget(file).catch(() => {});
    return () => this.#door.saved(file.transfer, path);
  }

  /** What is missing of it. False: the server has less, or something else. */
  async #fetch({ transfer, url, bytes }, part, most, signal) {
    if (bytes && part.size === bytes) return true;
    const from = part.size;
    const answer = await this.#ask(url, { headers: from > 0 ? { Range: `bytes=${from}-` } : {}, signal });
    if (answer.status === 416 && from > 0) return false;
    if (answer.status !== 200 && answer.status !== 206) throw this.#refusal(answer.status);
    /* RFC 9110 §14.2: "A server MAY ignore the Range header field." */
    if (from > 0 && answer.status === 200) await or(part.empty(), whyNotWritten);
    const reader = answer.body.getReader();
    try {
      for (let piece; (piece = await this.#next(reader, signal)); this.#door.moved(transfer, part.size)) {
        if (piece.length > most - part.size) throw new Failure(Why.TOO_BIG);
        await or(part.append(piece), whyNotWritten);
      }
    } finally {
      reader.cancel().catch(() => {});
    }
    return !bytes || part.size === bytes;
  }

  /** Twice from its beginning: nothing is opened that was not found genuine before. */
  async #open(file, part, signal) {
    const { transfer } = file;
    const sealed = await part.blob();
    if (!this.#door.checkBegin(transfer, sealed.size)) return false;
    for await (const piece of pieces(sealed, signal, Why.UNWRITABLE)) if (!this.#door.check(transfer, piece)) return false;
    if (!this.#door.checkEnd(transfer)) return false;
    const open = await or(this.#places.half(file, "open"), whyNotWritten);
    try {
      await or(open.empty(), whyNotWritten);
      for await (const piece of pieces(sealed, signal, Why.UNWRITABLE)) {
        const bytes = this.#door.open(transfer, piece);
        if (!bytes) return false;
        await or(open.append(bytes), whyNotWritten);
      }
    } finally {
      await open.close();
    }
    return this.#door.openEnd(transfer);
  }

  // --- the line ---

  async #ask(url, request, by = fetch) {
    if (!url.startsWith("https://")) throw new Failure(Why.REFUSED);
    const ours = { redirect: "manual", credentials: "omit", referrerPolicy: "no-referrer", cache: "no-store" };
    return or(by(url, { ...ours, ...request }), whyNotFetched);
  }

  /**
   * Null at the end; who says nothing for a minute is gone. A fetch that was given up is not waited for: Debian 12's Node
   * was seen to forget the signal that it had been given.
   */
  async #next(reader, signal) {
    let timer, refuse;
    const gone = new Promise((_, no) => {
      refuse = no;
      timer = setTimeout(no, SILENCE);
      signal.addEventListener("abort", no);
    });
    try {
      signal.throwIfAborted();
      const { done, value } = await or(Promise.race([reader.read(), gone]), Why.NETWORK);
      return done ? null : value;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", refuse);
    }
  }

  /** A redirect is a refusal, too (a browser calls its status 0). RFC 9110 §15.5.14: 413 speaks of what was sent. */
  #refusal(status, tooBig = false) {
    const why = tooBig ? Why.TOO_BIG
      : status === 404 || status === 410 ? Why.GONE
        : LATER.includes(status) || status >= 500 ? Why.NETWORK
          : Why.REFUSED;
    return new Failure(why, status);
  }
}
