// SPDX-License-Identifier: AGPL-3.0-or-later
// node xmpp_client.mjs SERVICE PORT CA JID PASSWORD PEER: @xmpp/client, a library that others wrote for browsers, over
// WebSocket. Says in lines of JSON what happens, for test_websocket.py; SERVICE names a host that is reached at
// 127.0.0.1:PORT. Its packages are found by NODE_PATH's directory, which stands in MODULES.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import "../node_platform.mjs";

const [service, port, ca, jid, password, peer] = process.argv.slice(2);
const require = createRequire(process.env.MODULES + "/");
const { client, xml } = await import(pathToFileURL(require.resolve("@xmpp/client")));
const WebSocketOfNode = require("ws");
const tell = (event, fields = {}) => console.log(JSON.stringify({ event, ...fields }));

const sockets = [];
globalThis.WebSocket = class extends WebSocketOfNode {
  constructor(url, protocols) {
    const lookup = (_, options, done) => (options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4));
    super(url, protocols, { ca: readFileSync(ca), lookup });
    this.on("upgrade", (response) => tell("upgrade", { extensions: response.headers["sec-websocket-extensions"] ?? null }));
    this.on("close", (code) => tell("closed", { code }));
    sockets.push(this);
  }
};

const [username, domain] = jid.split("@");
const xmpp = client({ service: `wss://${service}:${port}/xmpp-websocket`, domain, resource: "browser", username, password });
xmpp.on("error", (error) => tell("error", { text: String(error) }));
xmpp.on("stanza", (stanza) => {
  const room = stanza.getChild("x", "http://jabber.org/protocol/muc#user");
  if (stanza.is("presence") && room) {
    const item = room.getChild("item").attrs;
    tell("occupant", { from: stanza.attrs.from, type: stanza.attrs.type ?? "available", role: item.role, affiliation: item.affiliation,
      own: room.getChildren("status").some((status) => status.attrs.code === "110") });
  }
  if (stanza.is("message") && stanza.getChild("body")) tell("message", { from: stanza.attrs.from, body: stanza.getChildText("body") });
});
xmpp.streamManagement.on("resumed", () => tell("resumed"));
xmpp.on("online", async (address) => {
  tell("online", { jid: address.toString(), resumable: xmpp.streamManagement.enabled });
  await xmpp.send(xml("presence"));
  await xmpp.send(xml("message", { to: peer, type: "chat" }, xml("body", {}, "grüße über WebSocket")));
});
const ask = (to, type, child, event, fields) =>
  xmpp.iqCaller.request(xml("iq", { to, type }, child)).then((answer) => tell(event, fields(answer)), (error) => tell("refused", { text: error.condition }));
// What the test says: a line for each, a word and what belongs to it.
const words = {
  room: (room) => xmpp.send(xml("presence", { to: room }, xml("x", "http://jabber.org/protocol/muc"))),
  open: (room) => ask(room, "set", xml("query", "http://jabber.org/protocol/muc#owner", xml("x", { xmlns: "jabber:x:data", type: "submit" },
    xml("field", { var: "FORM_TYPE" }, xml("value", {}, "http://jabber.org/protocol/muc#roomconfig")),
    xml("field", { var: "muc#roomconfig_membersonly" }, xml("value", {}, "0")))), "opened", () => ({})),
  say: (room, ...text) => xmpp.send(xml("message", { to: room, type: "groupchat" }, xml("body", {}, text.join(" ")))),
  slot: (size) => ask(domain, "get", xml("request", { xmlns: "urn:xmpp:http:upload:0", filename: "bild.bin", size }), "slot", (answer) => {
    const put = answer.getChild("slot").getChild("put");
    return { url: put.attrs.url, headers: put.getChildren("header").map((header) => `${header.attrs.name}: ${header.text()}`) };
  }),
};
for await (const chunk of process.stdin) {
  for (const line of chunk.toString().trim().split("\n")) {
    if (line === "cut") sockets.at(-1)._socket.destroy();
    if (line === "stop") await xmpp.stop().then(() => tell("stopped"));
    const [word, ...rest] = line.split(" ");
    words[word]?.(...rest);
    if (line === "start") xmpp.start().catch((error) => tell("refused", { text: String(error) }));
  }
}
process.exit(0);
