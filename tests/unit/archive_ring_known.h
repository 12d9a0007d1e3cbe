/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Two versions of a ring, written by a program in Python that has nothing of ours (§17.5). The devices' private keys
 * are 32 bytes of 01 and of 02, that of the PIN 03, the officers' 04; certificates' hashes 11 and 12; AK a1, then a2;
 * the anchor a0; keys of class 4: 51 and sub 1: 53, of class 5: 52 and sub 1: 54. In the second the device 02 is gone.
 */
#ifndef ARCHIVE_RING_KNOWN_H
#define ARCHIVE_RING_KNOWN_H

#define RING_KNOWN_1                                                                                       \
    "konsil/0 ring\n{\"acct\":\"anna@klinik.example\",\"v\":1,\"prev\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
    "AAAAAAAAAAA=\",\"upon\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"e\":1,\"anchor\":\"ZIzbe7" \
    "+e/CbxcT6ro4CawbreAjtuRBw43Y0AFop3XTcy62ZvgQrHMtWszvqJ9zJFeF75a8QolYQsz+61NBtC0z4hkE/AgqZt\",\"slots" \
    "\":[{\"kind\":\"device\",\"cert\":\"ERERERERERERERERERERERERERERERERERERERERERE=\",\"key\":\"BG/wO5S" \
    "SQc4drdQ1GeaWDgqFtBppoFwygQOqK84VlMoWPE91OlW/AdxT9sCwx+7ni0DG/30lqW4igrmJzvccFEo=\",\"enc\":\"BOMa5o" \
    "EYOD2426mm/mJDPI4aT5++yJvVUfmew/QbBw+95WqfNkZPFY1FdEnb7jsQFFjBS+/0sBN3nK5RFtQUEPA=\",\"sealed\":\"VE" \
    "TeIyXFeZwTR15rFtG9ojLTCqlRNGbYBL+MGJll8nwDtiLz4F2MozYIEXsd2HFx\"},{\"kind\":\"device\",\"cert\":\"Eh" \
    "ISEhISEhISEhISEhISEhISEhISEhISEhISEhISEhI=\",\"key\":\"BFUPRxAD89+Xw99QaseX9nIfsaH7e49vg9IkSYplyI4kE" \
    "2CT1wEuUJpzcVy9CwCjzA/0tcAbP/oZarH7MnA2uOY=\",\"enc\":\"BPfIl+vo1Xkw9fTkkuM05blsM43PQ3AV3jA7UQCsDFg8" \
    "2/hV9oBEQozM3i0tRN0PZrS+uv9Hv1/L7UA6eDJzCU8=\",\"sealed\":\"Vs8NOThK4YA/d+/RhvXgTLolYcsX7ma7UXn8/EsR" \
    "eptXNm50i18ARNOAJ12nY9XS\"},{\"kind\":\"pin\",\"blob\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" \
    "gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWp" \
    "rbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6P\",\"key\":\"BFkat3HrvP1tnLkJTRBlKK3Rpp1EwsH2J/CJ7F" \
    "i5xhrfn05qvw0EXAxpOjxorXyXynK+ZN70om/s0mPdmKkngPA=\",\"enc\":\"BHg5yuqoSOnYGaPUONWCQKb9dJBB3Of1Jsgmp" \
    "89BpXTCWKgmgEq8+Unv0+M3B/thV/zubKt/JOZlFXoaqo9ec8Y=\",\"sealed\":\"ffcce1pbE08vQAkAbgPo7zFa330LtZdtt" \
    "grE0wG4NxJLGsnUvv7FDKrh0s8o68ZP\"},{\"kind\":\"officers\",\"key\":\"BHMQPsMLPM9X2q4I6TU0rvFEo1lAz2u7" \
    "oSoM98vV1lpk2CyMmenTxF+SRbqbJ5gsmuqOwduUsZxEeVlCwOsiqjI=\",\"enc\":\"BK6j7m/xmPEhLJMDGT1MkzB2YCcZTd7" \
    "n5+0KB35NCpvl+3QeRS7+hUhB0B6HFfkmZ4OwZf7cF9gZ/2y+Z+ELbZc=\",\"sealed\":\"jJfEP7autrx/Gq2hVbdHVUSUkU/" \
    "hmj3VvQcrzMsorRupH3P9sdh21OSE70saLBF0\",\"sig\":\"jSmyvSDlYy9BEBOo4jgqDekokIwv7vnf52XLcastXOQk4h4UYL" \
    "GMXMVAZMN6WJqWNjnM8FECKiLQv4EGnrMF/w==\"}],\"keys\":[{\"class\":4,\"start\":1795392000,\"sub\":0,\"w" \
    "rap\":\"OBCuye04LnY9tOI3TQH3J5QWmlFyChljAKdSO60SVrTEErtkFYODnNaoBxtxYwJOLFTTLF/z+8P81vUAW/1tLNIowTF3" \
    "zZzw\"},{\"class\":5,\"start\":1795392000,\"sub\":0,\"wrap\":\"gh4Cxy2YeHF8jFNYYxIdEQwh8rs7HDE7gicje" \
    "JDEtZqPkYcLeI3Gj/krQ4L3SovkK/ajwD6sAmEgKJp8dmBmmdLxm7Wp5rHT\"}],\"proof\":\"GOF/jTYDsezbp05fwWla92FN" \
    "Ev+vF+n7h4u4ksha/Ew=\",\"mac\":\"YOUfx7Id1ybaPZkb1onwxeZ5ZQqRBHFNUsAmdOWFtGg=\"}"
#define RING_KNOWN_2                                                                                        \
    "konsil/0 ring\n{\"acct\":\"anna@klinik.example\",\"v\":2,\"prev\":\"TaZnGkVEcTHVwS0CRdM3k+3+IU2cDQct"  \
    "ACKJ9AmI054=\",\"upon\":\"TaZnGkVEcTHVwS0CRdM3k+3+IU2cDQctACKJ9AmI054=\",\"e\":2,\"anchor\":\"6uZXdA"  \
    "ms629yLdjH8c88SdS32PCGsdNG3u1vAYcEPqTU3Iyiadya8NTesx7ToZOB47PGTCnfTKubTs6lAsaMhVMP7a8NILNl\",\"slots"  \
    "\":[{\"kind\":\"device\",\"cert\":\"ERERERERERERERERERERERERERERERERERERERERERE=\",\"key\":\"BG/wO5S"  \
    "SQc4drdQ1GeaWDgqFtBppoFwygQOqK84VlMoWPE91OlW/AdxT9sCwx+7ni0DG/30lqW4igrmJzvccFEo=\",\"enc\":\"BKsqqn"  \
    "cKuehDpKhRohoTqjHDBj//GgjdclulvPtab5EYAmLdBoHXtXIqAfW4aiWb+VCTlzSpIqaCGKR/ZeSg+H8=\",\"sealed\":\"2a"  \
    "m17wnNnFFAfGf/pj7yype02OohBAtsZP/Kxb48B4IYaLgGomSTwzyiDcmS1oQK\"},{\"kind\":\"pin\",\"blob\":\"AAECA"  \
    "wQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNT"  \
    "k9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6P\",\"key\":\""  \
    "BFkat3HrvP1tnLkJTRBlKK3Rpp1EwsH2J/CJ7Fi5xhrfn05qvw0EXAxpOjxorXyXynK+ZN70om/s0mPdmKkngPA=\",\"enc\":\"" \
    "BABpwDyAuWcXOaH8c4yXwCrrW9JxuNn9X5T0TlKlt1JVnIukxf3BBltHGG9NUkx8FDRka44+jzjnVSAqZG2mQZU=\",\"sealed\"" \
    ":\"xcgVPIm3TppWVsEtDL7DE4cRgNIg6/Q6hwUc8qCD/O9v5KWiw2HhzQA+zcdbwiZh\"},{\"kind\":\"officers\",\"key\"" \
    ":\"BHMQPsMLPM9X2q4I6TU0rvFEo1lAz2u7oSoM98vV1lpk2CyMmenTxF+SRbqbJ5gsmuqOwduUsZxEeVlCwOsiqjI=\",\"enc\"" \
    ":\"BA/Qg9u0frZnqM2U8rvcXrbCQI7rR8euuphcz5pFH948wVRbpqV7hveqqkF/cfNQP3PK0E8da4Z06MRQywvJgn0=\",\"seal"  \
    "ed\":\"PmQEl0gIJxzRb1uDBioimRK6siSdUZ0JCoSmq1cg58kkD1JRvhKcbr01OGoiIe+K\",\"sig\":\"NCfsxXidELTlNopR"  \
    "ewXpveHqqf6tYi4v9qar9jw5+gUDBfeDIOK+ERsk5mtARRzGkLgCs5uPf752cV2hJJ20LQ==\"}],\"keys\":[{\"class\":4,"  \
    "\"start\":1795392000,\"sub\":0,\"wrap\":\"iphVEweD5IgAUiiLuYHtCrv2iZdKQ+KEZHVYYT2F6LpvK457n5NEME6TaY"  \
    "8KGJm6Dc58sgsvemFr9G9E/n0Y6p+qDUdmtfEW\"},{\"class\":4,\"start\":1795392000,\"sub\":1,\"wrap\":\"RPb"  \
    "UNmS9MW5S97yacjnP0oCkmwVb9zjnx2zYFVs3I5vqmwnOi7jeKjTxypRxUCkpYBFAXauSHGLbQ8mYu5RNrANM7qKkCYyr\"},{\""  \
    "class\":5,\"start\":1795392000,\"sub\":0,\"wrap\":\"/VGvvnKS4A70vYosg6XL/QKc71okYCvagRIudOQmPRIzIked"  \
    "IVTL2hIlqgoNP1L3i1MSgdLrAt72+bMV4s+P/q0riXshlTa4\"},{\"class\":5,\"start\":1795392000,\"sub\":1,\"wr"  \
    "ap\":\"Mp/MJQ6DKqGklov6QlgyNCVdu+gspSilD8VLOsP2vgL57Ki91CrCSHrdddoj4CSiKjozJYpnb+Nx22CUqmP1cz3SUNDjn"  \
    "PPe\"}],\"proof\":\"9r5YrsY76LTHDp0TUajjkSQDdSJ2rCPmbbSnroQ0XKQ=\",\"mac\":\"6mOD86SZAlMnT7ExQHt2uAw"  \
    "EQh3237w5JL/fL1YBCFA=\"}"

#endif
