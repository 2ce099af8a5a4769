use std::borrow::Cow;
use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use logferry_model::Severity;
use uuid::Uuid;

use super::*;
use crate::event::{Event, EventId};
use crate::sink::{Sink, Verdict};

fn event(number: usize) -> Event {
    Event {
        text: Bytes::from(format!("{{\"n\":{number}}}")),
        name: Cow::Borrowed("info"),
        key: "pipeline_1".into(),
        severity: Severity::Info,
        created_millis: 0,
        id: EventId::Known(Uuid::nil()),
    }
}

fn config(folder: &Path) -> Config {
    Config {
        path: folder.join("events.ndjson"),
        rotate: Rotate::default(),
        compression: Compression::None,
    }
}

async fn send(sink: &FileSink, numbers: std::ops::Range<usize>) -> Verdict {
    sink.send(&numbers.map(event).collect::<Vec<_>>()).await
}

fn text(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| format!("{{\"n\":{number}}}\n")).collect()
}

#[tokio::test]
async fn rule_11_the_checkpoint_knows_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let sink = FileSink::open(config.clone(), None).await.unwrap();
    assert_eq!(send(&sink, 0..3).await, Verdict::Delivered);
    let mark = sink.acknowledged().unwrap();
    assert_eq!(mark.len, 24);
    assert_eq!(fs::read_to_string(&config.path).unwrap(), text(0..3));

    // Another process, or this one twice.
    let error = FileSink::open(config.clone(), None).await.err().unwrap().to_string();
    assert!(error.contains("another process has it open for writing"), "{error}");
    drop(sink);

    let names = crate::journal::Names::new(config.path.clone()).unwrap();
    let missing = |mark| crate::journal::missing(&crate::journal::System, &names, mark).unwrap();
    assert_eq!(missing(mark), None);
    assert!(missing(FileMark { len: 25, ..mark }).unwrap().contains("SHORTER"));
    // As an earlier release stored it.
    assert_eq!(missing(FileMark { head: 0, ..mark }), None);
    for other in [
        FileMark {
            inode: mark.inode + 1,
            ..mark
        },
        FileMark {
            head: mark.head + 1,
            ..mark
        },
    ] {
        assert!(missing(other).unwrap().contains("ANOTHER FILE"));
    }
    // It was rotated after the checkpoint, and compressed.
    fs::rename(&config.path, folder.path().join("events.20261120T170000Z.ndjson")).unwrap();
    assert_eq!(missing(mark), None);
    crate::journal::tend(&crate::journal::System, &names, true, None).unwrap();
    assert!(folder.path().join("events.20261120T170000Z.ndjson.gz").exists());
    assert_eq!(missing(mark), None);
}

/// A file that is removed leaves its inode to the next one.
#[tokio::test]
async fn rule_11_a_file_with_the_inode_of_a_compressed_one_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let sink = FileSink::open(config.clone(), None).await.unwrap();
    send(&sink, 5..6).await;
    drop(sink);
    let inode = fs::metadata(&config.path).unwrap().ino();
    let former = text(0..3);
    let mut head = flate2::Crc::new();
    head.update(former.as_bytes());
    let mark = FileMark {
        inode,
        len: former.len() as u64,
        head: head.sum(),
    };
    let names = crate::journal::Names::new(config.path.clone()).unwrap();
    let missing = || crate::journal::missing(&crate::journal::System, &names, mark).unwrap();
    assert!(missing().is_some());
    let compressed = fs::File::create(folder.path().join("events.20261120T170000Z.ndjson.gz")).unwrap();
    let builder = flate2::GzBuilder::new().comment(format!("inode {inode}"));
    let mut encoder = builder.write(compressed, flate2::Compression::default());
    encoder.write_all(former.as_bytes()).unwrap();
    encoder.finish().unwrap();
    assert_eq!(missing(), None);
}

#[tokio::test]
async fn a_file_that_is_moved_cut_or_removed_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let sink = FileSink::open(config.clone(), None).await.unwrap();
    send(&sink, 0..1).await;
    let moved = folder.path().join("events.1");
    fs::rename(&config.path, &moved).unwrap();
    assert_eq!(send(&sink, 1..2).await, Verdict::Delivered);
    assert_eq!(
        fs::read_to_string(&moved).unwrap() + &fs::read_to_string(&config.path).unwrap(),
        text(0..2)
    );
    fs::OpenOptions::new()
        .write(true)
        .open(&config.path)
        .unwrap()
        .set_len(0)
        .unwrap();
    assert_eq!(send(&sink, 2..3).await, Verdict::Delivered);
    assert_eq!(fs::read_to_string(&config.path).unwrap(), text(2..3));
    fs::remove_file(&config.path).unwrap();
    assert_eq!(send(&sink, 3..4).await, Verdict::Delivered);
    assert_eq!(fs::read_to_string(&config.path).unwrap(), text(3..4));
}

#[tokio::test]
async fn closed_files_are_compressed_and_hold_everything() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.rotate.max_bytes = Some(30);
    config.compression = Compression::Gzip;
    let sink = FileSink::open(config.clone(), None).await.unwrap();
    for number in 0..9 {
        assert_eq!(send(&sink, number..number + 1).await, Verdict::Delivered);
    }
    sink.close().await.unwrap();
    let mut paths: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().unwrap() == "gz");
    assert_eq!(paths.len(), 2);
    let mut lines = Vec::new();
    for path in paths {
        let mut unpacked = String::new();
        MultiGzDecoder::new(fs::File::open(path).unwrap())
            .read_to_string(&mut unpacked)
            .unwrap();
        lines.extend(unpacked.lines().map(str::to_owned));
    }
    lines.sort();
    assert_eq!(
        lines.join("\n") + "\n" + &fs::read_to_string(&config.path).unwrap(),
        text(0..9)
    );
}

#[tokio::test]
async fn a_full_disk_is_a_reason_to_try_again() {
    let mut config = config(Path::new("/dev"));
    config.path = "/dev/full".into();
    config.rotate.max_bytes = Some(1);
    let sink = FileSink::open(config, None).await.unwrap();
    assert_eq!(sink.acknowledged(), None);
    let Verdict::Retry(later) = send(&sink, 0..1).await else {
        panic!("kept by a full disk")
    };
    assert!(later.reason.contains("/dev/full: "), "{}", later.reason);
    let error = FileSink::open(self::config(Path::new("/no/such/folder")), None)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("/no/such/folder/events.ndjson"), "{error}");
}
