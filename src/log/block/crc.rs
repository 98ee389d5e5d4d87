//! CRC-32 (ISO-HDLC: the one of zip and Ethernet), eight bytes a step. Its tables are made at first use: as constants they
//! would be the largest part of a small wasm module and hardly compress.

type Tables = [[u32; 256]; 8];

fn tables() -> Box<Tables> {
    let mut tables = Box::new([[0; 256]; 8]);
    for byte in 0..256_u32 {
        let mut crc = byte;
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
        }
        tables[0][byte as usize] = crc;
    }
    for step in 1..8 {
        for byte in 0..256 {
            let before: u32 = tables[step - 1][byte];
            tables[step][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
        }
    }
    tables
}

thread_local! {
    static TABLES: Box<Tables> = tables();
}

/// The checksum of some bytes, given in parts.
pub(crate) fn crc32(parts: &[&[u8]]) -> u32 {
    TABLES.with(|tables| {
        let at = |table: usize, word: u32, shift: u32| tables[table][((word >> shift) & 0xff) as usize];
        let mut crc = !0;
        for part in parts {
            let (words, rest) = part.as_chunks::<8>();
            for &[a, b, c, d, e, f, g, h] in words {
                let low = crc ^ u32::from_le_bytes([a, b, c, d]);
                let high = u32::from_le_bytes([e, f, g, h]);
                crc = at(7, low, 0)
                    ^ at(6, low, 8)
                    ^ at(5, low, 16)
                    ^ at(4, low, 24)
                    ^ at(3, high, 0)
                    ^ at(2, high, 8)
                    ^ at(1, high, 16)
                    ^ at(0, high, 24);
            }
            for &byte in rest {
                crc = (crc >> 8) ^ at(0, crc ^ u32::from(byte), 0);
            }
        }
        !crc
    })
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn known_checksums() {
        assert_eq!(crc32(&[]), 0);
        assert_eq!(crc32(&[b"123456789"]), 0xcbf4_3926);
        assert_eq!(crc32(&[b"The quick brown", b"", b" fox jumps over the lazy dog"]), 0x414f_a339);
    }
}
