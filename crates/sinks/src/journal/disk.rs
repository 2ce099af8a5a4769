//! A disk that fails and forgets: only what was synced survives a crash for certain, the rest in part.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use super::files::{Files, Stat};

#[derive(Clone)]
pub(super) struct Disk(Arc<Mutex<State>>);

struct State {
    random: fastrand::Rng,
    /// How many of 1000 operations fail.
    failing: u32,
    /// After so many operations everything fails, until the crash.
    left: Option<u32>,
    files: BTreeMap<u64, Content>,
    names: BTreeMap<String, u64>,
    synced_names: BTreeMap<String, u64>,
    changes: Vec<Change>,
    next_inode: u64,
    /// Counts the crashes: nothing that was opened before one is of use.
    age: u32,
}

#[derive(Clone, Default)]
struct Content {
    data: Vec<u8>,
    /// Whether the byte waits to be written.
    dirty: Vec<bool>,
    on_disk: Vec<u8>,
    /// The shortest that the file was since it was synced.
    shortest: usize,
}

enum Change {
    Link(String, u64),
    Rename(String, String),
    Remove(String),
}

fn apply(change: &Change, names: &mut BTreeMap<String, u64>) {
    match change {
        Change::Link(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        Change::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        Change::Remove(name) => {
            names.remove(name);
        }
    }
}

impl Content {
    /// Writes the dirty bytes before `end`.
    fn write_out(&mut self, end: usize) {
        self.on_disk.truncate(self.shortest);
        for at in 0..end.min(self.data.len()) {
            if self.dirty[at] {
                if self.on_disk.len() <= at {
                    // What lies between and never got to the disk reads as zeros.
                    self.on_disk.resize(at + 1, 0);
                }
                self.on_disk[at] = self.data[at];
            }
        }
    }

    fn sync(&mut self) {
        self.write_out(self.data.len());
        self.on_disk.resize(self.data.len(), 0);
        self.dirty.fill(false);
        self.shortest = self.data.len();
    }
}

/// An open file.
pub(super) struct Handle {
    inode: u64,
    age: u32,
}

fn key(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn fault(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, format!("injected: {what}"))
}

impl Disk {
    pub(super) fn new(seed: u64) -> Disk {
        Disk(Arc::new(Mutex::new(State {
            random: fastrand::Rng::with_seed(seed),
            failing: 0,
            left: None,
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            changes: Vec::new(),
            next_inode: 1,
            age: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn set_failing(&self, of_1000: u32) {
        self.state().failing = of_1000;
    }

    /// The machine will stop after so many operations.
    pub(super) fn stop_after(&self, operations: u32) {
        self.state().left = Some(operations);
    }

    /// The process is gone; if the machine is too, so is what was not synced, or a part of it.
    pub(super) fn crash(&self, is_of_the_machine: bool) {
        let mut state = self.state();
        let state = &mut *state;
        state.age += 1;
        state.left = None;
        if !is_of_the_machine {
            return;
        }
        let kept = state.random.usize(0..=state.changes.len());
        for change in state.changes.drain(..).take(kept) {
            apply(&change, &mut state.synced_names);
        }
        state.names = state.synced_names.clone();
        for content in state.files.values_mut() {
            match state.random.u8(0..3) {
                0 => {}
                1 => content.write_out(state.random.usize(0..=content.data.len())),
                _ => {
                    // The later half gets to the disk, a hole is left before it.
                    let hole = state.random.usize(0..=content.data.len());
                    for at in 0..hole {
                        content.dirty[at] = false;
                    }
                    content.write_out(content.data.len());
                }
            }
            content.data = content.on_disk.clone();
            content.dirty = vec![false; content.data.len()];
            content.shortest = content.data.len();
        }
    }

    /// All files by name.
    pub(super) fn all(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let content = |inode: &u64| state.files[inode].data.clone();
        state
            .names
            .iter()
            .map(|(name, inode)| (name.clone(), content(inode)))
            .collect()
    }

    /// Puts a file there, synced.
    pub(super) fn put(&self, name: &str, data: &[u8]) {
        let mut state = self.state();
        let inode = state.link(name.to_owned());
        let content = state.files.get_mut(&inode).unwrap();
        *content = Content {
            data: data.to_vec(),
            dirty: vec![true; data.len()],
            ..Content::default()
        };
        content.sync();
        state.sync_names();
    }
}

impl State {
    fn step(&mut self, what: &str) -> io::Result<()> {
        if let Some(left) = &mut self.left {
            if *left == 0 {
                return Err(fault("stopped"));
            }
            *left -= 1;
        }
        if self.random.u32(0..1000) < self.failing {
            return Err(fault(what));
        }
        Ok(())
    }

    fn link(&mut self, name: String) -> u64 {
        let inode = self.next_inode;
        self.next_inode += 1;
        self.files.insert(inode, Content::default());
        self.change(Change::Link(name, inode));
        inode
    }

    fn change(&mut self, change: Change) {
        apply(&change, &mut self.names);
        self.changes.push(change);
    }

    fn sync_names(&mut self) {
        for change in self.changes.drain(..) {
            apply(&change, &mut self.synced_names);
        }
    }

    fn content(&mut self, file: &Handle) -> &mut Content {
        assert_eq!(file.age, self.age, "used after the crash");
        self.files.get_mut(&file.inode).unwrap()
    }

    fn named(&self, path: &Path) -> io::Result<Handle> {
        let inode = *self.names.get(&key(path)).ok_or(io::ErrorKind::NotFound)?;
        Ok(Handle { inode, age: self.age })
    }
}

impl Files for Disk {
    type File = Handle;

    fn open(&self, path: &Path) -> io::Result<Handle> {
        let mut state = self.state();
        state.step("open")?;
        if !state.names.contains_key(&key(path)) {
            state.link(key(path));
        }
        state.named(path)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Handle> {
        let mut state = self.state();
        state.step("open to read")?;
        state.named(path)
    }

    fn create(&self, path: &Path) -> io::Result<Handle> {
        let mut state = self.state();
        state.step("create")?;
        if state.names.contains_key(&key(path)) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.link(key(path));
        state.named(path)
    }

    fn stat(&self, file: &Handle) -> io::Result<Stat> {
        let mut state = self.state();
        state.step("stat")?;
        Ok(Stat {
            inode: file.inode,
            len: state.content(file).data.len() as u64,
            born: Some(SystemTime::UNIX_EPOCH),
            is_regular: true,
        })
    }

    fn stat_path(&self, path: &Path) -> io::Result<Option<Stat>> {
        let file = self.state().named(path);
        file.ok().map(|file| self.stat(&file)).transpose()
    }

    fn lock(&self, _: &Handle) -> io::Result<bool> {
        self.state().step("lock").map(|()| true)
    }

    fn read_at(&self, file: &Handle, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state();
        state.step("read")?;
        let data = &state.content(file).data;
        let rest = data.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(into.len());
        into[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write(&self, file: &Handle, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        let fails = state.step("write");
        // A write that fails may have written something, and one that does not may have written less than it was given.
        let least = usize::from(fails.is_ok());
        let written = match state.random.u8(0..3) {
            0 if bytes.len() > least => state.random.usize(least..bytes.len()),
            _ => bytes.len(),
        };
        let content = state.content(file);
        content.data.extend_from_slice(&bytes[..written]);
        content.dirty.resize(content.data.len(), true);
        fails.map(|()| written)
    }

    fn rewrite(&self, path: &Path, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state();
        state.step("rewrite")?;
        let file = state.named(path)?;
        let (content, range) = (state.content(&file), offset as usize..offset as usize + bytes.len());
        content.data[range.clone()].copy_from_slice(bytes);
        content.dirty[range].fill(true);
        Ok(())
    }

    fn cut(&self, file: &Handle, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.step("cut")?;
        let content = state.content(file);
        content.data.truncate(len as usize);
        content.dirty.truncate(len as usize);
        content.shortest = content.shortest.min(len as usize);
        Ok(())
    }

    fn sync(&self, file: &Handle) -> io::Result<()> {
        let mut state = self.state();
        if let Err(error) = state.step("sync") {
            // The pages are taken for written, though only some are.
            let len = state.content(file).data.len();
            let written = state.random.usize(0..=len);
            let content = state.content(file);
            content.write_out(written);
            content.dirty.fill(false);
            return Err(error);
        }
        state.content(file).sync();
        Ok(())
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step("sync folder")?;
        state.sync_names();
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step("rename")?;
        state.named(from)?;
        assert!(
            !state.names.contains_key(&key(to)),
            "a file would be lost: {}",
            to.display()
        );
        state.change(Change::Rename(key(from), key(to)));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step("remove")?;
        state.named(path)?;
        state.change(Change::Remove(key(path)));
        Ok(())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.step("list")?;
        Ok(state.names.keys().cloned().collect())
    }
}
