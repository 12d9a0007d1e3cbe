// SPDX-License-Identifier: AGPL-3.0-or-later
// node webpush.mjs CERTIFICATE KEY: a push service and its browsers (RFC 8030 over HTTPS), of parts that others wrote: what
// comes is decrypted by http_ece (RFC 8188, RFC 8291), who sends it is known by Node's crypto (RFC 8292). A command is a
// line of JSON on stdin, an answer or a push one on stdout. The packages are found in MODULES.
//
//   {"cmd":"subscribe","key":VAPID}                 {"event":"subscribed","id","endpoint","p256dh","auth"}
//   {"cmd":"answers","id":ID,"answers":[[429,40]]}  what the next pushes are answered with, and their Retry-After
//   {"cmd":"send","id":ID,"text":…}                 the library web-push sends to it: {"event":"sent","status"}
//   {"event":"push","id","status","at_ms","text","size","head","ttl","urgency","topic","claims"}: at_ms is of a clock that
//   only goes on; head is how many bytes the fields have
//   {"event":"refused","status","reason"}: a push that is none
import crypto from "node:crypto";
import { readFileSync } from "node:fs";
import https from "node:https";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [certificate, key] = process.argv.slice(2).map((path) => readFileSync(path));
const require = createRequire(process.env.MODULES + "/");
const ece = require("http_ece");
const webPush = require("web-push");
const BODY_MAX = 4096; // RFC 8030 §7.2
const DAY = 86400;

const browsers = new Map();
const tell = (event, fields) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
let origin;

class Refused extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

function demand(good, status, reason) {
  if (!good) throw new Refused(status, reason);
}

/** RFC 8292 §2, §3: who sends it. */
function claimsOf(header, browser) {
  demand(header?.startsWith("vapid "), 401, "the scheme is not vapid");
  const fields = new Map(header.slice(6).split(",").map((field) => field.trim().split(/=(.*)/s, 2)));
  demand(fields.get("k") === browser.vapid, 403, "another key than the browser subscribed with");
  const point = Buffer.from(fields.get("k"), "base64url");
  const [head, claims, signature] = fields.get("t").split(".");
  const jwk = { kty: "EC", crv: "P-256", x: point.subarray(1, 33).toString("base64url"), y: point.subarray(33).toString("base64url") };
  const known = { key: crypto.createPublicKey({ format: "jwk", key: jwk }), dsaEncoding: "ieee-p1363" };
  demand(crypto.verify("sha256", Buffer.from(`${head}.${claims}`), known, Buffer.from(signature, "base64url")), 403, "the signature");
  const read = JSON.parse(Buffer.from(claims, "base64url"));
  const now = Date.now() / 1000;
  demand(JSON.parse(Buffer.from(head, "base64url")).alg === "ES256" && read.aud === origin, 403, `alg or aud: ${read.aud}`);
  demand(read.exp > now && read.exp <= now + DAY, 403, "exp");
  return read;
}

function take(request, body) {
  const id = request.url.slice("/push/".length);
  const browser = browsers.get(id);
  const fields = request.headers;
  demand(browser && request.method === "POST", 404, request.url);
  demand(/^\d+$/.test(fields.ttl ?? "") && fields["content-encoding"] === "aes128gcm" && body.length <= BODY_MAX, 400, "TTL, coding or size");
  const claims = claimsOf(fields.authorization, browser);
  const text = ece.decrypt(body, { version: "aes128gcm", privateKey: browser.ecdh, authSecret: browser.auth }).toString();
  const [status, retryAfter] = browser.answers.shift() ?? [201];
  const head = request.rawHeaders.join("").length;
  tell("push", { id, status, at_ms: Math.floor(performance.now()), text, size: body.length, head, ttl: Number(fields.ttl),
    urgency: fields.urgency, topic: fields.topic, claims });
  return [status, retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }];
}

const server = https.createServer({ cert: certificate, key }, (request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    let [status, fields] = [500, {}];
    try {
      [status, fields] = take(request, Buffer.concat(pieces));
    } catch (error) {
      status = error.status ?? 400;
      tell("refused", { status, reason: String(error) });
    }
    response.writeHead(status, fields).end();
  });
});

const commands = {
  subscribe({ key: vapid }) {
    const ecdh = crypto.createECDH("prime256v1");
    ecdh.generateKeys();
    const auth = crypto.randomBytes(16).toString("base64url");
    const id = crypto.randomBytes(12).toString("hex");
    browsers.set(id, { ecdh, auth, vapid, answers: [] });
    tell("subscribed", { id, endpoint: `${origin}/push/${id}`, p256dh: ecdh.getPublicKey("base64url"), auth });
  },
  answers({ id, answers }) {
    browsers.get(id).answers = answers;
    tell("answers", { id });
  },
  async send({ id, text }) {
    const { ecdh, auth } = browsers.get(id);
    const vapid = webPush.generateVAPIDKeys();
    browsers.get(id).vapid = vapid.publicKey;
    const to = { endpoint: `${origin}/push/${id}`, keys: { p256dh: ecdh.getPublicKey("base64url"), auth } };
    const agent = new https.Agent({ ca: certificate });
    const vapidDetails = { subject: "mailto:it@klinik.example", ...vapid };
    const sent = await webPush.sendNotification(to, text, { vapidDetails, contentEncoding: "aes128gcm", agent }).catch((error) => error);
    tell("sent", { status: sent.statusCode });
  },
};

server.listen(0, "127.0.0.1", () => {
  origin = `https://localhost:${server.address().port}`;
  tell("ready", { port: server.address().port });
  createInterface({ input: process.stdin }).on("line", (line) => {
    const command = JSON.parse(line);
    commands[command.cmd](command);
  }).on("close", () => process.exit());
});
