/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codes.h -- what the engine can have to say to a person, as ids of the catalogue. One list, so that a typo does not
 * compile; the sentences stand in the catalogue. */
#ifndef KS_CODES_H
#define KS_CODES_H

/* Commands. */
#define KS_CODE_COMMAND_SYNTAX "command.syntax"
#define KS_CODE_COMMAND_TOO_BIG "command.too_big"
#define KS_CODE_COMMAND_UNKNOWN "command.unknown"
#define KS_CODE_COMMAND_MEMBER_MISSING "command.member_missing"
#define KS_CODE_COMMAND_MEMBER_UNKNOWN "command.member_unknown"
#define KS_CODE_COMMAND_MEMBER_WRONG "command.member_wrong"
#define KS_CODE_NO_ACCOUNT "account.none"     /* connect was never given */
#define KS_CODE_OTHER_ACCOUNT "account.other" /* the store belongs to another account */
#define KS_CODE_NO_PASSWORD "account.no_password"
#define KS_CODE_OFFLINE "connection.needed" /* only possible while connected */
#define KS_CODE_REFUSED "server.refused"    /* detail: the condition */
#define KS_CODE_NO_MESSAGE "message.none"
#define KS_CODE_NOT_YOURS "message.not_yours"
#define KS_CODE_TO_SELF "message.to_self"
#define KS_CODE_RETRACTED "message.retracted"
#define KS_CODE_SIGNED "message.signed"             /* it stands as it was said */
#define KS_CODE_SIGN_UNCERTIFIED "sign.uncertified" /* this device has no certificate that is of use */
#define KS_CODE_SIGN_ABOUT "sign.about"     /* what it is about is no signed message, or an ack is about nothing */
#define KS_CODE_SIGN_TEXT "sign.text"       /* too long, or with characters that nobody reads */
#define KS_CODE_SIGN_NONE "sign.none"       /* the message is not signed */
#define KS_CODE_SIGN_UNKNOWN "sign.unknown" /* its certificate is not here, or it is not valid */
#define KS_CODE_STILL_WAITS "message.still_waits" /* no server has it yet */
#define KS_CODE_NO_DEVICE "device.none"
#define KS_CODE_NO_PICTURE "picture.none" /* of a format and length that are taken */

#define KS_CODE_VAULT_PIN "vault.pin"   /* it needs a PIN that was right a moment ago */
#define KS_CODE_VAULT_FULL "vault.full" /* too many locks */

#define KS_CODE_BUSY "command.busy" /* the same was asked for, and is not answered yet */
#define KS_CODE_FORM_TOO_BIG "form.too_big"
#define KS_CODE_FORM_UNUSABLE "form.unusable" /* no answer to what was asked */
#define KS_CODE_FORM_EXPIRED "form.expired"
#define KS_CODE_FORM_WRONG "form.wrong" /* the server does not take the answers */
#define KS_CODE_OUTAGE_UNUSABLE "outage.unusable"

/* Why there is no connection. */
#define KS_CODE_DISCONNECTED "connection.closed" /* by the command */
#define KS_CODE_NETWORK "connection.network"
#define KS_CODE_NAME "connection.name"
#define KS_CODE_TLS "connection.tls"
#define KS_CODE_CERTIFICATE "connection.certificate"
#define KS_CODE_TIMEOUT "connection.timeout"
#define KS_CODE_STREAM_ERROR "connection.stream_error" /* detail: the condition */
#define KS_CODE_PROTOCOL "connection.protocol"         /* the server does not speak XMPP as it must */
#define KS_CODE_NO_TLS "connection.no_tls"             /* the server offers no TLS: nothing was sent */
#define KS_CODE_NO_MECHANISM "login.no_mechanism"
#define KS_CODE_LOGIN_REFUSED "login.refused" /* name or password; detail: the condition */
#define KS_CODE_LOGIN_AGAIN "login.again"     /* the device's token is of no use any more, and no password is known */
#define KS_CODE_LOGIN_CERTIFICATE "login.certificate" /* the server does not take ours, and no password is known */
#define KS_CODE_LOGIN_DELAYED "login.delayed"         /* too many wrong tries: later */
#define KS_CODE_LOGIN_DISABLED "login.disabled"
#define KS_CODE_ENROL_LINK "enrol.link"       /* it is no such link */
#define KS_CODE_ENROL_OTHER "enrol.other"     /* it is for another account */
#define KS_CODE_ENROL_THERE "enrol.there"     /* the device has a certificate */
#define KS_CODE_ENROL_NONE "enrol.none"       /* the device belongs to no hospital */
#define KS_CODE_ENROL_REFUSED "enrol.refused" /* the registrar does not take the request */
#define KS_CODE_ENROL_CODE "enrol.code"
#define KS_CODE_ENROL_EXPIRED "enrol.expired"
#define KS_CODE_ENROL_USED "enrol.used"
#define KS_CODE_ENROL_WAITS "enrol.waits"
#define KS_CODE_ENROL_DEVICES "enrol.devices"
#define KS_CODE_ENROL_REVOKED "enrol.revoked"
#define KS_CODE_ENROL_FORGED "enrol.forged" /* whoever answered is not the registrar that the link names */
#define KS_CODE_DEVICE_ISSUED "device.issued"
#define KS_CODE_DEVICE_REVOKED "device.revoked"
#define KS_CODE_REVOKED_SELF "device.revoked_self"
#define KS_CODE_UNCERTIFIED "device.uncertified" /* it gets no key, and what it says is not shown */
#define KS_CODE_LOG_FORKED "log.forked"
#define KS_CODE_LOG_CLOCK "log.clock"
#define KS_CODE_WENT_BACK "device.went_back"
#define KS_CODE_ARCHIVE_NONE "archive.none"
#define KS_CODE_ARCHIVE_SHUT "archive.shut"
#define KS_CODE_ARCHIVE_OPEN "archive.open"
#define KS_CODE_ARCHIVE_KEY_TYPED "archive.key_typed"
#define KS_CODE_ARCHIVE_KEY_WRONG "archive.key_wrong"
#define KS_CODE_ARCHIVE_BUSY "archive.busy"
#define KS_CODE_ARCHIVE_PIN_ANSWER "archive.pin_answer"
#define KS_CODE_ARCHIVE_PIN_LOCKED "archive.pin_locked"
#define KS_CODE_ARCHIVE_PIN_NONE "archive.pin_none"
#define KS_CODE_ARCHIVE_PIN_WAIT "archive.pin_wait"
#define KS_CODE_ARCHIVE_PIN_WEAK "archive.pin_weak"
#define KS_CODE_ARCHIVE_PIN_WRONG "archive.pin_wrong"
#define KS_CODE_ARCHIVE_SLOT "archive.slot"
#define KS_CODE_ARCHIVE_REMOVED "archive.removed"
#define KS_CODE_ARCHIVE_KEYS_GONE "archive.keys_gone"
#define KS_CODE_ARCHIVE_REFUSED "archive.refused"
#define KS_CODE_ARCHIVE_DOUBT "archive.doubt"
#define KS_CODE_ARCHIVE_FORGED "archive.forged"
#define KS_CODE_ARCHIVE_FULL "archive.full"
#define KS_CODE_LOG_OLD "log.old"
#define KS_CODE_LOG_STALE "log.stale"
#define KS_CODE_LOG_DEAD "log.dead"
#define KS_CODE_INVITE_LINK "invite.link"   /* it is no invitation */
#define KS_CODE_INVITE_OTHER "invite.other" /* it is for another account */
#define KS_CODE_INVITE_NONE "invite.none"   /* the server takes no invitations */
#define KS_CODE_INVITE_OVER "invite.over"   /* used, too old, or taken back */
#define KS_CODE_INVITE_PASSWORD "invite.password"
#define KS_CODE_SERVER_UNPROVEN \
    "login.server_unproven"                    /* the server does not know the password, or somebody is between */
#define KS_CODE_REPLACED "connection.replaced" /* by another session of the same name */

/* Why a message waits or failed. */
#define KS_CODE_WAIT_CONNECTION "message.waits_connection"
#define KS_CODE_WAIT_KEYS "message.waits_keys"
#define KS_CODE_WAIT_ROOM "message.waits_room" /* this device is not in it yet, or not any more */
#define KS_CODE_NO_KEYS "peer.no_keys"         /* the account has no device that could read it */
#define KS_CODE_NO_TRUST "peer.no_trust"       /* it has, but none that is trusted */
#define KS_CODE_CANNOT "peer.cannot"           /* its program cannot do this */
#define KS_CODE_BOUNCED "message.bounced"      /* refused by a server; detail: the condition */
#define KS_CODE_EXPIRED "message.expired"      /* nobody acknowledged it in 30 days */
#define KS_CODE_TOO_BIG "message.too_big"      /* the server takes nothing that long */

/* Files, and why one waits or failed. */
#define KS_CODE_FILE_NONE "file.none"               /* the message has no such file */
#define KS_CODE_FILE_NO_TRANSFER "file.no_transfer" /* it is over */
#define KS_CODE_FILE_TOO_MANY "file.too_many"       /* at once */
#define KS_CODE_FILE_CANCELLED "file.cancelled"     /* by the command */
#define KS_CODE_FILE_NO_SERVICE "file.no_service"   /* the server takes no files */
#define KS_CODE_FILE_TOO_BIG "file.too_big"         /* detail: the limit */
#define KS_CODE_FILE_ENDLESS "file.endless"         /* nobody said how long it is, and it does not end */
#define KS_CODE_FILE_QUOTA "file.quota"             /* detail: from when on there is room again */
#define KS_CODE_FILE_REFUSED "file.refused"         /* detail: the condition, or HTTP's status */
#define KS_CODE_FILE_ADDRESS "file.address"         /* at another host than a file may lie; detail: which */
#define KS_CODE_FILE_NETWORK "file.network"
#define KS_CODE_FILE_GONE "file.gone"
#define KS_CODE_FILE_CHANGED "file.changed" /* while it was read */
#define KS_CODE_FILE_UNREADABLE "file.unreadable"
#define KS_CODE_FILE_UNWRITABLE "file.unwritable"
#define KS_CODE_FILE_NO_ROOM "file.no_room"
#define KS_CODE_FILE_NOT_GENUINE "file.not_genuine" /* other bytes than its author sent */

/* Warnings. */
#define KS_CODE_STORE_FULL "store.full"
#define KS_CODE_IDENTITY_CHANGED "device.identity_changed"
#define KS_CODE_NEW_OWN_DEVICE "device.new_own"
#define KS_CODE_CHAIN_DIFFERS "message.chain_differs"
#define KS_CODE_FORGED "message.forged"     /* envelope and stanza name different people */
#define KS_CODE_IN_CLEAR "message.in_clear" /* arrived without encryption: not shown */
#define KS_CODE_ARCHIVE_WENT_BACK "archive.went_back"
#define KS_CODE_REPAIR_EXHAUSTED "repair.exhausted"
#define KS_CODE_ROLLED_BACK "store.rolled_back"
#define KS_CODE_ACK_DIFFERS "message.ack_differs"
#define KS_CODE_CLOCK_DIFFERS "clock.differs"
#define KS_CODE_KEYS_UNPUBLISHED "keys.unpublished"

/* Rooms. */
#define KS_CODE_ROOM_NONE "room.none"
#define KS_CODE_ROOM_NOT_OWNER "room.not_owner"
#define KS_CODE_ROOM_NOT_MODERATOR "room.not_moderator" /* somebody who owns it not took another's message out */
#define KS_CODE_ROOM_FOREIGN "room.foreign"             /* it has no statements: nothing is written there */
#define KS_CODE_ROOM_NOT_MEMBER "room.not_member"       /* this account */
#define KS_CODE_ROOM_NO_MEMBER "room.no_member"         /* another one */
#define KS_CODE_ROOM_NOT_INVITED "room.not_invited"
#define KS_CODE_ROOM_STATED "room.stated" /* its owners add members, nobody invites */
#define KS_CODE_ROOM_NO_SERVICE "room.no_service"
#define KS_CODE_ROOM_BUSY "room.busy"
#define KS_CODE_ROOM_NO_KEYS "room.no_keys" /* none of its other members has a device that could read it */
#define KS_CODE_ROOM_TOO_MANY "room.too_many"
#define KS_CODE_ROOM_LAST_OWNER "room.last_owner"
#define KS_CODE_ROOM_NO_PICTURE "room.no_picture" /* of a format and length that a room can have */
#define KS_CODE_ROOM_CONFLICT "room.conflict"
#define KS_CODE_ROOM_GHOST "room.ghost"         /* the server lists somebody who is no member */
#define KS_CODE_ROOM_STRANGER "room.stranger"   /* somebody who is no member wrote */
#define KS_CODE_ROOM_FORKED "room.forked"       /* two statements of one version */
#define KS_CODE_ROOM_UNPROVEN "room.unproven"   /* its signer could not be proven */
#define KS_CODE_ROOM_REFUSED "room.refused"     /* a statement that does not follow */
#define KS_CODE_ROOM_WENT_BACK "room.went_back" /* the server serves an older state than the known one */
#define KS_CODE_ROOM_WITHHELD "room.withheld"   /* the server does not show what a welcome promised */
#define KS_CODE_ROOM_BEHIND "room.behind"       /* … or what a member named: nothing is sent there */
#define KS_CODE_ROOM_LIMIT "room.limit"         /* there are as many rooms as this program keeps */
#define KS_CODE_ROOM_OVERHEARD "room.overheard" /* who was removed had a key of what was written meanwhile */

#endif
