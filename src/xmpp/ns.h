/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ns.h -- the namespaces we speak. One list, so that a typo does not compile. */
#ifndef KS_NS_H
#define KS_NS_H

#define NS_CLIENT "jabber:client"
#define NS_COMPONENT "jabber:component:accept" /* XEP-0114 */
#define NS_SERVER "jabber:server"
#define NS_STREAM "http://etherx.jabber.org/streams"
#define NS_FRAMING "urn:ietf:params:xml:ns:xmpp-framing" /* RFC 7395 */
#define NS_STREAMS "urn:ietf:params:xml:ns:xmpp-streams"
#define NS_STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"
#define NS_TLS "urn:ietf:params:xml:ns:xmpp-tls"
#define NS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define NS_BIND "urn:ietf:params:xml:ns:xmpp-bind"
#define NS_SESSION "urn:ietf:params:xml:ns:xmpp-session"
#define NS_SASL2 "urn:xmpp:sasl:2"                  /* XEP-0388 */
#define NS_BIND2 "urn:xmpp:bind:0"                  /* XEP-0386 */
#define NS_FAST "urn:xmpp:fast:0"                   /* XEP-0484 */
#define NS_IBR_TOKEN "urn:xmpp:ibr-token:0"         /* XEP-0445 */
#define NS_PARS "urn:xmpp:pars:0"                   /* XEP-0379, XEP-0445 */
#define NS_REGISTER "jabber:iq:register"            /* XEP-0077 */
#define NS_SASL_CB "urn:xmpp:sasl-cb:0"             /* XEP-0440 */
#define NS_STREAM_LIMITS "urn:xmpp:stream-limits:0" /* XEP-0478 */
#define NS_ROSTER "jabber:iq:roster"
#define NS_ROSTERVER "urn:xmpp:features:rosterver"
#define NS_PREAPPROVAL "urn:xmpp:features:pre-approval"
#define NS_SM "urn:xmpp:sm:3"   /* XEP-0198 */
#define NS_CSI "urn:xmpp:csi:0" /* XEP-0352 */
#define NS_DISCO_INFO "http://jabber.org/protocol/disco#info"
#define NS_DISCO_ITEMS "http://jabber.org/protocol/disco#items"
#define NS_CAPS "http://jabber.org/protocol/caps"
#define NS_PING "urn:xmpp:ping"
#define NS_TIME "urn:xmpp:time"
#define NS_VERSION "jabber:iq:version"
#define NS_BLOCKING "urn:xmpp:blocking"
#define NS_BLOCKING_ERRORS "urn:xmpp:blocking:errors"
#define NS_CARBONS "urn:xmpp:carbons:2"
#define NS_FORWARD "urn:xmpp:forward:0"
#define NS_DELAY "urn:xmpp:delay"
#define NS_MAM "urn:xmpp:mam:2"
#define NS_MAM_EXTENDED "urn:xmpp:mam:2#extended"
#define NS_MAM_GROUPCHAT "urn:xmpp:mam:2#groupchat-field"
#define NS_RSM "http://jabber.org/protocol/rsm"
#define NS_SID "urn:xmpp:sid:0"
#define NS_HINTS "urn:xmpp:hints"
#define NS_DATA "jabber:x:data"
#define NS_PUBSUB "http://jabber.org/protocol/pubsub"
#define NS_PUBSUB_EVENT "http://jabber.org/protocol/pubsub#event"
#define NS_PUBSUB_OWNER "http://jabber.org/protocol/pubsub#owner"
#define NS_PUBSUB_ERRORS "http://jabber.org/protocol/pubsub#errors"
#define NS_PUBLISH_OPTIONS "http://jabber.org/protocol/pubsub#publish-options"
#define NS_NODE_CONFIG "http://jabber.org/protocol/pubsub#node_config"
#define NS_PRIVATE "jabber:iq:private"
#define NS_VCARD "vcard-temp"
#define NS_NICK "http://jabber.org/protocol/nick"
#define NS_COMMANDS "http://jabber.org/protocol/commands" /* XEP-0050 */
#define NS_BOOKMARKS "urn:xmpp:bookmarks:1"               /* XEP-0402 */
#define NS_BOOKMARKS_OLD "storage:bookmarks"              /* XEP-0048 */
#define NS_VCARD_UPDATE "vcard-temp:x:update"             /* XEP-0153 */
#define NS_AVATAR_CONVERSION "urn:xmpp:pep-vcard-conversion:0"
#define NS_AVATAR_DATA "urn:xmpp:avatar:data"
#define NS_AVATAR_METADATA "urn:xmpp:avatar:metadata"
#define NS_RECEIPTS "urn:xmpp:receipts"
#define NS_CHAT_STATES "http://jabber.org/protocol/chatstates"
#define NS_CHAT_MARKERS "urn:xmpp:chat-markers:0"
#define NS_MDS "urn:xmpp:mds:displayed:0" /* XEP-0490 */
#define NS_MDS_ASSIST "urn:xmpp:mds:server-assist:0"
#define NS_EXTDISCO "urn:xmpp:extdisco:2"  /* XEP-0215 */
#define NS_UPLOAD "urn:xmpp:http:upload:0" /* XEP-0363 */
#define NS_SFS "urn:xmpp:sfs:0"            /* XEP-0447 */
#define NS_CORRECT "urn:xmpp:message-correct:0"
#define NS_REACTIONS "urn:xmpp:reactions:0"
#define NS_REPLY "urn:xmpp:reply:0"
#define NS_FALLBACK "urn:xmpp:fallback:0"
#define NS_RETRACT "urn:xmpp:message-retract:1"
#define NS_EME "urn:xmpp:eme:0"
#define NS_SCE "urn:xmpp:sce:1"
#define NS_MUC "http://jabber.org/protocol/muc"
#define NS_MUC_USER "http://jabber.org/protocol/muc#user"
#define NS_MUC_ADMIN "http://jabber.org/protocol/muc#admin"
#define NS_MUC_OWNER "http://jabber.org/protocol/muc#owner"
#define NS_MUC_ROOMINFO "http://jabber.org/protocol/muc#roominfo"
#define NS_MUC_ROOMCONFIG "http://jabber.org/protocol/muc#roomconfig"
#define NS_MUC_REQUEST "http://jabber.org/protocol/muc#request"
#define NS_MUC_REGISTER "http://jabber.org/protocol/muc#register"
#define NS_MUC_TRAFFIC "http://jabber.org/protocol/muc#traffic"
#define NS_MUC_STABLE_ID "http://jabber.org/protocol/muc#stable_id"
#define NS_MUC_SELF_PING "http://jabber.org/protocol/muc#self-ping-optimization" /* XEP-0410 */
#define NS_CONFERENCE "jabber:x:conference"                                      /* XEP-0249 */
#define NS_OCCUPANT_ID "urn:xmpp:occupant-id:0"                                  /* XEP-0421 */
#define NS_MODERATE "urn:xmpp:message-moderate:1"                                /* XEP-0425 */
#define NS_HATS "urn:xmpp:hats:0"                                                /* XEP-0317 */
#define NS_OMEMO "urn:xmpp:omemo:2"
#define NS_OMEMO_DEVICES "urn:xmpp:omemo:2:devices"
#define NS_OMEMO_BUNDLES "urn:xmpp:omemo:2:bundles"
#define NS_AXOLOTL "eu.siacs.conversations.axolotl"
#define NS_AXOLOTL_DEVICES "eu.siacs.conversations.axolotl.devicelist"
#define NS_AXOLOTL_BUNDLES "eu.siacs.conversations.axolotl.bundles:" /* the device id follows */
#define NS_KONSIL_MSG "urn:konsil:msg:0"                             /* doc/PROTOCOL.md */
#define NS_KONSIL_ACK "urn:konsil:ack:0"
#define NS_KONSIL_HEAL "urn:konsil:heal:0"
#define NS_KONSIL_WAKE "urn:konsil:wake:0"
#define NS_KONSIL_ARCHIVE "urn:konsil:archive:0"
#define NS_KONSIL_ERASE "urn:konsil:erase:0"
#define NS_KONSIL_DIRECTORY "urn:konsil:directory:0"
#define NS_KONSIL_FILES "urn:konsil:files:0"
#define NS_KONSIL_DEVICES "urn:konsil:devices:0"
#define NS_KONSIL_VAULT "urn:konsil:vault:0"
#define NS_KONSIL_WEBPUSH "urn:konsil:webpush:0"
#define NS_PUSH "urn:xmpp:push:0"
#define NS_JINGLE_MESSAGE "urn:xmpp:jingle-message:0"
#define NS_KONSIL_ROOM "urn:konsil:room:0"
#define NS_KONSIL_DEVICE_KEY "urn:konsil:device-key:0"
#define NS_KONSIL_ENROL "urn:konsil:enrol:0"
#define NS_KONSIL_LOG "urn:konsil:log:0"
#define NS_KONSIL_SIGNED "urn:konsil:signed:0"
#define NS_X509 "urn:xmpp:x509:0"

#endif
