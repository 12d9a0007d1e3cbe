// SPDX-License-Identifier: AGPL-3.0-or-later
// What programs expect of the platform and Debian 12's Node has under another name, or not at all: imported for its effect.
// A WebSocket is of the package ws, in MODULES, which a test has fetched if it needs one.
import { webcrypto } from "node:crypto";
import { createRequire } from "node:module";

/** As browsers do, and ws does not, it says in TLS that it speaks HTTP (RFC 7301). */
const ofPackage = ({ WebSocket }) =>
  class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { ALPNProtocols: ["http/1.1"] });
    }
  };

globalThis.crypto ??= webcrypto;
if (process.env.MODULES) globalThis.WebSocket ??= ofPackage(createRequire(`${process.env.MODULES}/`)("ws"));
