// SPDX-License-Identifier: AGPL-3.0-or-later
// kio.mjs -- the host's half of kio.h, over slots that have the methods of an OPFS FileSystemSyncAccessHandle.

const FAILED = -1;
const NO_ROOM = -2;

/** slots: one handle for each kio_slot. Call start(memory) after instantiating. */
export function kio(slots) {
  let memory;
  const bytes = (at, len) => new Uint8Array(memory.buffer, at, len);
  const attempt = (work) => {
    try {
      return work();
    } catch (error) {
      return error?.name === "QuotaExceededError" ? NO_ROOM : FAILED;
    }
  };
  const imports = {
    read: (slot, at, len, offset) => attempt(() => slots[slot].read(bytes(at, len), { at: offset })),
    write: (slot, at, len, offset) =>
      attempt(() => (slots[slot].write(bytes(at, len), { at: offset }) === len ? 0 : NO_ROOM)),
    trunc: (slot, size) => attempt(() => (slots[slot].truncate(size), 0)),
    flush: (slot) => attempt(() => (slots[slot].flush(), 0)),
    size: (slot) => attempt(() => slots[slot].getSize()),
  };
  return { imports, start: (instanceMemory) => (memory = instanceMemory) };
}

/** A slot in memory, for tests and for a session that keeps nothing. room: bytes it may take. */
export class MemorySlot {
  #bytes = new Uint8Array(65536);
  #size = 0;
  #room;

  constructor(room = Infinity) {
    this.#room = room;
  }

  read(into, { at }) {
    const part = this.#bytes.subarray(at, Math.min(at + into.length, this.#size));
    into.set(part);
    return part.length;
  }

  write(from, { at }) {
    this.#grow(at + from.length);
    this.#bytes.set(from, at);
    this.#size = Math.max(this.#size, at + from.length);
    return from.length;
  }

  truncate(size) {
    this.#grow(size);
    this.#bytes.fill(0, Math.min(size, this.#size), this.#size);
    this.#size = size;
  }

  flush() {}

  getSize() {
    return this.#size;
  }

  #grow(size) {
    if (size > this.#room) throw Object.assign(new Error("no room"), { name: "QuotaExceededError" });
    if (size <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(size, 2 * this.#bytes.length));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}
