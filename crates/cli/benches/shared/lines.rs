//! Only parsing: the least that a program can do with a file of lines.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads the file in blocks, checks each block's UTF-8 once, and parses its lines.
pub fn parse(path: &Path, parse_line: fn(&str) -> bool) {
    let mut file = File::open(path).expect("a file of lines");
    let (mut buffer, mut left, mut parsed) = (vec![0; 512 * 1024], 0, 0_u64);
    loop {
        let read = file.read(&mut buffer[left..][..256 * 1024]).expect("a block");
        if read == 0 {
            break;
        }
        let filled = left + read;
        let whole = memchr::memrchr(b'\n', &buffer[..filled]).map_or(0, |newline| newline + 1);
        let text = std::str::from_utf8(&buffer[..whole]).expect("UTF-8");
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', text.as_bytes()) {
            parsed += u64::from(parse_line(&text[start..newline]));
            start = newline + 1;
        }
        buffer.copy_within(whole..filled, 0);
        left = filled - whole;
    }
    assert!(parsed > 0);
}
