/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Blobs and a recovery key, written by a program in Python that has nothing of ours (§17.11). The private key is 32
 * bytes of 03, the anchor a0, id 21, salt 22, 19456 KiB, 2 passes, OPRF's output 31, the registrar's share 32; the
 * recovery key 00 to 0e. */
#ifndef ARCHIVE_ACCOUNT_KNOWN_H
#define ARCHIVE_ACCOUNT_KNOWN_H

#define BLOB_PIN                                                                                                     \
    "212121212121212121212121212121212222222222222222222222222222222200004c0000000002414141414141414141414141414141" \
    "414141414141414141df73fadb1ab92597d00848c128bbbbd332629f40ffbcac75786441233dac0bf6bd4af3a9251e6d4af61fa8950be1" \
    "e52f610274754bab4d5fd587f2a1ab2d1f1a21cbd0bfd09de1c09b18f79591d0d84a"
#define BLOB_RECOVERY                                                                                                \
    "414141414141414141414141414141414141414141414141cfecde917d46464343096a523df106fdafbfe45f81f4e3a1a986bdf8527e51" \
    "0de56820f541e325168077376db99c10a0cb2cf4ca86220865b2315850b4316a30d54ce62a364f0e4077eddc2f454047fa"
#define RECOVERY_TEXT "AAAS-EA2E-AWDA-QCAK-BJFS-2DJQ-6H"

#endif
