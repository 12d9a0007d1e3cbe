// SPDX-License-Identifier: AGPL-3.0-or-later
// places_node.mjs -- files on a disk, under Node, for files.mjs; as konsil has them (src/edge/saved_file.h).
//
// Half-done files are their owner's alone, and what others could have written is not gone on with: that of an upload lies
// in a directory of the program's, those of a download beside its place, as .konsil-NUMBER.part and .konsil-NUMBER.open.
import fs, { constants, createReadStream } from "node:fs";
import { link, open, readFile, rm, stat } from "node:fs/promises";
import https from "node:https";
import { basename, dirname, extname, join } from "node:path";
import { pipeline } from "node:stream";

const NUMBERS_MAX = 1000; // behind a name that is taken
const SILENCE = 60000;
const HALVES = ["sealed", "part", "open"];

/** Debian 12's Node (18) has no Blob that reads from the disk. */
const asBlob = fs.openAsBlob ?? (async (path) => new Blob([await readFile(path)]));

class Half {
  constructor(path, handle, size) {
    this.path = path;
    this.handle = handle;
    this.size = size;
  }

  async append(bytes) {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, this.size);
      done += bytesWritten;
      this.size += bytesWritten;
    }
  }

  async empty() {
    await this.handle.truncate(0);
    this.size = 0;
  }

  blob() {
    return asBlob(this.path);
  }

  /** Not by Node's fetch, which was seen to take as much memory as it sends. A redirect is an answer here, too. */
  put(url, { headers, signal }) {
    const named = { ...Object.fromEntries(headers), "Content-Length": this.size };
    return new Promise((answered, failed) => {
      const request = https.request(url, { method: "PUT", headers: named, signal, timeout: SILENCE, agent: false });
      request.on("response", (answer) => {
        answered({ status: answer.statusCode });
        request.destroy();
      });
      request.on("timeout", () => request.destroy(new Error("silence")));
      request.on("error", failed);
      pipeline(createReadStream(this.path), request, (error) => error && failed(error));
    });
  }

  close() {
    return this.handle.close();
  }
}

export class NodePlaces {
  #scratch;

  /** scratch: a directory that is the program's alone. */
  constructor(scratch) {
    this.#scratch = scratch;
  }

  async source(path) {
    if (!(await stat(path)).isFile()) throw new Error("no file");
    return asBlob(path);
  }

  async half(file, which) {
    const path = join(which === "sealed" ? this.#scratch : (await this.#place(file)).directory, this.#name(file, which));
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    let handle = await open(path, flags, 0o600);
    let found = await handle.stat();
    if (found.uid !== process.getuid() || found.nlink !== 1 || !found.isFile() || found.mode & 0o077) {
      await handle.close();
      await rm(path);
      handle = await open(path, flags | constants.O_EXCL, 0o600);
      found = await handle.stat();
    }
    return new Half(path, handle, found.size);
  }

  async save(file) {
    const { directory, final } = await this.#place(file);
    const half = join(directory, this.#name(file, "open"));
    await this.#sync(half);
    for (let number = 1; ; number++) {
      const path = number === 1 ? final : this.#numbered(final, number);
      try {
        await link(half, path); // fails where something has the name
        await this.#sync(directory);
        return path;
      } catch (error) {
        if (error.code !== "EEXIST" || number === NUMBERS_MAX) throw error;
      }
    }
  }

  async forget(file) {
    const { directory } = await this.#place(file);
    for (const which of HALVES) {
      await rm(join(which === "sealed" ? this.#scratch : directory, this.#name(file, which)), { force: true });
    }
  }

  #name({ transfer }, which) {
    return `.konsil-${transfer}.${which}`;
  }

  /** "scan.jpg" is "scan (2).jpg". */
  #numbered(path, number) {
    const end = extname(path);
    return join(dirname(path), `${basename(path, end)} (${number})${end}`);
  }

  /** path is a file, or a directory, in which it is called by its name. */
  async #place({ path, name }) {
    const isDirectory = path.endsWith("/") || (await stat(path).then((found) => found.isDirectory(), () => false));
    return isDirectory ? { directory: path, final: join(path, name) } : { directory: dirname(path), final: path };
  }

  async #sync(path) {
    const handle = await open(path, constants.O_RDONLY);
    await handle.sync();
    await handle.close();
  }
}
